"""Tasks that wait for a socket, first come, first served, without a task of the socket's own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from anyio import CancelScope, Event, wait_readable

from ..constants import PollEvent
from ..error import Again

_T = TypeVar("_T")

ANYTHING = 0
"""What a turn wants that is to look whenever something happens, whatever it is."""


class Watched(Protocol):
    """What `Waiting` needs of a socket."""

    def fileno(self) -> int: ...
    def _read_events(self) -> int: ...


class Turn:
    """One waiting call. wanted: POLLIN, POLLOUT, or both for a poll."""

    __slots__ = ("_event", "_scope", "wanted")

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self._event: Event | None = None
        self._scope: CancelScope | None = None

    def wake(self) -> None:
        if self._event is not None:
            self._event.set()
        elif self._scope is not None:
            self._scope.cancel()

    async def sleep(self) -> None:
        """Until `wake`."""
        self._event = Event()
        try:
            await self._event.wait()
        finally:
            self._event = None

    async def watch(self, fd: int) -> None:
        """Until `wake`, or the descriptor is readable.

        It is a copy that the loop gets: `close`, from whatever thread, closes the socket's own, and
        epoll would forget that silently. The copy is readable then.
        """
        copy = os.dup(fd)
        try:
            with CancelScope() as self._scope:
                await wait_readable(copy)
        finally:
            self._scope = None
            os.close(copy)


class Waiting:
    """Who waits for what of one socket.

    One of those who wait watches the descriptor for all, and when it goes another takes over. The
    descriptor tells only of changes, and whoever reads EVENTS or gets Again takes note of them for
    everyone, and so passes on what he sees, by `note`.

    A call does its work when its own task runs and returns at once: so a task that is cancelled
    has not taken a message with it.
    """

    def __init__(self) -> None:
        self._readers: deque[Turn] = deque()
        self._writers: deque[Turn] = deque()
        self._pollers: deque[Turn] = deque()
        self._watched = False

    def queue(self, direction: int) -> deque[Turn]:
        return self._readers if direction == PollEvent.POLLIN else self._writers

    def note(self, events: int, but: Turn | None = None) -> None:
        """Wake those who are next for these events."""
        if events & PollEvent.POLLIN and self._readers and self._readers[0] is not but:
            self._readers[0].wake()
        if events & PollEvent.POLLOUT and self._writers and self._writers[0] is not but:
            self._writers[0].wake()
        for turn in self._pollers:
            if (events & turn.wanted or turn.wanted == ANYTHING) and turn is not but:
                turn.wake()

    def look(self, socket: Watched) -> None:
        """After somebody read EVENTS or got Again who does not pass on what he saw."""
        if self._watched:
            self.note(socket._read_events())

    async def until_done(self, socket: Watched, direction: int, attempt: Callable[[], _T]) -> _T:
        """What `attempt` returns, once it does not raise Again and nobody else is before."""
        queue = self.queue(direction)
        turn = Turn(direction)
        queue.append(turn)
        try:
            while True:
                events = socket._read_events()
                self.note(events, but=turn)
                if queue[0] is turn and events & direction:
                    try:
                        return attempt()
                    except Again:  # that took note of what others wait for
                        self.note(socket._read_events(), but=turn)
                await self._change(socket, turn)
        finally:
            queue.remove(turn)
            self._pass_on(queue)

    async def until_ready(self, socket: Watched, wanted: int) -> int:
        """Those of the wanted events that happened."""
        turn = Turn(wanted)
        self._pollers.append(turn)
        try:
            while True:
                events = socket._read_events()
                self.note(events, but=turn)
                if events & wanted:
                    return events & wanted
                await self._change(socket, turn)
        finally:
            self._pollers.remove(turn)
            self._pass_on(self._pollers)

    async def until_true(self, socket: Watched, attempt: Callable[[], _T]) -> _T:
        """What `attempt` returns, once it does not raise Again; tried whenever anything happens."""
        turn = Turn(ANYTHING)
        self._pollers.append(turn)
        try:
            while True:
                self.note(socket._read_events(), but=turn)
                try:
                    return attempt()
                except Again:
                    pass
                await self._change(socket, turn)
        finally:
            self._pollers.remove(turn)
            self._pass_on(self._pollers)

    async def _change(self, socket: Watched, turn: Turn) -> None:
        if self._watched:
            await turn.sleep()
            return
        self._watched = True
        try:
            await turn.watch(socket.fileno())
        finally:
            self._watched = False

    def _pass_on(self, queue: deque[Turn]) -> None:
        """One of those who wait is gone: the next looks if there is enough for it, and watches."""
        if queue and queue is not self._pollers:
            queue[0].wake()
        elif not self._watched:
            for others in (self._readers, self._writers, self._pollers):
                if others:
                    others[0].wake()
                    return


__all__ = ["Waiting"]
