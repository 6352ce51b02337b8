"""Fuzz CURVE inside WebSocket: what was sealed is seen, or nothing, whatever a stranger sends.

    python -m tests.fuzz.fuzz_ws_curve --seconds 60

As `fuzz_ws`. The judge reads the WebSocket messages naively and opens them with PyNaCl's boxes.
"""

from __future__ import annotations

import errno

from tests._core.wire import UNLIMITED, XPUB, pattern, whole
from tests._core.ws_curve import FIRST, KEY, codec, mask, sealed
from tests.fuzz import driver
from tests.fuzz.stream import Setups, receive
from tests.oracle import zws
from tests.oracle.curve import CLIENT, MALFORMED_MESSAGE, SERVER, Box, Refused
from tests.oracle.zmtp import Frame

OFFENCE = 0x30000000
EXTRA = 33
SETUPS = Setups(marks=(0, 1, 3), chunks=(1, 2, 35, 36, 39, 40, 48, 447, 4096, 1 << 15))
KEPT = 2 << 20
"""What a promise of a large body and the buffers of a group may take, however little arrives."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    client, wire = bool(data[0] & 1), data[2:]
    setup = SETUPS.choose(data[0] // 2, data[1], len(wire))
    frames, reason = judge(client, wire, UNLIMITED if setup.limit < 0 else setup.limit)
    shown, failed = receive(setup, wire, codec(client), KEPT)
    assert shown == whole(frames, setup.socket_type == XPUB)
    # that a message is too short for a box shows in its header, before the rest has come
    assert failed == reason or (reason is None and failed == MALFORMED_MESSAGE)


def judge(client: bool, wire: bytes, limit: int) -> tuple[list[Frame], int | None]:
    """The frames up to the first offence, and what that is."""
    found = zws.decode(wire, masked=not client, limit=min(limit + EXTRA, 2**62))
    box, last = Box(KEY, SERVER if client else CLIENT), FIRST - 1
    frames = []
    for outer in found.frames:
        if outer.more or len(outer.body) < EXTRA:
            return frames, MALFORMED_MESSAGE
        try:
            frame, last = box.open(outer, last)
        except Refused as refused:
            return frames, refused.args[0]
        frames.append(frame)
    ended = any(opcode == 8 for opcode, _ in found.controls)
    return frames, OFFENCE if found.offence else errno.ESHUTDOWN if ended else None


def corpus() -> list[bytes]:
    """Sealed messages, whole and in fragments; replays, plain ones, control frames between."""
    plain = [
        Frame(b"a", more=True),
        Frame(b"b" * 91),
        Frame(b""),
        Frame(b"c" * 300),
        Frame(b"\x09SUBSCRIBEtopic", command=True),
        Frame(pattern(1, 17_000)),
    ]
    found = []
    for setup in range(2 * len(SETUPS)):
        client = bool(setup & 1)
        own = mask(client)
        whole_ones = [sealed(frame, FIRST + i, client=client) for i, frame in enumerate(plain)]
        cut = [sealed(frame, FIRST + i, client=client, pieces=3) for i, frame in enumerate(plain)]
        ping = zws.frame(b"hi", 9, mask=own)
        wires = (
            b"".join(whole_ones),
            b"".join(whole_ones[:4]) + zws.frame(b"\x03\xe8", 8, mask=own),
            b"".join(cut[:4]) + ping,
            cut[0][:40] + ping + cut[0][40:] + whole_ones[1],
            whole_ones[3] + whole_ones[3],
            whole_ones[1] + zws.encode(Frame(b"in clear" * 8), own),
            whole_ones[0] + zws.encode(Frame(b"\x07MESSAGE" + bytes(24)), own),
            cut[5],
        )
        found += [bytes((setup, setup)) + wire for wire in wires]
    return found


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
