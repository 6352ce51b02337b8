"""Who goes when there are too many strangers."""

from __future__ import annotations

from peromq.control.crowd import GREEDY, OCTETS_MAX, PATIENCE, Crowd


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


def test_the_oldest_makes_room_for_the_newest() -> None:
    crowd = Crowd(3)
    guests = [Guest(crowd) for _ in range(5)]
    assert [guest.expelled for guest in guests] == [True, True, False, False, False]
    assert len(crowd) == 3


def test_who_has_left_does_not_count() -> None:
    crowd = Crowd(2)
    first, second = Guest(crowd), Guest(crowd)
    crowd.leave(first)
    crowd.leave(first)
    third = Guest(crowd)
    assert not any(guest.expelled for guest in (first, second, third))
    Guest(crowd)
    assert second.expelled


def test_room_for_a_descriptor_is_made_by_who_had_his_time() -> None:
    clock = Clock()
    crowd = Crowd(10, clock)
    assert not crowd.make_room()
    old = Guest(crowd)
    clock.now += PATIENCE / 2
    young = Guest(crowd)
    assert not crowd.make_room()
    clock.now += PATIENCE / 2
    assert crowd.make_room()
    assert (old.expelled, young.expelled) == (True, False)
    assert not crowd.make_room()


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
