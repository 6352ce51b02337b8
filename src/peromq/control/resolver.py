"""Calls that may block for seconds (DNS, Kerberos), in a few threads that come on demand."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from .. import unpatched

_MAX_THREADS = 32  # so many names that nobody answers for keep no other name waiting
_NAME = "peromq/resolver"


class Resolver:
    """Runs blocking calls elsewhere. A thread ends when there is nothing left to do.

    Nobody waits for these threads: getaddrinfo cannot be interrupted.
    """

    def __init__(
        self,
        max_threads: int = _MAX_THREADS,
        begin: Callable[[str], None] | None = None,
        name: str = _NAME,
    ) -> None:
        """begin: what each thread does first, with its name."""
        self._begin = begin
        self._name = name
        self._max_threads = max_threads
        self._lock = unpatched.Lock()
        self._queue: deque[Callable[[], None]] = deque()
        self._threads = 0

    def submit(self, work: Callable[[], None]) -> None:
        """Have `work` called soon. It must not raise, and must itself report what it found."""
        with self._lock:
            self._queue.append(work)
            if self._threads >= self._max_threads:
                return
            self._threads += 1
        unpatched.Thread(self._main, self._name).start()

    def take_back(self, work: Callable[[], None]) -> None:
        """Forget it, if it has not begun."""
        with self._lock, contextlib.suppress(ValueError):
            self._queue.remove(work)

    def clear(self) -> None:
        """Forget what has not begun."""
        with self._lock:
            self._queue.clear()

    def _main(self) -> None:
        if self._begin is not None:
            self._begin(self._name)
        while True:
            with self._lock:
                if not self._queue:
                    self._threads -= 1
                    return
                work = self._queue.popleft()
            work()
