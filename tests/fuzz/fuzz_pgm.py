"""Fuzz the PGM parser, source and receiver: whatever datagrams come, they are taken or dropped.

    python -m tests.fuzz.fuzz_pgm --seconds 60

The input's first two octets say how often its checksum is made good and how time passes; then
follow datagrams, each with its length in two octets before it.
"""

from collections.abc import Iterator

from peromq._core._window_pgm import ReceiverWindow, SourceWindow, parse
from tests.fuzz import driver
from tests.oracle import pgm, zmtp

MS = 1_000_000
WINDOW, SOURCES = 64, 4


def datagrams(octets: bytes, honest: bool) -> Iterator[bytes]:
    while len(octets) > 2:
        size = int.from_bytes(octets[:2], "big") % 2048
        datagram, octets = octets[2 : 2 + size], octets[2 + size :]
        yield pgm.seal(datagram) if honest and len(datagram) >= 16 else datagram


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    setup, octets = data[:2].ljust(2, b"\0"), data[2:]
    step = (0, MS, 40 * MS, 250 * MS)[setup[1] % 4]
    receiver = ReceiverWindow(sqns=WINDOW, max_feeds=SOURCES, max_size=1000 * (setup[1] % 2) - 1)
    source = SourceWindow(sqns=4)
    for number in range(6):
        source.write(zmtp.encode_message([b"%d" % number * 20]))
    source.pull(0)
    now = 0
    for datagram in datagrams(octets, setup[0] % 8 != 0):
        reason, said = parse(datagram)
        assert bool(reason) != bool(said)
        receiver.feed(datagram, now)
        source.feed(datagram, now)
        now += step
        for answer, _ in [*receiver.pull(now), *source.pull(now)]:
            pgm.read(answer)
        frames, rest = zmtp.decode(receiver.take())
        assert rest == b""
        assert zmtp.messages(frames)[1] == []
        assert receiver.sources <= SOURCES
        assert receiver.missing <= SOURCES * WINDOW
        assert receiver.held <= SOURCES * WINDOW * 2100 + 2 * len(data)


def together(*packets: bytes) -> bytes:
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


def corpus() -> list[bytes]:
    stream = pgm.frames([b"a", b"b" * 300], [b"c"])
    data = [pgm.data(n, 0, pgm.apdu(stream[n * 100 : n * 100 + 100], 0)) for n in range(4)]
    rdata = [pgm.data(n, 0, pgm.apdu(stream, 0), pgm.RDATA) for n in range(4)]
    spms = [pgm.spm(n, 0, n + 1) for n in range(3)]
    others = [
        pgm.nak([0, 1, 2]),
        pgm.nak([1], pgm.NCF),
        pgm.nak([1, 5, 9], pgm.NCF),
        pgm.spmr(),
        pgm.spm(9, 2, 5, fin=True),
        pgm.seal(pgm.header(pgm.POLL) + bytes(40)),
        pgm.data(5, 0, b"", sport=77),
    ]
    wires = [
        together(*spms, *data),
        together(*data, *spms, *rdata),
        together(data[0], spms[0], data[3], *others, *rdata),
        together(*others),
        *[together(packet) for packet in (*data, *spms, *others)],
    ]
    return [bytes((setup, setup)) + wire for wire in wires for setup in range(8)]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus(), growth=100 << 20)
