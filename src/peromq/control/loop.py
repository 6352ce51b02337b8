"""The control thread: one epoll, a heap of timers, and a queue of closures posted by others."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .. import unpatched
from .._core.handles_epoll import Epoll

log = logging.getLogger("peromq")

READ = 0x001  # EPOLLIN and EPOLLOUT, which gevent removes with the rest of epoll
WRITE = 0x004

_TIMER_BATCH = 64  # timers that fire before descriptors are looked at again
_LONGEST_SLEEP = 3600.0  # seconds; epoll refuses waits of more than 24 days

Callback = Callable[[], None]


class Owner(Protocol):
    """On whose behalf a callback runs."""

    def fail(self) -> None:
        """One of its callbacks raised: it must end itself, in whatever state it is."""


class Watch:
    """Interest in a descriptor. `cancel` before the descriptor is closed."""

    __slots__ = ("_loop", "callback", "descriptor", "events", "owner")

    def __init__(
        self, loop: Loop, descriptor: int, events: int, callback: Callback, owner: Owner | None
    ) -> None:
        self._loop = loop
        self.descriptor = descriptor
        self.events = events
        self.callback: Callback | None = callback
        self.owner = owner

    def want(self, events: int) -> None:
        """Change what to wait for."""
        if events != self.events and self.callback is not None:
            self.events = events
            self._loop._epoll.modify(self.descriptor, events)

    def cancel(self) -> None:
        """Idempotent."""
        if self.callback is not None:
            self.callback = self.owner = None
            self._loop._forget(self.descriptor)


class Timer:
    """One call in the future."""

    __slots__ = ("_loop", "callback", "owner")

    def __init__(self, loop: Loop, callback: Callback, owner: Owner | None) -> None:
        self._loop = loop
        self.callback: Callback | None = callback
        self.owner = owner

    def cancel(self) -> None:
        """Idempotent; harmless after it fired."""
        if self.callback is not None:
            self.callback = self.owner = None  # the heap keeps the timer for a while, but not those
            self._loop._timer_cancelled()


class Loop:
    """Runs callbacks one after another in a daemon thread. None of them may block.

    `post` and `run` are for any thread; everything else belongs to the loop's own.
    A callback that raises is logged, and its owner's `fail` is called: the loop goes on.
    """

    def __init__(self, name: str, begin: Callable[[str], None] | None = None) -> None:
        """begin: what the thread does first, with its name."""
        self._name = name
        self._begin = begin
        self._epoll = Epoll()
        self._watches: dict[int, Watch] = {}
        self._posted: deque[tuple[Callback, Owner | None]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._timers_cancelled = 0
        self._order = itertools.count()
        self._stopping = False
        self._closed = False
        # Reentrant, for a finalizer may post while its thread is in the middle of posting.
        self._door = unpatched.RLock()
        self._thread = unpatched.Thread(self._main, name)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Run what was posted, end the thread and close its descriptors. Idempotent.

        In the loop's own thread, where a finalizer may call it, it only begins to.
        """
        if self._thread.ident is None:
            self._close()
            return
        self.post(self._end)
        if not self.in_thread():
            self._thread.join()

    def in_thread(self) -> bool:
        """Whether the caller runs in the loop's thread."""
        return unpatched.get_ident() == self._thread.ident

    def post(self, callback: Callback, owner: Owner | None = None) -> bool:
        """Have `callback` called soon. From any thread. False if the loop was stopped."""
        with self._door:
            if self._closed:
                return False
            self._posted.append((callback, owner))
            if not self.in_thread():  # which looks before it sleeps
                self._epoll.wake()
            return True

    def run(self, callback: Callback, timeout: float) -> None:
        """Like `post`, and wait until it has been called, but no longer than `timeout` seconds."""
        if self.in_thread():
            self.guard(callback, None)
            return
        called = unpatched.Event()

        def call_and_tell() -> None:
            try:
                callback()
            finally:
                called.set()

        if self.post(call_and_tell):
            called.wait(timeout)

    def watch(
        self, descriptor: int, events: int, callback: Callback, owner: Owner | None = None
    ) -> Watch:
        """Call `callback` whenever the descriptor is ready (level-triggered)."""
        watch = Watch(self, descriptor, events, callback, owner)
        self._epoll.register(descriptor, events)
        self._watches[descriptor] = watch
        return watch

    def later(self, seconds: float, callback: Callback, owner: Owner | None = None) -> Timer:
        """Call `callback` once, `seconds` from now."""
        timer = Timer(self, callback, owner)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def guard(self, callback: Callback, owner: Owner | None) -> None:
        """Call it; an exception is logged and ends the owner, nobody else."""
        try:
            callback()
        except Exception:
            log.exception("the control thread closes what this failed in: %r", owner)
            if owner is not None:
                try:
                    owner.fail()
                except Exception:
                    log.exception("and could not close it: %r", owner)

    def after_fork(self) -> None:
        """In a forked child, which has no such thread: only close our copies of the descriptors.

        Nothing is unregistered: the kernel's side of the epoll is the parent's.
        """
        self._door = unpatched.RLock()
        self._close()

    def _main(self) -> None:
        if self._begin is not None:
            self._begin(self._name)
        while not self._stopping:
            self._run_ready()
            for _ in range(len(self._posted)):
                self.guard(*self._posted.popleft())
            self._run_timers()
        self._close()

    def _run_ready(self) -> None:
        # A method of its own: its locals must not keep anything alive while the thread sleeps.
        # Watches are looked up before any is called: a callback may close a descriptor, and its
        # number come back.
        ready = self._epoll.poll(self._patience())
        for watch in [self._watches.get(descriptor) for descriptor in ready]:
            if watch is not None and watch.callback is not None:  # an earlier one may cancel it
                self.guard(watch.callback, watch.owner)

    def _forget(self, descriptor: int) -> None:
        del self._watches[descriptor]
        self._epoll.unregister(descriptor)

    def _close(self) -> None:
        with self._door:
            if not self._closed:
                self._closed = True
                self._epoll.close()
                self._posted.clear()

    def _end(self) -> None:
        self._stopping = True

    def _patience(self) -> int:
        if self._posted:
            return 0
        if not self._timers:
            return -1
        left = min(max(0.0, self._timers[0][0] - time.monotonic()), _LONGEST_SLEEP)
        return math.ceil(left * 1000)

    def _run_timers(self) -> None:
        """Some of those that are due: when thousands are at once, others get their turn as well."""
        now = time.monotonic()
        for _ in range(_TIMER_BATCH):
            if not self._timers or self._timers[0][0] > now:
                break
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._timers_cancelled -= 1
            else:
                self.guard(callback, timer.owner)

    def _timer_cancelled(self) -> None:
        """Keep the heap from filling with the deadlines of handshakes that were quick."""
        self._timers_cancelled += 1
        if self._timers_cancelled > 64 and self._timers_cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].callback is not None]
            heapq.heapify(self._timers)
            self._timers_cancelled = 0
