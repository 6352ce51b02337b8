"""Waiting for others to finish, and not in silence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

SILENCE = 5.0
"""Seconds until `Context.term` says for the first time what it waits for; then twice as long."""

_NAMED = 10
"""Things waited for that are named; of more, the number is told."""


class Patience:
    """A wait of `timeout` seconds, or without a limit (None), in stretches.

    Wait for `left()` seconds; when nothing came of it, and `ask()` is true, tell `over()` what is
    missing. It warns in the log, or raises TimeoutError if the whole time is over.
    """

    def __init__(self, timeout: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._deadline = None if timeout is None else self._began + timeout
        self._silence = SILENCE

    def left(self) -> float:
        """Until the deadline, or until something should be said."""
        said = self._began + self._silence
        end = said if self._deadline is None else min(said, self._deadline)
        return max(end - self._clock(), 0.0)

    def ask(self) -> bool:
        """Whether it is time for `over`."""
        return self.left() == 0.0

    def over(self, what: str, names: Iterable[str]) -> None:
        """Time is up, all of it or for silence. Raises TimeoutError. names: what is missing."""
        now = self._clock()
        missing = f"{what} {_listed(names)}"
        if self._deadline is not None and now >= self._deadline:
            raise TimeoutError(missing)
        import logging  # not above: `import peromq` shall be quick

        log = logging.getLogger("peromq")
        log.warning("Context.term has waited for %.0f s: %s", now - self._began, missing)
        self._silence *= 2


def _listed(names: Iterable[str]) -> str:
    """For people: those of one name together, and not thousands of them."""
    counted = sorted(Counter(names).items())
    told = [f"{count} x {name}" if count > 1 else name for name, count in counted[:_NAMED]]
    if left := sum(count for _, count in counted[_NAMED:]):
        told.append(f"and {left} more")
    return ", ".join(told)
