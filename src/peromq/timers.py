"""`Timers`: calls that repeat, beside a loop that polls (zmq_timers)."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable

from .constants import Errno
from .error import ZMQError

# Entries of the heap that mean nothing any more, besides as many as there are timers.
_STALE_MAX = 64
_MS = 1_000_000  # ns
_LONGEST = 2**63 - 1  # ms: what a poll takes


class _Timer:
    """One of them. Its entry in the heap is the one with its present `turn`."""

    def __init__(self, interval: int, call: Callable[[], object]) -> None:
        self.interval = interval  # ns
        self.call = call
        self.turn = 0


class Timers:
    """Handlers that are called again and again, by whoever polls.

        timers = Timers()
        timers.add(1000, print, "a second has gone by")
        while True:
            for socket, events in poller.poll(timers.timeout()):
                ...
            timers.execute()

    Intervals are in ms. Nothing happens but in `execute`, whose caller runs the handlers. They may
    add, change and cancel timers, their own included. Not thread-safe.

    clock: nanoseconds on any clock that does not go back.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._timers: dict[int, _Timer] = {}
        self._heap: list[tuple[int, int, int]] = []  # due, turn, which timer
        self._turns = itertools.count()
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._timers)

    def add(self, interval: float, handler: Callable[..., object], *args: object) -> int:
        """Call handler(*args) every `interval` ms from now on; the timer's number.

        ZMQError with EINVAL for an interval that is negative or beyond 2**63 - 1, TypeError if
        `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        timer = _Timer(_nanoseconds(interval), lambda: handler(*args))
        number = next(self._numbers)
        self._timers[number] = timer
        self._schedule(number, timer, self._clock())
        return number

    def cancel(self, number: int) -> None:
        """Forget a timer. ZMQError with EINVAL if there is none of that number."""
        self._find(number)
        del self._timers[number]

    def set_interval(self, number: int, interval: float) -> None:
        """Change the interval, which begins now. ZMQError with EINVAL, also as `add`."""
        timer = self._find(number)
        timer.interval = _nanoseconds(interval)
        self._schedule(number, timer, self._clock())

    def reset(self, number: int) -> None:
        """Let the interval begin now. ZMQError with EINVAL if there is no such timer."""
        self._schedule(number, self._find(number), self._clock())

    def timeout(self) -> int:
        """ms until the next one is due, 0 if one is, -1 without any: what a poll wants."""
        while self._heap and not self._is_current(*self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            return -1
        return max(0, -((self._clock() - self._heap[0][0]) // _MS))  # rounded up

    def execute(self) -> int:
        """Call the handlers that are due, once each and in that order; how many.

        The next interval of each begins now, however late it was. What a handler makes due at once
        is called next time. A handler may execute, too: that calls what this has not yet. What a
        handler raises comes out; those after it are called next time.
        """
        now = self._clock()
        begin = next(self._turns)
        called = 0
        # What is put down from here on is due at `now` or later: behind all that was due.
        while self._heap and self._heap[0] < (now, begin, 0):
            entry = heapq.heappop(self._heap)
            if not self._is_current(*entry):
                continue
            number = entry[2]
            timer = self._timers[number]
            self._schedule(number, timer, now)
            turn = timer.turn
            called += 1
            timer.call()
            if self._is_current(0, turn, number):  # behind what the handler put down, as in libzmq
                self._schedule(number, timer, now)
        return called

    def _schedule(self, number: int, timer: _Timer, now: int) -> None:
        timer.turn = next(self._turns)
        heapq.heappush(self._heap, (now + timer.interval, timer.turn, number))
        if len(self._heap) > 2 * len(self._timers) + _STALE_MAX:
            self._heap = [entry for entry in self._heap if self._is_current(*entry)]
            heapq.heapify(self._heap)

    def _is_current(self, due: int, turn: int, number: int) -> bool:
        timer = self._timers.get(number)
        return timer is not None and timer.turn == turn

    def _find(self, number: int) -> _Timer:
        timer = self._timers.get(number)
        if timer is None:
            raise ZMQError(Errno.EINVAL, f"Invalid argument (there is no timer {number})")
        return timer


def _nanoseconds(interval: float) -> int:
    if not 0 <= interval <= _LONGEST:
        raise ZMQError(Errno.EINVAL, f"Invalid argument (an interval of {interval} ms)")
    return round(interval * _MS)


__all__ = ["Timers"]
