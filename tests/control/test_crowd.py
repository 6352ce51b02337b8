"""Who goes when there are too many strangers."""

from __future__ import annotations

import pytest

from peromq.control.crowd import GREEDY, MARGIN, OCTETS_MAX, PATIENCE, RATE, SPAN, Crowd


class Guest:
    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.expelled = False
        crowd.enter(self)

    def expel(self) -> None:
        assert not self.expelled
        self.expelled = True
        self.crowd.leave(self)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def full_house(limit: int, clock: Clock) -> tuple[Crowd, list[Guest]]:
    """One too many, none of whom has had his time."""
    crowd = Crowd(limit, clock)
    return crowd, [Guest(crowd) for _ in range(limit + 1)]


def test_one_too_many() -> None:
    crowd = Crowd(2)
    for _ in range(2):
        Guest(crowd)
        assert not crowd.too_many
    Guest(crowd)
    assert crowd.too_many
    assert len(crowd) == 3


def test_the_oldest_makes_room_when_he_had_his_time() -> None:
    clock = Clock()
    crowd, guests = full_house(RATE, clock)
    assert not crowd.make_room()
    clock.now += 1.0
    late = Guest(crowd)
    assert crowd.make_room()
    assert guests[0].expelled
    while crowd.make_room():
        pass
    assert all(guest.expelled for guest in guests)
    assert not late.expelled
    assert not crowd.too_many


def test_an_empty_one_has_no_room_to_make() -> None:
    assert not Crowd(10).make_room()


def test_who_has_left_does_not_count() -> None:
    clock = Clock()
    crowd, (first, *others) = full_house(2, clock)
    crowd.leave(first)
    crowd.leave(first)
    assert not crowd.too_many
    Guest(crowd)
    clock.now += PATIENCE
    assert crowd.make_room()
    assert [guest.expelled for guest in (first, *others)] == [False, True, False]


@pytest.mark.parametrize("limit", [1, 100, RATE, 2 * RATE, 10**6])
def test_before_anybody_shook_hands_places_are_for_so_many_a_second(limit: int) -> None:
    clock = Clock()
    crowd = Crowd(limit, clock)
    Guest(crowd)
    span = min(limit / RATE, PATIENCE)
    clock.now += span * 0.99
    assert not crowd.make_room()
    clock.now += span * 0.02
    assert crowd.make_room()


def test_a_stranger_has_the_time_of_the_slowest_and_more() -> None:
    clock = Clock()
    crowd = Crowd(10, clock)
    slow, quick = Guest(crowd), Guest(crowd)
    clock.now += 0.125
    crowd.admit(quick)
    clock.now += 0.125
    crowd.admit(slow)
    crowd.admit(slow)
    crowd.admit(quick)  # they are known
    assert not any(guest.expelled for guest in (slow, quick))
    assert len(crowd) == 0
    stranger = Guest(crowd)
    clock.now += 0.25 * MARGIN - 0.01
    assert not crowd.make_room()
    clock.now += 0.02
    assert crowd.make_room()
    assert stranger.expelled


def test_but_not_for_ever() -> None:
    clock = Clock()
    crowd = Crowd(10, clock)
    slow, stranger = Guest(crowd), Guest(crowd)
    clock.now += PATIENCE - 0.01
    crowd.admit(slow)
    assert not crowd.make_room()
    clock.now += 0.02
    assert crowd.make_room()
    assert stranger.expelled


@pytest.mark.parametrize("then", [0.1, 10 * SPAN])
def test_how_long_it_took_is_forgotten(then: float) -> None:
    """After two spans at the latest; what the next one took counts instead."""
    clock = Clock()
    crowd = Crowd(4 * RATE, clock)
    slow = Guest(crowd)
    clock.now += 1.0
    crowd.admit(slow)
    clock.now += SPAN
    for _ in range(2):
        quick = Guest(crowd)
        clock.now += 0.001
        crowd.admit(quick)
        clock.now += SPAN
    Guest(crowd)
    clock.now += 0.001 * MARGIN + 0.0001
    assert crowd.make_room()
    clock.now += then
    Guest(crowd)
    clock.now += 0.001 * MARGIN + 0.0001
    assert crowd.make_room() == (then == 0.1)


def test_octets_kept_for_all_of_them_are_bounded() -> None:
    """The oldest of those who make us keep much goes, not the newcomer, nor who keeps little."""
    crowd = Crowd(10**6)
    modest = Guest(crowd)
    crowd.keeps(modest, GREEDY)
    each = 64 * 1024
    greedy = [Guest(crowd) for _ in range(OCTETS_MAX // each)]
    for guest in greedy:
        crowd.keeps(guest, each // 2)
        crowd.keeps(guest, each)
    assert not any(guest.expelled for guest in greedy)
    last = Guest(crowd)
    crowd.keeps(last, GREEDY + 1)
    assert [guest.expelled for guest in greedy].index(False) == 1
    assert not modest.expelled
    assert not last.expelled


def test_what_was_kept_is_forgotten_with_the_command() -> None:
    crowd = Crowd(10)
    one, other = Guest(crowd), Guest(crowd)
    crowd.keeps(one, OCTETS_MAX)
    crowd.keeps(one, 0)
    crowd.keeps(other, OCTETS_MAX)
    assert not any(guest.expelled for guest in (one, other))
    crowd.leave(other)
    crowd.keeps(one, OCTETS_MAX)
    assert not one.expelled
    crowd.keeps(other, OCTETS_MAX)  # too late: it left
    assert not any(guest.expelled for guest in (one, other))


def test_who_keeps_too_much_alone_goes_himself() -> None:
    crowd = Crowd(10)
    guest = Guest(crowd)
    crowd.keeps(guest, OCTETS_MAX + 1)
    assert guest.expelled
    assert len(crowd) == 0
