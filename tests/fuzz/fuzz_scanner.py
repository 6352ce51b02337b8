"""Fuzz the scanner: whatever a stranger sends, the application sees what the oracle says.

    python -m tests.fuzz.fuzz_scanner --seconds 60

runs under atheris where that is installed, else mutates captured and large frames, always in the
same order. `fuzz_one` is the target; its input is two octets of set-up, then what the peer sends.
"""

import os
import resource
import sys

from tests._core.wire import PROTOCOL_ERROR, PULL, UNLIMITED, XPUB, Seen, Wire, expected, pattern
from tests.fuzz import driver
from tests.oracle.zmtp import Frame, encode_command, encode_frame, encode_message
from tests.zmtp import golden

TYPES = (PULL, XPUB)
LIMITS = (-1, 0, 40, 20_000)
MARKS = (0, 1, 3, 1000)
SETUPS = len(TYPES) * len(LIMITS) * len(MARKS)
CHUNKS = (1, 2, 3, 8, 9, 10, 447, 448, 449, 1 << 15)
KEPT = (1 << 20) + (1 << 18)
"""What a promise of a large body and two read buffers may take, however little arrives."""
GROWTH = 100 << 20
"""What the process may grow by in a run; a leak of one input each would exceed it many times."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    setup, wire = data[:2].ljust(2, b"\0"), data[2:]
    socket_type = TYPES[setup[0] % len(TYPES)]
    limit = LIMITS[setup[0] // 2 % len(LIMITS)]
    mark = MARKS[setup[0] // 8 % len(MARKS)]
    chunk = CHUNKS[setup[1] % len(CHUNKS)]
    if len(wire) > 3000:
        chunk = max(chunk, 447)  # octet by octet takes a system call for each
    shown, failed = scan(socket_type, limit, mark, chunk, wire)
    judged = expected(
        wire, limit=UNLIMITED if limit < 0 else limit, subscriptions=socket_type == XPUB
    )
    assert (shown, failed) == judged


def scan(
    socket_type: int, limit: int, mark: int, chunk: int, data: bytes
) -> tuple[list[Seen], bool]:
    shown: list[Seen] = []
    with Wire(socket_type, max_size=limit, rcvhwm=mark) as wire:
        window = wire.window
        for start in range(0, len(data), chunk):
            wire.peer.sendall(data[start : start + chunk])
            while True:
                wire.read()
                assert window.memory() <= KEPT + 8 * len(data) + 4096
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
        assert window.failed in (None, PROTOCOL_ERROR)
        wire.drain()
        return shown, window.failed is not None


def corpus() -> list[bytes]:
    """Captured messages and commands, one by one and all together; large frames; odd commands."""
    messages = [message.wire for message in golden.MESSAGES if len(message.wire) < 100_000]
    commands = [command.wire for command in golden.COMMANDS]
    own = [
        encode_message([b"a", b"b" * 255, b"c" * 256]),
        encode_message([pattern(1, 16383), pattern(2, 16384), b"end"]),
        encode_frame(Frame(b"long", more=True), long=True) + encode_message([b""]),
        encode_command(b"SUBSCRIBE", b"t" * 20_000),
        encode_frame(Frame(b"\x09SUBSCRIBE", command=True, more=True)),
    ]
    together = b"".join(m + c for m in messages[:8] for c in commands[:4])
    wires = (*messages, *commands, *own, together, together[::-1])
    return [bytes((setup, setup)) + wire for wire in wires for setup in range(SETUPS)]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, driver.mutations(corpus()), executions)


if __name__ == "__main__":
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    driver.main(fuzz_one, corpus())
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        sys.exit()  # it keeps what was freed, to see who still uses it
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < GROWTH, f"the process grew by {grown >> 20} MiB"
