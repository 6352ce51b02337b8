"""How much may be logged about strangers: they must not fill a disk by failing over and over."""

from __future__ import annotations

import time
from collections.abc import Callable

RECORDS = 10
"""Records in SPAN that are let through; the others are counted."""

SPAN = 60.0
"""Seconds."""


class Ration:
    """RECORDS in any SPAN that begins with one. Belongs to the control thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = -SPAN
        self._records = 0
        self._left_out = 0

    def admit(self) -> int | None:
        """None if the next record is one too many; else how many were since the last let through
        in an earlier span."""
        now = self._clock()
        if now - self._since >= SPAN:
            self._since, self._records = now, 0
        self._records += 1
        if self._records > RECORDS:
            self._left_out += 1
            return None
        left_out, self._left_out = self._left_out, 0
        return left_out
