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
    """Feed one input; raises AssertionError on a bug.

    The source and the receiver also hear each other, so that repairs and losses come about.
    """
    setup, octets = data[:2].ljust(2, b"\0"), data[2:]
    step = (0, MS, 40 * MS, 250 * MS)[setup[1] % 4]
    slow = bool(setup[1] & 4)  # the application takes nothing before the end
    deaf = bool(setup[1] & 8)  # the receiver hears the source only by what the input has of it
    receiver = ReceiverWindow(sqns=WINDOW, max_feeds=SOURCES, max_size=1000 * (setup[1] % 2) - 1)
    source = SourceWindow(sqns=4)
    source.next_sqn = 0xFFFFFFFE if setup[1] & 16 else 0
    for number in range(6):
        source.write(zmtp.encode_message([b"%d" % number * 20]))
    heard = [octets for octets, _ in source.pull(0)]
    stream = bytearray()
    now = 0
    for datagram in datagrams(octets, setup[0] % 8 != 0):
        reason, said = parse(datagram)
        assert bool(reason) != bool(said)
        receiver.feed(datagram, now)
        source.feed(datagram, now)
        for own in heard if not deaf else ():
            receiver.feed(own, now)
        now += step
        asked = [answer for answer, _ in receiver.pull(now)]
        for answer in asked:
            pgm.read(answer)
            source.feed(answer, now)
        heard = [answer for answer, _ in source.pull(now)]
        assert len(asked) <= SOURCES * (WINDOW + 2)
        assert len(heard) <= 70 + 4 + 6  # confirmations, the window, SPMs
        for answer in heard:
            pgm.read(answer)
        if not slow:
            stream += receiver.take()
        assert receiver.sources <= SOURCES
        assert receiver.missing <= SOURCES * WINDOW
        assert receiver.held <= SOURCES * WINDOW * 2100 + 2 * len(data) + 2000
        assert receiver.due(now) >= now
        assert source.due(now) >= now
    while receiver.waiting:
        stream += receiver.take()
    frames, rest = zmtp.decode(bytes(stream))
    assert rest == b""
    assert zmtp.messages(frames)[1] == []
    assert sum(receiver.losses().values()) == receiver.stats()["lost"]


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
    body = pgm.apdu(stream, 0)
    with_options = [
        [(1, b"\0\0" + pgm.words(2, 0, 5000))],  # FRAGMENT
        [(1, b"\0\0" + pgm.words(2, 0, len(body)))],  # of the whole
        [(3, b"\0\0" + pgm.words(1))],  # JOIN
        [(8, b"\0\1" + pgm.words(8)), (0x0D, b"\0\0")],  # PARITY_PRM, SYN
        [(0x0F, b"\0\1")],  # RST
        [(0x55, b"\0\0" + bytes(200))],
        [(kind, b"\0\0") for kind in range(0x60, 0x6F)],  # as many as there may be
    ]
    for number, values in enumerate(with_options):
        option = pgm.options(*values)
        head = pgm.header(pgm.ODATA, options=1, tsdu=len(body)) + pgm.words(2 + number, 0)
        others.append(pgm.seal(head + option + body))
        others.append(
            pgm.seal(
                pgm.header(pgm.SPM, options=1)
                + pgm.words(number, 0, 3)
                + pgm.nla(pgm.SELF)
                + option
            )
        )
    others += [
        pgm.nak([0, 1, 2, 3], sport=0x4260),
        pgm.nak(range(63)),
        pgm.nak(range(63), pgm.NCF),
        pgm.spm(0, 0, 0x80000000),
        pgm.spm(3, 0xFFFFFFF0, 5),
        pgm.spm(4, 0, 3, address=bytes(15) + b"\1"),
        pgm.data(0xFFFFFFFF, 0xFFFFFFF0, body),
        pgm.data(60, 50, body),
        pgm.seal(pgm.header(pgm.RDATA, options=0x80, tsdu=len(body)) + pgm.words(1, 0) + body),
        pgm.data(1, 0, pgm.apdu(b"\xff" + (1 << 40).to_bytes(8, "big") + b"\0", 0)),
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
