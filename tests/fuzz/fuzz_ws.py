"""Fuzz the WebSocket codec: whatever a stranger sends, the application sees what the oracle says.

    python -m tests.fuzz.fuzz_ws --seconds 60

As `fuzz_scanner`; the handshake's own reader of WebSocket frames is fed the same.
"""

from __future__ import annotations

import errno

from peromq._core.handles_codec import WebSocketCodec
from peromq.zmtp import ProtocolError, websocket
from tests._core.wire import XPUB, pattern, whole
from tests.fuzz import driver
from tests.fuzz.stream import Setups, receive
from tests.oracle import zws
from tests.oracle.zmtp import Frame
from tests.oracle.zws import MASK

OFFENCE = 0x30000000
SETUPS = Setups()
KEPT = 2 << 20
"""What a promise of a large body and the buffers of a group may take, however little arrives."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    client, wire = bool(data[0] & 1), data[2:]
    setup = SETUPS.choose(data[0] // 2, data[1], len(wire))
    limit = 2**62 if setup.limit < 0 else setup.limit
    judged = zws.decode(wire, masked=not client, limit=limit)
    ended = any(opcode == 8 for opcode, _ in judged.controls)
    if setup.socket_type == XPUB or not any(frame.command for frame in judged.frames):
        codec = WebSocketCodec(client=client, mask_seed=bytes(16))
        shown, failed = receive(setup, wire, codec, KEPT)
        assert shown == whole(judged.frames, setup.socket_type == XPUB)
        assert failed == (OFFENCE if judged.offence else errno.ESHUTDOWN if ended else None)
    in_the_handshake(client, judged, setup.limit, wire)


def in_the_handshake(client: bool, judged: zws.Judged, limit: int, data: bytes) -> None:
    reader = websocket.MessageReader(not client, 2**62 if limit < 0 else limit + 1)
    buffer = bytearray(data)
    frames, offence = [], False
    try:
        while (message := reader.take(buffer)) is not None:
            if message.opcode == websocket.CLOSE:
                break
            if message.opcode == websocket.BINARY:
                if not message.payload:
                    raise ProtocolError("no flags")
                first = message.payload[0]
                body = message.payload[1:]
                frames.append(Frame(body, more=bool(first & 1), command=bool(first & 2)))
    except ProtocolError:
        offence = True
    assert (frames, offence) == (judged.frames, judged.offence)


def corpus() -> list[bytes]:
    """Messages of all kinds, whole and in fragments, with control frames between; masked or not."""
    found = []
    for setup in range(2 * len(SETUPS)):
        mask = None if setup & 1 else MASK
        plain = [Frame(b"a", more=True), Frame(b"b" * 124), Frame(b""), Frame(b"c" * 300)]
        small = b"".join(zws.encode(frame, mask) for frame in plain)
        parts = zws.encode(Frame(b"fragments"), mask, 3)
        ping, pong = (zws.frame(b"hi", opcode, mask=mask) for opcode in (9, 10))
        close = zws.frame(b"\x03\xe8bye", 8, mask=mask)
        large = zws.encode(Frame(pattern(1, 17_000)), mask) + small
        command = zws.encode(Frame(b"\x09SUBSCRIBEtopic", command=True), mask)
        text = zws.frame(b"text", 1, mask=mask)
        wires = (
            small,
            parts[:8] + ping + parts[8:] + pong,
            ping + parts + small + close + small,
            large,
            zws.encode(Frame(pattern(2, 40_000)), mask, 4) + ping,
            command + small,
            small + text,
        )
        found += [bytes((setup, setup)) + wire for wire in wires]
    return found


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
