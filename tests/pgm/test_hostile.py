"""What a hostile sender may cost a receiver: bounded memory, bounded time, nothing else."""

import random
import time

from peromq._core._window_pgm import ReceiverWindow
from tests.fuzz import fuzz_pgm
from tests.oracle import pgm, zmtp

MS = 1_000_000
S = 1000 * MS


def packet(number: int, trail: int = 0, **ids: object) -> bytes:
    return pgm.data(number, trail, pgm.apdu(pgm.frames([b"%d" % number])), **ids)


def test_forged_sources_make_room_for_each_other_and_not_for_the_real_one() -> None:
    receiver = ReceiverWindow(max_feeds=16)
    receiver.feed(pgm.spm(0, 0, -1), 0)
    receiver.feed(packet(0), 0)
    for number in range(1, 2000):
        forged = {"sport": number, "gsi": b"forged"}
        receiver.feed(pgm.spm(0, 0, -1, **forged), number)
    assert receiver.sources == 16
    assert receiver.stats()["evicted"] == 2000 - 16
    receiver.feed(packet(2), 2000)
    receiver.feed(packet(1), 2001)
    assert len(zmtp.decode(receiver.take())[0]) == 3


def test_of_real_sources_the_one_silent_for_longest_goes() -> None:
    receiver = ReceiverWindow(max_feeds=3)
    for now, sport in enumerate((1, 2, 3, 1, 4, 1)):
        receiver.feed(packet(now, now, sport=sport), now)
    assert receiver.stats()["evicted"] == 1
    assert receiver.feed(pgm.nak([1], pgm.NCF, sport=2), 9) == "unknown"
    for sport in (1, 3, 4):
        assert receiver.feed(pgm.nak([1], pgm.NCF, sport=sport), 9) == ""


def test_silent_sources_are_forgotten() -> None:
    receiver = ReceiverWindow()
    receiver.feed(packet(0), 0)
    receiver.feed(pgm.spm(0, 0, 0, sport=5, fin=True), 0)
    receiver.pull(31 * S)
    assert receiver.sources == 1
    receiver.feed(packet(1), 100 * S)
    receiver.pull(399 * S)
    assert receiver.sources == 1
    receiver.pull(401 * S)
    assert receiver.sources == 0
    assert receiver.held == receiver.missing == 0


def test_spmrs_are_not_reflected_at_will() -> None:
    """A flood of forged sources does not make us send as many SPMRs."""
    receiver = ReceiverWindow()
    sent = 0
    for now in range(1000):
        for number in range(5):
            receiver.feed(packet(0, sport=(now * 5 + number) % 60000 + 1), now * MS)
        sent += len(receiver.pull(now * MS))
    assert sent <= 2 * 1000 // 5 + 2


