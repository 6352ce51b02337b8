"""Greenlets that wait for a socket, first come, first served, on one watcher of its descriptor."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from gevent.event import Event
from gevent.hub import get_hub

from ..constants import PollEvent
from ..error import Again, ZMQError

_T = TypeVar("_T")


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


_READ = 1  # libev's number for "readable"


class Waiting:
    """Who waits for what of one socket.

    The descriptor tells only of changes, and whoever reads EVENTS takes note of them for everyone:
    so every reader of EVENTS passes on what it saw, by `note`.
    """

    def __init__(self, read_events: Callable[[], int]) -> None:
        self._read_events = read_events
        self._queues: dict[int, deque[Event]] = {
            PollEvent.POLLIN: deque(),
            PollEvent.POLLOUT: deque(),
        }
        self._pollers: list[Event] = []
        self._watcher: Any = None

    def note(self, events: int, but: Event | None = None) -> None:
        """Wake those who are next for these events."""
        for direction, queue in self._queues.items():
            if events & direction and queue and queue[0] is not but:
                queue[0].set()
        for turn in self._pollers:
            turn.set()

    def wake_all(self) -> None:
        """The socket is closed, or its context ends: everyone shall see for himself."""
        for queue in self._queues.values():
            for turn in queue:
                turn.set()
        for turn in self._pollers:
            turn.set()

    def run(self, direction: int, attempt: Callable[[], _T], socket: _HasFileno) -> _T:
        """What `attempt` returns, once it does not raise Again and nobody else is before."""
        queue = self._queues[direction]
        if not queue:
            try:
                return attempt()
            except Again:
                pass
        turn = Event()
        queue.append(turn)
        self._watch(socket.fileno())
        try:
            while True:
                turn.clear()
                events = self._read_events()
                self.note(events, but=turn)
                if queue[0] is turn and events & direction:
                    try:
                        return attempt()
                    except Again:
                        pass
                turn.wait()
        finally:
            queue.remove(turn)
            if queue:
                queue[0].set()  # there may be enough for the next one, too
            self._unwatch()

    def add_poller(self, turn: Event, fd: int) -> None:
        """Set `turn` whenever something happens."""
        self._pollers.append(turn)
        self._watch(fd)

    def remove_poller(self, turn: Event) -> None:
        self._pollers.remove(turn)
        self._unwatch()

    def _watch(self, fd: int) -> None:
        if self._watcher is None:
            self._watcher = get_hub().loop.io(fd, _READ)
            self._watcher.start(self._changed)

    def _unwatch(self) -> None:
        if self._watcher is None or self._pollers or any(self._queues.values()):
            return
        watcher, self._watcher = self._watcher, None
        watcher.stop()
        watcher.close()

    def _changed(self) -> None:
        """In the hub: the descriptor is readable."""
        try:
            self.note(self._read_events())
        except ZMQError:
            self.wake_all()


class Deadline:
    """A time limit for several waits. milliseconds: None for none."""

    def __init__(self, milliseconds: float | None) -> None:
        self._end = None if milliseconds is None else time.monotonic() + milliseconds / 1000

    @property
    def left(self) -> float | None:
        """Seconds, never below zero."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


__all__ = ["Deadline", "Waiting"]
