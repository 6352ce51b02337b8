"""Connections of one listener that have not shaken hands: how many there may be, and who goes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

OCTETS_MAX = 16 * 1024 * 1024
"""Octets of incomplete commands that all of them together may make us keep."""

GREEDY = 4096
"""A stranger who makes us keep more is asked to leave first when OCTETS_MAX is reached."""

PATIENCE = 5.0
"""Seconds after which a stranger goes when another wants his place, at the latest."""

MARGIN = 4
"""He has this many times what the slowest of late took to shake hands, if that is less."""

RATE = 4096
"""While nobody has shaken hands of late: strangers a second who find a place."""

SPAN = 1.0
"""Seconds, at least, that a handshake is "of late"; twice that at most."""


class Stranger(Protocol):
    """One such connection."""

    def expel(self) -> None:
        """Close it; it leaves the crowd by that."""


class Crowd:
    """The strangers in order of arrival. Belongs to the control thread.

    The oldest goes when there are too many: who is honest shakes hands within a few round trips and
    is never the oldest for long, while refusing the newest would let `limit` silent connections
    keep everybody out. To drive an honest client out, a flood must bring `limit` connections in the
    time of one handshake.

    But when thousands of honest ones come at once (a server is back), that time is long, for they
    have work to do for each: nobody else is accepted while the oldest may still be in
    the middle of it. Else all would throw out each other, for ever.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._waiting: OrderedDict[Stranger, float] = OrderedDict()  # since when
        self._greedy: OrderedDict[Stranger, int] = OrderedDict()  # octets beyond GREEDY
        self._octets = 0
        self._slowest = self._slowest_before = 0.0  # handshake, in this span and the one before
        self._span_began = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def too_many(self) -> bool:
        """Whether the newest has somebody else's place."""
        return len(self._waiting) > self._limit

    def enter(self, stranger: Stranger) -> None:
        """Somebody came."""
        self._waiting[stranger] = self._clock()

    def admit(self, stranger: Stranger) -> None:
        """He has shaken hands: no stranger any more."""
        since = self._waiting.get(stranger)
        if since is not None:
            now = self._clock()
            self._turn_the_page(now)
            self._slowest = max(self._slowest, now - since)
            self.leave(stranger)

    def leave(self, stranger: Stranger) -> None:
        """He is known now, or gone. Idempotent."""
        self._waiting.pop(stranger, None)
        self._octets -= self._greedy.pop(stranger, 0)

    def keeps(self, stranger: Stranger, octets: int) -> None:
        """What he makes us keep just now. May expel him, or others."""
        if octets <= GREEDY and stranger not in self._greedy:
            return
        if stranger not in self._waiting:
            return
        self._octets += octets - self._greedy.get(stranger, 0)
        self._greedy[stranger] = octets
        while self._octets > OCTETS_MAX:
            next(iter(self._greedy)).expel()

    def make_room(self) -> bool:
        """The oldest goes, if he had his time. False if nobody went."""
        now = self._clock()
        for stranger, since in self._waiting.items():
            if now - since < self._patience(now):
                break
            stranger.expel()
            return True
        return False

    def _patience(self, now: float) -> float:
        self._turn_the_page(now)
        slowest = max(self._slowest, self._slowest_before)
        return min(MARGIN * slowest or self._limit / RATE, PATIENCE)

    def _turn_the_page(self, now: float) -> None:
        passed = now - self._span_began
        if passed >= SPAN:
            self._slowest_before = self._slowest if passed < 2 * SPAN else 0.0
            self._slowest = 0.0
            self._span_began = now
