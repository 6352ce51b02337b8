"""Who waits on a socket, and how they are served."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from warnings import warn

from .._core.handles_async import AsyncCore
from ..error import Again, ZMQError
from .waiting import Waiting

if TYPE_CHECKING:
    from ..options import Options

_T = TypeVar("_T")

AWAKE = 16
"""How many tasks are woken at most before one of them has run."""


class Serving(AsyncCore):
    """The lines of an asyncio socket: who comes first is served first.

    One descriptor per socket is registered with the loop, and stays so. It is only made readable
    while somebody waits. One wake-up serves all that has arrived: the first of the line is woken,
    and whoever has got something wakes two more; a task that goes on receiving is not suspended at
    all. Calls that come while others wait go to the end of the line.
    """

    _pollers: deque[Waiting[Any]]
    _loop: asyncio.AbstractEventLoop | None
    _registered: bool

    if TYPE_CHECKING:
        # of peromq.Socket
        @property
        def options(self) -> Options: ...

        def _wait_for_events(self, flags: int) -> Waiting[int]: ...

    def _get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop to wait in. It knows our descriptor then: without one, nobody joins a line."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            warn(
                "No running event loop. Use peromq.asyncio from within an asyncio loop.",
                RuntimeWarning,
                stacklevel=4,
            )
            loop = asyncio.get_event_loop()
        if loop is not self._loop:
            self._unregister()
            self._loop = loop
            self._turned()
        if not self._registered:
            loop.add_reader(self._wake_fd(), _wake, weakref.ref(self))
            self._registered = True
        return loop

    def _wait(
        self,
        attempt: Callable[[], _T],
        line: deque[Waiting[Any]],
        late: bool,
    ) -> Waiting[_T]:
        """Join a line. late: the socket may be ready, but others are to run first."""
        loop = self._get_loop()
        waiting = Waiting(self, line, attempt, loop)
        receiving = line is self._receivers
        timeout = self.options.rcvtimeo if receiving else self.options.sndtimeo
        if timeout >= 0:
            give_up = getattr(attempt, "give_up", _raise_again)
            waiting.give_up_after(timeout / 1000, give_up)
        line.append(waiting)
        if late:
            loop.call_soon(self._look)
        elif len(line) == 1:
            self._watch()
        return waiting

    # Whenever somebody waits, either the descriptor is armed or `_look` is about to be called.

    def _watch(self) -> None:
        """Have `_look` called when something has happened since `_note`."""
        loop = self._loop
        assert loop is not None
        try:
            quiet = self._arm()
        except ZMQError:  # closed or terminated: they will hear of it
            quiet = False
        if not quiet:
            loop.call_soon(self._look)

    def _look(self) -> None:
        """Serve whom the socket can serve now."""
        if self.closed:
            self._unregister()
            return
        if not (self._receivers or self._senders or self._pollers):
            return
        self._note()
        self._watch()
        for waiting in list(self._pollers):
            if waiting.done() or waiting.try_once():
                self._pollers.remove(waiting)
        self._serve(self._receivers, 1)
        self._serve(self._senders, 1)
        self._rest()

    def _serve(self, line: deque[Waiting[Any]], wakes: int) -> None:
        """Wake those who do it themselves, do it for the others; no further than it goes."""
        while line:
            first = line[0]
            if first.asleep:
                _wake_some(line, wakes)
                return
            if not first.done() and not first.try_once():
                return
            line.popleft()

    def _take(self, waiting: Waiting[Any]) -> None:
        """A task that was woken does its work."""
        line = waiting.line
        if not line or line[0] is not waiting:
            return  # others come first, and wake it again
        if waiting.try_once():
            line.popleft()
            self._serve(line, 2)
            self._rest()

    def _leave(self, waiting: Waiting[Any]) -> None:
        """Somebody waits no longer. If it was his turn, it is the next one's."""
        line = waiting.line
        if waiting not in line:
            return
        line.remove(waiting)
        if waiting.woken:
            self._serve(line, 1)
        self._rest()

    def _rest(self) -> None:
        if not (self._receivers or self._senders or self._pollers):
            self._disarm()

    def _unregister(self) -> None:
        """Leave the loop; whoever waits in it is told that nothing will come."""
        loop, self._loop = self._loop, None
        waiting = [*self._receivers, *self._senders, *self._pollers]
        for line in (self._receivers, self._senders, self._pollers):
            line.clear()
        registered, self._registered = self._registered, False
        descriptor = self._give_fd()
        if loop is None:
            return
        if not loop.is_closed() and loop.is_running() and loop is not _running_loop():
            loop.call_soon_threadsafe(_end, loop, descriptor, registered, waiting)
        else:
            _end(loop, descriptor, registered, waiting)


def _wake(reference: weakref.ref[Serving]) -> None:
    socket = reference()
    if socket is not None:
        socket._drain()
        socket._look()


def _wake_some(line: deque[Waiting[Any]], wakes: int) -> None:
    """Wake so many more of those in front who are asleep."""
    for awake, waiting in enumerate(line):
        if not waiting.asleep or awake == AWAKE:
            return
        if not waiting.woken:
            if not wakes:
                return
            wakes -= 1
            waiting.wake()


def _end(
    loop: asyncio.AbstractEventLoop, descriptor: int, registered: bool, waiting: list[Waiting[Any]]
) -> None:
    """In the thread of the loop that is left."""
    if registered and not loop.is_closed():
        loop.remove_reader(descriptor)
    if descriptor >= 0:
        os.close(descriptor)
    for each in waiting:
        each.abandon()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _raise_again() -> NoReturn:
    raise Again
