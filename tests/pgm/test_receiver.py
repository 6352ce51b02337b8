"""A PGM receiver on virtual time: order, gaps, NAKs, losses, resynchronisation."""

import itertools
import random

import pytest

from peromq._core._window_pgm import ReceiverWindow
from tests.oracle import pgm, zmtp

MS = 1_000_000
S = 1000 * MS


def packet(number: int, trail: int = 0, kind: int = pgm.ODATA, **ids: object) -> bytes:
    """One message, its number, in one packet."""
    return pgm.data(number, trail, pgm.apdu(pgm.frames([b"%d" % number])), kind, **ids)


def got(receiver: ReceiverWindow) -> list[list[bytes]]:
    frames, rest = zmtp.decode(receiver.take())
    assert rest == b""
    complete, unfinished = zmtp.messages(frames)
    assert unfinished == []
    return complete


def numbers(receiver: ReceiverWindow) -> list[int]:
    return [int(parts[0]) for parts in got(receiver)]


def begun(**options: object) -> ReceiverWindow:
    """A receiver that has heard an SPM and packet 0."""
    receiver = ReceiverWindow(**options)
    assert receiver.feed(pgm.spm(0, 0, -1), 0) == ""
    assert receiver.feed(packet(0), 0) == ""
    assert numbers(receiver) == [0]
    return receiver


def naks(receiver: ReceiverWindow, now: int) -> list[list[int]]:
    """What it asks for until then, woken whenever it wants to be."""
    found, woken = [], 0
    while woken <= now:
        sent = [pgm.read(octets) for octets, _ in receiver.pull(woken)]
        found += [packet.sqns for packet in sent if packet.kind == pgm.NAK]
        woken = max(receiver.due(woken), woken + MS)
    return found


def test_in_order() -> None:
    receiver = begun()
    for number in range(1, 200):
        assert receiver.feed(packet(number), 0) == ""
    assert numbers(receiver) == list(range(1, 200))
    assert receiver.pull(100 * MS) == []


def test_reordered_and_doubled() -> None:
    receiver = begun()
    order = [n for n in range(1, 60) for _ in range(2)]
    random.Random(5).shuffle(order)
    for number in order:
        receiver.feed(packet(number), 0)
    assert numbers(receiver) == list(range(1, 60))
    assert receiver.stats()["drop_duplicate"] == 59
    assert receiver.missing == receiver.held == 0
    assert naks(receiver, 100 * MS) == []


def test_a_gap_is_asked_for_confirmed_and_repaired() -> None:
    receiver = begun()
    for number in (1, 2, 6, 7):
        receiver.feed(packet(number), 0)
    assert numbers(receiver) == [1, 2]
    assert receiver.missing == 3
    assert naks(receiver, 51 * MS) == [[3, 4, 5]]
    receiver.feed(pgm.nak([3, 4, 5], pgm.NCF), 52 * MS)
    assert naks(receiver, 200 * MS) == []
    for number in (3, 5):
        receiver.feed(packet(number, kind=pgm.RDATA), 200 * MS)
    assert numbers(receiver) == [3]
    assert naks(receiver, 320 * MS) == [[4]]  # 200 ms after the NCF, and a back-off
    receiver.feed(packet(4, kind=pgm.RDATA), 330 * MS)
    assert numbers(receiver) == [4, 5, 6, 7]
    assert receiver.stats()["losses"] == 0


