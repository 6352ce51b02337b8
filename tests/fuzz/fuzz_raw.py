"""Fuzz STREAM and ROUTER_RAW: octets without frames, both ways, whatever the marks and the cuts.

    python -m tests.fuzz.fuzz_raw --seconds 60

What arrives is what was sent, in messages of at most 8192 octets; what is sent goes out as it is,
without an octet more, however it is made of frames.
"""

from __future__ import annotations

from peromq._core.handles_codec import RawCodec
from tests._core.wire import PUSH, ROUTER, Wire, pattern
from tests.fuzz import driver
from tests.fuzz.stream import Setups, feed

STREAM = 11
PIECE = 8192
SETUPS = Setups()
KEPT = 2 << 20


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    octets = data[2:]
    setup = SETUPS.choose(data[0] // 2, data[1], len(octets))
    # A STREAM knows no MAXMSGSIZE; a raw ROUTER's messages are as long as what is read at once.
    kind = ROUTER if data[0] & 1 else STREAM
    limit = -1 if kind == ROUTER else setup.limit
    with Wire(kind, max_size=limit, rcvhwm=setup.mark, codec=RawCodec()) as wire:
        seen = feed(wire, octets, setup._replace(socket_type=kind), KEPT)
        assert b"".join(body for body, _, _ in seen) == octets
        assert all(0 < len(body) <= PIECE and not more for body, more, _ in seen)
        assert wire.window.failed is None
        assert wire.drain() == b""
    goes_out(octets, setup.chunk)


def goes_out(octets: bytes, chunk: int) -> None:
    got = b""
    with Wire(PUSH, codec=RawCodec()) as wire:
        for number, start in enumerate(range(0, len(octets), chunk)):
            piece = octets[start : start + chunk]
            assert wire.window.send(piece, number % 3 == 1 and start + chunk < len(octets)) == 0
            if number % 5 == 0:
                wire.window.write()
            if number % 7 == 0:
                wire.window.ping()  # there is none
            got += wire.drain()
        while wire.window.queued():
            wire.window.write()
            wire.window.out_event()
            got += wire.drain()
        got += wire.drain()
    assert got == octets


def corpus() -> list[bytes]:
    """Texts, what looks like ZMTP, and sizes around those of pieces and chunks."""
    texts = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48) + b"\x04\x19\x05READY",
        b"\x01\x00\x04PING\x00\x00",
        pattern(1, 447) + b"\0" + pattern(2, 300),
        pattern(3, PIECE),
        pattern(4, PIECE + 1),
        pattern(5, 3 * PIECE - 1),
        pattern(6, 100_000),
    ]
    return [
        bytes((setup, setup)) + text for setup in range(0, 2 * len(SETUPS), 5) for text in texts
    ]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
