"""Fuzz the WebSocket codec: whatever a stranger sends, the application sees what the oracle says.

    python -m tests.fuzz.fuzz_ws --seconds 60

As `fuzz_scanner`; the handshake's own reader of WebSocket frames is fed the same.
"""

from __future__ import annotations

import errno

from peromq._core.handles_codec import WebSocketCodec
from peromq.zmtp import ProtocolError, websocket
from tests._core.wire import PULL, XPUB, Seen, Wire, pattern, whole
from tests.fuzz import driver
from tests.oracle import zws
from tests.oracle.zmtp import Frame
from tests.oracle.zws import MASK

OFFENCE = 0x30000000
TYPES = (PULL, XPUB)
LIMITS = (-1, 0, 40, 20_000)
MARKS = (0, 1, 3, 1000)
SETUPS = 2 * len(TYPES) * len(LIMITS) * len(MARKS)
CHUNKS = (1, 2, 3, 8, 9, 10, 447, 448, 449, 1 << 15)
KEPT = 2 << 20
"""What a promise of a large body and the buffers of a group may take, however little arrives."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    setup, wire = data[:2].ljust(2, b"\0"), data[2:]
    client = bool(setup[0] & 1)
    socket_type = TYPES[setup[0] // 2 % len(TYPES)]
    limit = LIMITS[setup[0] // 4 % len(LIMITS)]
    mark = MARKS[setup[0] // 16 % len(MARKS)]
    chunk = CHUNKS[setup[1] % len(CHUNKS)]
    if len(wire) > 3000:
        chunk = max(chunk, 447)
    judged = zws.decode(wire, masked=not client, limit=2**62 if limit < 0 else limit)
    ended = any(opcode == 8 for opcode, _ in judged.controls)
    if socket_type == XPUB or not any(frame.command for frame in judged.frames):
        shown, failed = read(client, socket_type, limit, mark, chunk, wire)
        assert shown == whole(judged.frames, socket_type == XPUB)
        assert failed == (OFFENCE if judged.offence else errno.ESHUTDOWN if ended else None)
    in_the_handshake(client, judged, limit, wire)


def read(
    client: bool, socket_type: int, limit: int, mark: int, chunk: int, data: bytes
) -> tuple[list[Seen], int | None]:
    shown: list[Seen] = []
    codec = WebSocketCodec(client=client, mask_seed=bytes(16))
    with Wire(socket_type, max_size=limit, rcvhwm=mark, codec=codec) as wire:
        window = wire.window
        for start in range(0, len(data), chunk):
            wire.peer.sendall(data[start : start + chunk])
            while True:
                wire.read()
                assert window.memory() <= KEPT + 8 * len(data)
                if mark == 0:
                    break
                seen = window.receive(mark)
                shown += seen
                if not seen and not (wire.readable() and not window.paused):
                    break
                if window.failed is not None:
                    break
            if window.failed is not None:
                break
        shown += window.receive()
        wire.drain()
        return shown, window.failed


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
    for setup in range(SETUPS):
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
    driver.run(fuzz_one, driver.mutations(corpus()), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