def test_absurd_windows_cost_little() -> None:
    """Jumps of the lead by billions, again and again."""
    receiver = ReceiverWindow(sqns=800_000)
    receiver.feed(pgm.spm(0, 0, -1), 0)
    receiver.feed(packet(0), 0)
    rng = random.Random(1)
    jumps = []
    lead = 0
    for number in range(1, 3000):
        lead = (lead + rng.randrange(1, 1 << 30)) & 0xFFFFFFFF
        jumps.append(pgm.spm(number, lead, lead))
        jumps.append(pgm.spm(number, lead - 1_000_000, lead))
        jumps.append(pgm.data(lead, lead - 100_000, b""))
        lead = (lead + 200_000) & 0xFFFFFFFF
        jumps.append(pgm.spm(number, lead - 900_000, lead))
    begin = time.process_time()
    for at, jump in enumerate(jumps):
        receiver.feed(jump, at * MS // 10)
    assert time.process_time() - begin < 3
    assert receiver.missing <= 1 << 18
    assert receiver.stats()["drop_full"] > 1000


def test_requests_are_no_weapon() -> None:
    """A forged SPM names where requests go, and what there is to ask for."""
    receiver = ReceiverWindow(sqns=800_000)
    victim = bytes([10, 0, 0, 66])
    receiver.feed(pgm.spm(0, 0, -1, victim), 0)
    receiver.feed(pgm.spm(1, 0, 200_000, victim), 0)
    sent = now = 0
    while now < 2 * S:
        found = receiver.pull(now)
        assert all(to == victim for _, to in found)
        sent += len(found)
        now = max(receiver.due(now), now + 1)
    assert 3000 < sent <= 500 + 2 * 2000
    assert len(receiver.pull(now)) <= 1  # it wakes up for each, not in between


def test_nonsense_windows_are_dropped() -> None:
    receiver = ReceiverWindow()
    receiver.feed(packet(0), 0)
    assert receiver.feed(pgm.spm(0, 10, 5), 0) == "window"
    assert receiver.feed(pgm.spm(1, 0, 0x80000000), 0) == ""  # says: no window yet
    assert receiver.feed(pgm.spm(0, 0, 0), 0) == "window"  # an older SPM
    assert receiver.feed(pgm.data(1, 0x7FFFFFFF, b""), 0) == "window"
    assert receiver.missing == 0


def test_a_message_without_end_is_cut_off() -> None:
    """It announces much and goes on and on: what has come is kept, within the budget."""
    receiver = ReceiverWindow(sqns=10)
    receiver.feed(pgm.spm(0, 0, -1), 0)
    receiver.feed(pgm.data(0, 0, pgm.apdu(b"\xff" + (1 << 40).to_bytes(8, "big") + b"\0")), 0)
    assert receiver.held < 100
    size = 60_000
    body = pgm.data(0, 0, pgm.apdu(bytes(size), 0xFFFF))
    most = 0
    for number in range(1, 1300):
        receiver.feed(pgm.seal(body[:16] + pgm.words(number, number) + body[24:]), 0)
        most = max(most, receiver.held)
    assert most <= 64 << 20
    assert receiver.held == 0
    assert receiver.stats()["misfits"] == 1


def test_many_sources_share_one_budget() -> None:
    receiver = ReceiverWindow(sqns=4000)
    payload = pgm.apdu(bytes(60_000), 0xFFFF)
    body = pgm.data(0, 0, payload)
    for sport in range(1, 11):
        ports = sport.to_bytes(2, "big") + body[2:16]
        receiver.feed(pgm.spm(0, 0, -1, sport=sport), 0)
        for number in range(1, 201):  # sequence number 0 never comes
            receiver.feed(pgm.seal(ports + pgm.words(number, 0) + body[24:]), 0)
    assert receiver.held <= 64 << 20
    assert receiver.stats()["drop_full"] > 500


def test_others_naks_and_confirmations_in_floods() -> None:
    receiver = ReceiverWindow(sqns=800_000)
    receiver.feed(pgm.spm(0, 0, -1), 0)
    receiver.feed(packet(0), 0)
    receiver.feed(packet(100), 0)
    for number in range(3000):
        receiver.feed(pgm.nak([number % 100] * 63, pgm.NCF), number)
        receiver.feed(pgm.nak([number * 1000 % 800_000] * 63), number)
    assert receiver.missing == 99
    assert receiver.feed(pgm.nak([1], pgm.NCF, group=bytes(4)), 0) == "nla"


def test_any_mixture_of_packets() -> None:
    """Random packets of few sources around few sequence numbers: never more than the bounds."""
    rng = random.Random(7)
    receiver = ReceiverWindow(sqns=64, max_feeds=4, seed=5)
    now = 0
    for _ in range(20_000):
        ids = {"sport": rng.randrange(1, 7)}
        sqn = rng.choice((0, 1, 2, 50, 64, 65, 1000, 0xFFFFFFFF, 1 << 31, rng.randrange(1 << 32)))
        near = (sqn - rng.randrange(70)) & 0xFFFFFFFF
        stream = pgm.frames([rng.randbytes(rng.randrange(3))] * rng.randrange(4))
        kind = rng.randrange(6)
        if kind == 0:
            offset = rng.choice((0, 1, 0xFFFF))
            datagram = pgm.data(sqn, near, pgm.apdu(stream, offset), **ids)
        elif kind == 1:
            datagram = pgm.data(sqn, near, rng.randbytes(9), pgm.RDATA, **ids)
        elif kind == 2:
            datagram = pgm.spm(rng.randrange(9), near, sqn, **ids)
        elif kind == 3:
            datagram = pgm.nak([sqn, near], pgm.NCF, **ids)
        elif kind == 4:
            datagram = pgm.nak([sqn, near], **ids)
        else:
            datagram = pgm.spmr(**ids)
        receiver.feed(datagram, now)
        now += rng.choice((0, MS, 30 * MS, 300 * MS))
        for octets, _ in receiver.pull(now):
            pgm.read(octets)
        frames, rest = zmtp.decode(receiver.take())
        assert rest == b""
        assert zmtp.messages(frames)[1] == []
        assert receiver.sources <= 4
        assert receiver.missing <= 4 * 64
    now += 400 * S
    receiver.pull(now)
    assert receiver.sources == receiver.missing == receiver.held == 0


def test_damaged_datagrams() -> None:
    fuzz_pgm.run(3000)
