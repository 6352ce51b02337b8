"""A PGM source on virtual time: schedule, rate, window, repairs."""

import pytest

from peromq._core._window_pgm import SourceWindow, parse
from tests.oracle import pgm, zmtp

MS = 1_000_000
S = 1000 * MS


def kinds(source: SourceWindow, now: int) -> list[int]:
    return [octets[4] for octets, _ in source.pull(now)]


def one(size: int = 5) -> bytes:
    return zmtp.encode_message([b"x" * size])


def sent_over(source: SourceWindow, begin: int, end: int) -> list[tuple[int, int]]:
    """(ms since begin, kind) of everything sent until `end`, waking only when it says so."""
    found, now = [], begin
    while now < end:
        found += [((now - begin) // MS, kind) for kind in kinds(source, now)]
        now = max(source.due(now), now + 1)
    return found


def test_spm_schedule_of_an_idle_source() -> None:
    """Three at the start, then every 30 s."""
    source = SourceWindow()
    assert [t for t, _ in sent_over(source, 0, 100 * S)] == [0, 0, 0, 30000, 60000, 90000]


def test_heartbeats_after_data() -> None:
    source = SourceWindow()
    source.pull(0)
    source.write(one())
    seen = sent_over(source, 1 * S, 28 * S)
    assert seen[0] == (0, pgm.ODATA)
    assert seen[1:] == [(t, pgm.SPM) for t in (100, 200, 300, 400, 500, 1800, 8800, 24800)]


def test_data_restarts_the_heartbeats() -> None:
    source = SourceWindow()
    source.pull(0)
    source.write(one())
    sent_over(source, 0, 450 * MS)
    source.write(one())
    seen = sent_over(source, 450 * MS, 1000 * MS)
    assert seen == [(0, pgm.ODATA), *[(t, pgm.SPM) for t in (100, 200, 300, 400, 500)]]


def test_spms_are_numbered_and_tell_the_window() -> None:
    source = SourceWindow(sqns=4)
    for _ in range(6):
        source.write(one())
    spms = [pgm.read(octets) for octets, _ in source.pull(0) if octets[4] == pgm.SPM]
    assert [spm.sqn for spm in spms] == [0, 1, 2]
    assert (spms[0].trail, spms[0].lead) == (0, 0xFFFFFFFF)
    (beat,) = [pgm.read(octets) for octets, _ in source.pull(101 * MS)]
    assert (beat.sqn, beat.trail, beat.lead) == (3, 2, 5)
    assert source.window == (2, 5)


def test_an_spmr_is_answered_at_once_and_a_flood_of_them_once() -> None:
    source = SourceWindow()
    source.pull(0)
    for _ in range(100):
        assert source.feed(pgm.spmr(), 1) == ""
    assert source.due(1) == 1
    assert kinds(source, 1) == [pgm.SPM]


@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 256, 1423, 1424, 1425, 70_000])
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_frames_are_those_of_zmtp_1(size: int, step: int) -> None:
    messages = [[b"a" * size], [b"b", b"c" * size, b""], [b"last"]]
    stream = b"".join(zmtp.encode_message(parts) for parts in messages)
    source = SourceWindow(sqns=1000)
    source.pull(0)
    for at in range(0, len(stream), step):
        source.write(stream[at : at + step], flush=False)
    source.write(b"")
    payloads = [pgm.read(octets).data for octets, _ in source.pull(0)]
    assert b"".join(payload[2:] for payload in payloads) == pgm.frames(*messages)
    assert all(len(payload) == 1428 for payload in payloads[:-1])
    starts, at = set(), 0
    for parts in messages:
        starts.add(at)
        at += len(pgm.frames(parts))
    at = 0
    for payload in payloads:
        inside = [start - at for start in starts if at <= start < at + len(payload) - 2]
        offset = int.from_bytes(payload[:2], "big")
        expected = min(inside, default=0xFFFF)
        if not inside and payload is payloads[-1] and len(payload) < 1428:
            expected = len(payload) - 2
        assert offset == expected
        at += len(payload) - 2


