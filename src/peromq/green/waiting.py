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


class _Watched(Protocol):
    """What `Waiting` needs of a socket."""

    def fileno(self) -> int: ...
    def _read_events(self) -> int: ...


ANYTHING = 0
"""What a poller wants that is to look whenever something happens, whatever it is."""

_READ = 1  # libev's number for "readable"


class Waiting:
    """Who waits for what of one socket.

    The descriptor tells only of changes, and whoever reads EVENTS or gets Again takes note of them
    for everyone, and so passes on what he sees, by `note`.
    """

    def __init__(self) -> None:
        self._queues: dict[int, deque[Event]] = {
            PollEvent.POLLIN: deque(),
            PollEvent.POLLOUT: deque(),
        }
        self._pollers: dict[Event, int] = {}
        self._socket: _Watched | None = None  # only while somebody waits: no cycle of references
        self._watcher: Any = None

    def note(self, events: int, but: Event | None = None) -> None:
        """Wake those who are next for these events."""
        for direction, queue in self._queues.items():
            if events & direction and queue and queue[0] is not but:
                queue[0].set()
        for turn, wanted in self._pollers.items():
            if (events & wanted or wanted == ANYTHING) and turn is not but:
                turn.set()

    def look(self, but: Event | None = None) -> None:
        """After somebody read EVENTS or got Again who does not pass on what he saw."""
        if self._socket is not None:
            self.note(self._socket._read_events(), but)

    def close(self) -> None:
        """The socket is about to be closed: everyone shall see for himself, soon."""
        self._stop()
        self._wake_all()

    def run(self, direction: int, attempt: Callable[[], _T], socket: _Watched) -> _T:
        """What `attempt` returns, once it does not raise Again and nobody else is before."""
        queue = self._queues[direction]
        if not queue:
            try:
                return attempt()
            except Again:
                pass
        turn = Event()
        queue.append(turn)
        try:
            self._watch(socket)
            while True:
                turn.clear()
                events = socket._read_events()
                self.note(events, but=turn)
                if queue[0] is turn and events & direction:
                    try:
                        return attempt()
                    except Again:  # that took note of what others wait for
                        self.note(socket._read_events(), but=turn)
                turn.wait()
        finally:
            queue.remove(turn)
            if queue:
                queue[0].set()  # there may be enough for the next one, too
            self._unwatch()

    def add_poller(self, turn: Event, wanted: int, socket: _Watched) -> None:
        """Set `turn` whenever one of these events happens."""
        self._pollers[turn] = wanted
        self._watch(socket)

    def remove_poller(self, turn: Event) -> None:
        del self._pollers[turn]
        self._unwatch()

    def _watch(self, socket: _Watched) -> None:
        if self._watcher is None:
            self._watcher = get_hub().loop.io(socket.fileno(), _READ)
            self._watcher.start(self._changed)
            self._socket = socket

    def _unwatch(self) -> None:
        if not self._pollers and not any(self._queues.values()):
            self._stop()

    def _stop(self) -> None:
        watcher, self._watcher, self._socket = self._watcher, None, None
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def _changed(self) -> None:
        """In the hub: the descriptor is readable."""
        if self._socket is None:
            return
        try:
            self.note(self._socket._read_events())
        except ZMQError:  # its context ends
            self._stop()
            self._wake_all()

    def _wake_all(self) -> None:
        for queue in self._queues.values():
            for turn in queue:
                turn.set()
        for turn in self._pollers:
            turn.set()


class Deadline:
    """A time limit for several waits. milliseconds: None for none."""

    def __init__(self, milliseconds: float | None) -> None:
        self._end = None if milliseconds is None else time.monotonic() + milliseconds / 1000

    @property
    def left(self) -> float | None:
        """Seconds, never below zero."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


__all__ = ["Deadline", "Waiting"]
