"""How long to wait before the next attempt to connect."""

from __future__ import annotations

from random import Random


class Backoff:
    """The waits of one endpoint, in ms (options RECONNECT_IVL and RECONNECT_IVL_MAX).

    Without a maximum each wait is the interval and a random part of another. With one, the waits
    double up to it, each shortened by up to a quarter at random, so that peers which lost the same
    server do not come back as one. libzmq has no such spread there.
    """

    def __init__(self, interval: int, maximum: int, random: Random) -> None:
        self._interval = interval
        self._maximum = maximum
        self._random = random
        self._doubled = 0

    def next_wait(self) -> int | None:
        """The next wait; None: never try again (an interval of -1 or 0)."""
        if self._interval <= 0:
            return None
        if self._maximum <= 0:
            return self._interval + self._random.randrange(self._interval)
        wait = self._doubled or self._interval
        # A maximum below the interval is the wait, as in libzmq.
        wait = min(wait, self._maximum)
        self._doubled = wait * 2
        return wait - self._random.randrange(wait // 4 + 1)

    def reset(self) -> None:
        """The connection stood: the next loss starts with the shortest wait."""
        self._doubled = 0