def test_commands_are_not_multicast() -> None:
    source = SourceWindow()
    source.pull(0)
    source.write(zmtp.encode_frame(zmtp.Frame(b"a", more=True)))
    source.write(zmtp.encode_command(b"PING", b"\0\0" + b"c" * 300))
    source.write(zmtp.encode_frame(zmtp.Frame(b"b")))
    ((octets, _),) = source.pull(0)
    assert pgm.read(octets).data[2:] == pgm.frames([b"a", b"b"])


def test_the_rate_counts_headers_and_allows_a_burst() -> None:
    """100 kbit/s are 12500 octets a second, and one second's worth may go at once."""
    source = SourceWindow(rate=12500.0, sqns=1000)
    source.pull(0)
    for _ in range(40):
        source.write(one(1400))
    size = 24 + 2 + 10 + 1400 + 28
    assert len(source.pull(0)) == 12500 // size
    now, sent = 0, 0
    while now < 10 * S:
        now = max(source.due(now), now + 1)
        sent += sum(kind == pgm.ODATA for kind in kinds(source, now))
    assert sent == 40 - 12500 // size


def test_a_rate_below_one_packet_per_second_moves() -> None:
    source = SourceWindow(rate=125.0)
    for _ in range(3):
        source.write(one(1400))
    seen = [t for t, kind in sent_over(source, 0, 60 * S) if kind == pgm.ODATA]
    assert len(seen) == 3
    assert seen[0] == 0
    assert 10_000 < seen[2] - seen[1] < 13_000


def test_rate_over_time() -> None:
    """At 100 Mbit/s: never more than the rate and one burst, and all of it used."""
    source = SourceWindow(rate=12_500_000.0, sqns=5000)
    now, octets = 0, 0
    while now < S:
        while source.hungry:
            source.write(one(1000), flush=False)
        octets += sum(len(p) + 28 for p, _ in source.pull(now) if p[4] == pgm.ODATA)
        now = max(source.due(now), now + 1)
    assert 12_500_000 <= octets <= 12_500_000 + 125_000 + 1500


def test_only_what_is_in_the_window_is_repaired() -> None:
    source = SourceWindow(sqns=5)
    for number in range(8):
        source.write(zmtp.encode_message([b"%d" % number]))
    source.pull(0)
    assert source.window == (3, 7)
    assert source.feed(pgm.nak([2, 3, 7, 8]), 1) == ""
    sent = [pgm.read(octets) for octets, _ in source.pull(1)]
    assert [(p.kind, p.sqns) for p in sent[:1]] == [(pgm.NCF, [2, 3, 7, 8])]
    assert [(p.kind, p.sqn, p.trail) for p in sent[1:]] == [
        (pgm.RDATA, 3, 3),
        (pgm.RDATA, 7, 3),
    ]


def test_repairs_are_not_doubled() -> None:
    """Two receivers ask for the same before it is sent, and shortly after."""
    source = SourceWindow()
    source.write(one())
    source.pull(0)
    source.feed(pgm.nak([0]), 1 * MS)
    source.feed(pgm.nak([0]), 1 * MS)
    assert kinds(source, 1 * MS) == [pgm.NCF, pgm.NCF, pgm.RDATA]
    source.feed(pgm.nak([0]), 5 * MS)
    assert kinds(source, 5 * MS) == [pgm.NCF]
    source.feed(pgm.nak([0]), 90 * MS)
    assert kinds(source, 90 * MS) == [pgm.NCF, pgm.RDATA]