def test_back_off_is_random_and_within_50_ms() -> None:
    waits = []
    for seed in range(1, 200):
        receiver = begun(seed=seed * 7919)
        receiver.feed(packet(2), 0)
        now = 0
        while not receiver.pull(now):
            now = max(receiver.due(now), now + 1)
            assert now <= 51 * MS
        waits.append(now // MS)
    assert min(waits) <= 3
    assert max(waits) >= 47
    assert len(set(waits)) > 30


def test_back_off_after_a_long_silence() -> None:
    """Or all of a group would ask at once about what was lost when the stream begins again."""
    waits = []
    for seed in range(1, 100):
        receiver = begun(seed=seed * 7919)
        receiver.feed(packet(2), 700 * MS)
        now = 700 * MS
        while not receiver.pull(now):
            now = max(receiver.due(now), now + 1)
        waits.append(now // MS - 700)
    assert len(set(waits)) > 25
    assert sum(wait > 10 for wait in waits) > 60


def test_waiting_adapts_to_how_long_repairs_take() -> None:
    """A repair that is lost in its turn is asked for again soon, then less and less often."""
    receiver = begun(sqns=1000)
    now = 0
    for number in range(2, 42, 2):  # each other one is repaired 2 ms after it was asked for
        receiver.feed(packet(number), now)
        while not receiver.pull(now):
            now += MS
        now += 2 * MS
        receiver.feed(pgm.nak([number - 1], pgm.NCF), now)
        receiver.feed(packet(number - 1, kind=pgm.RDATA), now)
    receiver.feed(packet(42), now)
    asked = []
    until = now + 1000 * MS
    while now < until:
        for _ in receiver.pull(now):
            asked.append(now)
            receiver.feed(pgm.nak([41], pgm.NCF), now + 2 * MS)
        now += MS
    gaps = [(b - a) // MS for a, b in itertools.pairwise(asked)]
    for gap, least in zip(gaps, (25, 50, 100, 200), strict=False):
        assert least <= gap <= least + 55
    assert len(gaps) >= 4


def test_losses_are_told_by_source_and_once() -> None:
    receiver = ReceiverWindow(max_feeds=2)
    for sport in (10, 11):
        receiver.feed(pgm.spm(0, 0, -1, sport=sport), 0)
        receiver.feed(packet(0, sport=sport), 0)
    receiver.feed(packet(4, 4, sport=10), 0)
    receiver.feed(packet(7, 7, sport=11), 0)
    receiver.feed(packet(9, 9, sport=11), 0)
    assert receiver.losses() == {10: 3, 11: 6 + 1}
    assert receiver.losses() == {}
    receiver.feed(packet(20, 20, sport=10), 0)
    for sport in (12, 13):  # they take the places of the first two
        receiver.feed(packet(0, sport=sport), 1)
    assert receiver.losses() == {0: 15}
    assert receiver.losses() == {}


def test_naks_are_repeated_and_given_up() -> None:
    """200 ms and a back-off apart, 51 times; then it is lost, once, and the stream goes on."""
    receiver = begun()
    receiver.feed(packet(2), 0)
    now, asked = 0, []
    while now < 60 * S and receiver.missing:
        asked += [now for _ in receiver.pull(now)]
        now = max(receiver.due(now), now + 1)
    assert len(asked) == 51
    gaps = [(b - a) // MS for a, b in itertools.pairwise(asked)]
    assert 200 <= min(gaps) <= max(gaps) <= 254
    assert numbers(receiver) == [2]
    assert receiver.stats()["losses"] == receiver.stats()["lost"] == 1


def test_an_ncf_spares_the_nak() -> None:
    receiver = begun()
    receiver.feed(packet(2), 0)
    receiver.feed(pgm.nak([1], pgm.NCF), 0)
    assert naks(receiver, 190 * MS) == []
    assert receiver.stats()["suppressed"] == 1
    assert naks(receiver, 260 * MS) == [[1]]


def test_somebody_elses_nak_spares_ours() -> None:
    receiver = begun()
    receiver.feed(packet(2), 0)
    assert receiver.feed(pgm.nak([1]), 0) == ""
    assert naks(receiver, 190 * MS) == []
    assert naks(receiver, 260 * MS) == [[1]]


def test_who_is_often_spared_waits_longer() -> None:
    """In a crowd only a few should be first."""
    waits = []
    for seed in range(1, 40):
        receiver = begun(sqns=1000, seed=seed)
        for number in range(2, 100, 2):
            receiver.feed(packet(number), 0)
            receiver.feed(pgm.nak([number - 1], pgm.NCF), 0)
            receiver.feed(packet(number - 1, kind=pgm.RDATA), 0)
        receiver.feed(packet(100), 0)
        now = 0
        while not receiver.pull(now):
            now = max(receiver.due(now), now + 1)
        waits.append(now // MS)
    assert sum(wait > 35 for wait in waits) > 25
    assert max(waits) <= 50


def test_an_spm_tells_of_what_was_lost_at_the_end() -> None:
    receiver = begun()
    receiver.feed(pgm.spm(1, 0, 3), 0)
    assert naks(receiver, 51 * MS) == [[1, 2, 3]]


def test_an_ncf_beyond_the_lead_opens_the_window() -> None:
    receiver = begun()
    receiver.feed(pgm.nak([2], pgm.NCF), 0)
    assert receiver.missing == 2
    assert naks(receiver, 100 * MS) == [[1]]


def test_long_gaps_take_several_naks() -> None:
    receiver = begun(sqns=1000)
    receiver.feed(packet(200), 0)
    asked = naks(receiver, 51 * MS)
    assert [len(sqns) for sqns in asked] == [63, 63, 63, 10]
    assert list(itertools.chain(*asked)) == list(range(1, 200))


def test_no_nak_before_an_spm_told_where_to() -> None:
    receiver = ReceiverWindow()
    receiver.feed(packet(5), 0)
    receiver.feed(packet(7), 0)
    assert [pgm.read(octets).kind for octets, _ in receiver.pull(60 * MS)] == [pgm.SPMR] * 2
    assert naks(receiver, 200 * MS) == []
    receiver.feed(pgm.spm(0, 0, 7), 200 * MS)
    assert naks(receiver, 260 * MS) == [[6]]


def test_spmr_after_25_ms_unless_somebody_else_asks_or_an_spm_comes() -> None:
    receiver = ReceiverWindow()
    receiver.feed(packet(5), 0)
    assert receiver.pull(24 * MS) == []
    assert receiver.due(24 * MS) == 25 * MS
    assert [to for _, to in receiver.pull(25 * MS)] == [None, pgm.SELF]
    assert receiver.pull(50 * MS) == []
    for sport, relief in ((8, pgm.spmr(sport=8)), (9, pgm.spm(0, 0, 5, sport=9))):
        receiver.feed(packet(5, sport=sport), 60 * MS)
        assert receiver.feed(relief, 61 * MS) == ""
        assert receiver.pull(100 * MS) == []


def test_spmr_is_repeated_until_an_spm_comes() -> None:
    receiver = ReceiverWindow()
    asked, now = [], 0
    for number in range(60):
        receiver.feed(packet(number), now)
        asked += [now // MS for _, to in receiver.pull(now) if to is None]
        now += 25 * MS
    assert asked == [25, 275, 775]
    receiver.feed(pgm.spm(0, 0, 60), now)
    assert all(octets[4] == pgm.NAK for octets, _ in receiver.pull(10 * S))


def test_history_is_not_asked_for() -> None:
    receiver = ReceiverWindow()
    receiver.feed(packet(50), 0)
    receiver.feed(pgm.spm(0, 10, 51), 0)
    assert naks(receiver, 60 * MS) == [[51]]
    late = ReceiverWindow()
    late.feed(pgm.spm(0, 10, 51), 0)
    late.feed(packet(52, 10), 0)
    assert numbers(late) == [52]
    assert late.feed(packet(51, 10), 0) == "duplicate"
    assert ReceiverWindow().feed(packet(3, kind=pgm.RDATA), 0) == "unknown"


def test_what_the_source_has_no_more_is_lost_once_and_the_rest_goes_on() -> None:
    receiver = begun()
    for number in (5, 6, 9):
        receiver.feed(packet(number), 0)
    receiver.feed(pgm.spm(1, 8, 10), 0)
    assert numbers(receiver) == [5, 6]
    assert receiver.stats()["losses"] == 2
    assert receiver.stats()["lost"] == 4 + 1
    receiver.feed(packet(8, 8, pgm.RDATA), 0)
    assert numbers(receiver) == [8, 9]
    receiver.feed(packet(10, 8), 0)
    assert numbers(receiver) == [10]


def test_a_full_window_loses_its_oldest_gap() -> None:
    receiver = begun(sqns=10)
    for number in range(2, 30):
        receiver.feed(packet(number), 0)
    assert numbers(receiver) == list(range(2, 30))
    assert receiver.stats()["lost"] == 1
    receiver.feed(packet(1000), 0)
    assert receiver.stats()["lost"] == 1 + (1000 - 30) - 9
    assert receiver.missing == 9
    assert numbers(receiver) == []
    receiver.feed(pgm.spm(1, 1000, 1000), 0)
    assert numbers(receiver) == [1000]


def test_sequence_numbers_wrap() -> None:
    receiver = ReceiverWindow()
    first = 0xFFFFFFFA
    receiver.feed(pgm.spm(0xFFFFFFFF, first, first - 1), 0)
    order = list(range(12))
    random.Random(3).shuffle(order)
    for step in order:
        sqn = (first + step) & 0xFFFFFFFF
        payload = pgm.apdu(pgm.frames([b"%d" % step]))
        assert receiver.feed(pgm.data(sqn, first, payload), 0) == ""
    assert numbers(receiver) == list(range(12))
    assert receiver.feed(pgm.spm(0, first, first + 12), 0) == ""
    assert naks(receiver, 60 * MS) == [[(first + 12) & 0xFFFFFFFF]]


def test_several_sources_are_kept_apart() -> None:
    receiver = ReceiverWindow()
    ids = [{"sport": 10}, {"sport": 11}, {"sport": 10, "gsi": bytes(6)}]
    for own in ids:
        receiver.feed(pgm.spm(0, 0, -1, **own), 0)
    for number in range(4):
        for own in ids:
            receiver.feed(packet(number, **own), 0)
    assert numbers(receiver) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert receiver.sources == 3


# ---------------------------------------------------------------- the stream inside


def stream_packets(
    messages: list[list[bytes]], size: int, first: int = 0, **ids: object
) -> list[bytes]:
    """A stream cut every `size` octets, with libzmq's offsets."""
    starts, stream = [], b""
    for parts in messages:
        starts.append(len(stream))
        stream += pgm.frames(parts)
    found = []
    for at in range(0, len(stream), size):
        here = [s - at for s in starts if at <= s < at + size]
        payload = pgm.apdu(stream[at : at + size], here[0] if here else 0xFFFF)
        found.append(pgm.data(first + len(found), first, payload, **ids))
    return found


MESSAGES = [
    [b"a"],
    [b"b" * 300, b"", b"c" * 253],
    [b"d" * 254],
    [b""],
    [b"e" * 5000, b"f"],
    [b"g" * 255],
    [b"h"],
]


@pytest.mark.parametrize("size", [1, 2, 3, 9, 10, 11, 255, 256, 1000, 100_000])
def test_messages_cut_anywhere(size: int) -> None:
    receiver = ReceiverWindow(sqns=10_000)
    receiver.feed(pgm.spm(0, 0, -1), 0)
    for datagram in stream_packets(MESSAGES, size):
        assert receiver.feed(datagram, 0) == ""
    assert got(receiver) == MESSAGES
    assert receiver.held == 0


@pytest.mark.parametrize("size", [7, 100, 1000])
def test_a_loss_costs_the_messages_it_touches_and_no_more(size: int) -> None:
    packets = stream_packets(MESSAGES, size)
    for hole in range(len(packets)):
        receiver = ReceiverWindow(sqns=10_000)
        receiver.feed(pgm.spm(0, 0, -1), 0)
        for i, datagram in enumerate(packets):
            if i != hole:
                receiver.feed(datagram, 0)
        receiver.feed(pgm.spm(1, hole + 1, len(packets) - 1), 0)
        messages = got(receiver)
        assert receiver.stats()["losses"] == 1
        assert receiver.held == 0
        # what came is in order, whole, and of what was sent; and the last one came through
        rest = iter(MESSAGES)
        assert all(any(sent == message for sent in rest) for message in messages)
        if hole < len(packets) - 3:
            assert messages[-1] == MESSAGES[-1]


def test_joining_in_the_middle_of_a_message() -> None:
    packets = stream_packets(MESSAGES, 100)
    receiver = ReceiverWindow(sqns=10_000)
    for datagram in packets[2:]:  # the first cut is inside the second message
        receiver.feed(datagram, 0)
    assert got(receiver) == MESSAGES[2:]


def test_offset_at_the_very_end() -> None:
    """libzmq: a packet that ends with a message says that one could begin behind it."""
    receiver = ReceiverWindow()
    receiver.feed(pgm.data(0, 0, pgm.apdu(b"tail", 4)), 0)
    receiver.feed(packet(1), 0)
    assert numbers(receiver) == [1]


def again(receiver: ReceiverWindow) -> None:
    """It goes on after the mishap in packet 1."""
    receiver.feed(packet(2), 0)
    assert numbers(receiver) == [2]
    assert receiver.stats()["misfits"] == 1
    assert receiver.held == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        pgm.apdu(b"\0\0"),  # a length that does not count the flags
        pgm.apdu(b"\xff" + bytes(8) + b"\0"),
        pgm.apdu(b"\xff" * 9 + b"\0"),
        pgm.apdu(b"\xff\x7f" + b"\xff" * 7 + b"\0"),
    ],
)
def test_what_cannot_be_decoded_costs_only_itself(payload: bytes) -> None:
    receiver = begun()
    receiver.feed(pgm.data(1, 0, payload), 0)
    assert got(receiver) == []
    again(receiver)


def test_an_offset_beyond_the_packet() -> None:
    receiver = ReceiverWindow()
    receiver.feed(pgm.data(0, 0, pgm.apdu(b"abc", 4)), 0)
    receiver.feed(packet(1), 0)
    assert numbers(receiver) == [1]
    assert receiver.stats()["misfits"] == 1


def test_fragments_are_not_spoken() -> None:
    receiver = begun()
    body = pgm.apdu(pgm.frames([b"x"]))
    option = pgm.options((1, b"\0\0" + pgm.words(1, 0, 5000)))
    head = pgm.header(pgm.ODATA, options=1, tsdu=len(body)) + pgm.words(1, 0)
    receiver.feed(pgm.seal(head + option + body), 0)
    assert got(receiver) == []
    again(receiver)


def test_a_fragment_that_is_the_whole_is_taken() -> None:
    receiver = begun()
    body = pgm.apdu(pgm.frames([b"1"]))
    option = pgm.options((1, b"\0\0" + pgm.words(1, 0, len(body))))
    head = pgm.header(pgm.ODATA, options=1, tsdu=len(body)) + pgm.words(1, 0)
    assert receiver.feed(pgm.seal(head + option + body), 0) == ""
    assert numbers(receiver) == [1]


def test_maxmsgsize() -> None:
    receiver = begun(max_size=10)
    receiver.feed(pgm.data(1, 0, pgm.apdu(pgm.frames([b"x" * 10, b"y" * 11]))), 0)
    assert got(receiver) == []
    again(receiver)


def test_a_slow_application_is_waited_for() -> None:
    """Some is kept back in the window when much is ready; nothing is lost for it."""
    receiver = begun(sqns=4000)
    for number in range(2, 2000):
        receiver.feed(pgm.data(number, 0, pgm.apdu(pgm.frames([b"x" * 1000]))), 0)
    receiver.feed(packet(1, kind=pgm.RDATA), 0)
    assert receiver.stalled
    assert not receiver.stuffed
    assert receiver.waiting < 300_000
    for number in range(2000, 2100):
        receiver.feed(pgm.data(number, 0, pgm.apdu(pgm.frames([b"x" * 1000]))), 0)
    assert receiver.waiting < 300_000  # they wait in the window
    for number in range(2100, 2300):
        receiver.feed(pgm.data(number, 0, pgm.apdu(pgm.frames([b"x" * 1000]))), 0)
    assert receiver.stuffed  # half of it is taken
    seen = 0
    while receiver.waiting:
        seen += len(zmtp.decode(receiver.take())[0])
    assert seen == 2299
    assert not receiver.stuffed
    assert receiver.held == 0
