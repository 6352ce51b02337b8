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

PATIENCE = 1.0
"""Seconds that a stranger is given even when there is no descriptor left for the next."""


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
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._waiting: OrderedDict[Stranger, float] = OrderedDict()  # since when
        self._greedy: OrderedDict[Stranger, int] = OrderedDict()  # octets beyond GREEDY
        self._octets = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, stranger: Stranger) -> None:
        """Somebody came. The oldest leaves if he is one too many."""
        self._waiting[stranger] = self._clock()
        if len(self._waiting) > self._limit:
            next(iter(self._waiting)).expel()

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
        """No descriptor is left: the oldest goes, if he had his time. False if nobody went."""
        for stranger, since in self._waiting.items():
            if self._clock() - since < PATIENCE:
                break
            stranger.expel()
            return True
        return False