def test_repairs_are_part_of_the_rate_and_leave_data_half_of_it() -> None:
    """At 100 Mbit/s for a second: all that was sent is asked for, all the time."""
    source = SourceWindow(rate=12_500_000.0, sqns=5000)
    now, octets = 0, {pgm.ODATA: 0, pgm.RDATA: 0, pgm.NCF: 0, pgm.SPM: 0}
    at = 0
    while now < S:
        while source.hungry:
            source.write(one(1000), flush=False)
        first, last = source.window
        if last < 1 << 31:
            for _ in range(3):
                at = at + 63 if at + 126 < last else first
                source.feed(pgm.nak(range(at, min(at + 63, last + 1))), now)
        for packet, _ in source.pull(now):
            octets[packet[4]] += len(packet) + 28
        now = max(source.due(now), now + 1)
    assert octets[pgm.ODATA] > 12_500_000 / 2 - 200_000
    assert octets[pgm.RDATA] > 12_500_000 / 4
    assert sum(octets.values()) <= 12_500_000 + 400_000  # a burst of each


def test_a_flood_of_naks_is_bounded() -> None:
    source = SourceWindow(rate=125_000.0, sqns=5000)
    for _ in range(100):
        source.write(one(1400))
    now = 0
    while source.waiting:
        source.pull(now)
        now = source.due(now)
    sent = 0
    flood = [pgm.nak([(at + i) % 100 for i in range(63)]) for at in range(100)]
    for burst in range(200):
        for nak in flood * 2:
            source.feed(nak, now + burst * MS)
        sent += sum(len(octets) for octets, _ in source.pull(now + burst * MS))
    assert source.stats()["drop_full"] > 20_000
    assert sent < 1_000_000 * 1.2 + 10_000  # confirmations and repairs: 8 Mbit/s, and its burst


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (pgm.nak([0], sport=7), "session"),
        (pgm.nak([0], dport=7), "session"),
        (pgm.nak([0], gsi=bytes(6)), "session"),
        (pgm.nak([0], address=bytes(4)), "nla"),
        (pgm.nak([0], group=bytes(4)), "nla"),
        (pgm.spm(0, 0, 0), "session"),
        (pgm.seal(pgm.header(pgm.NNAK, upstream=True) + pgm.words(0) + 2 * pgm.nla(bytes(4))), ""),
        (
            pgm.seal(pgm.header(pgm.NCF, upstream=True) + pgm.words(0) + 2 * pgm.nla(bytes(4))),
            "type",
        ),
        (b"", "short"),
    ],
)
def test_what_is_not_for_a_source_is_dropped(datagram: bytes, reason: str) -> None:
    source = SourceWindow()
    source.write(one())
    source.pull(0)
    assert source.feed(datagram, 1) == reason
    assert source.pull(1) == []
    if reason:
        assert source.stats()["drop_" + reason] == 1


def test_the_end_waits_for_what_is_unsent() -> None:
    source = SourceWindow(rate=12500.0)
    for _ in range(20):
        source.write(one(1400))
    source.finish()
    seen = sent_over(source, 0, 10 * S)
    assert [kind for _, kind in seen].count(pgm.ODATA) == 20
    assert [kind for _, kind in seen[-3:]] == [pgm.SPM] * 3
    assert source.ended
    assert not source.hungry
    assert source.pull(11 * S) == []


def test_sequence_numbers_wrap() -> None:
    source = SourceWindow(sqns=4)
    source.next_sqn = 0xFFFFFFFD
    for number in range(6):
        source.write(zmtp.encode_message([b"%d" % number]))
    data = [pgm.read(octets) for octets, _ in source.pull(0) if octets[4] == pgm.ODATA]
    assert [packet.sqn for packet in data] == [0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF, 0, 1, 2]
    assert source.window == (0xFFFFFFFF, 2)
    source.feed(pgm.nak([0xFFFFFFFE, 0xFFFFFFFF, 1]), 1)
    sent = [pgm.read(octets) for octets, _ in source.pull(1)]
    assert [(p.kind, p.sqn) for p in sent[1:]] == [(pgm.RDATA, 0xFFFFFFFF), (pgm.RDATA, 1)]


def test_a_window_of_one_packet() -> None:
    source = SourceWindow(sqns=1)
    for _ in range(100):
        source.write(one())
    assert len(source.pull(0)) == 103
    assert source.window == (99, 99)
    assert parse(source.pull(200 * MS)[0][0])[0] == ""
