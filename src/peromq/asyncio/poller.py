"""`Poller` for asyncio."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import Poller as SyncPoller
from .. import Socket as SyncSocket
from .._core.handles_async import finished
from ..constants import PollEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from .serving import Serving


class Poller(SyncPoller):
    """A set of sockets (plain ones, too) and descriptors to wait for, awaited."""

    _may_block = False

    def poll(  # type: ignore[override]
        self, timeout: float | None = -1
    ) -> asyncio.Future[list[tuple[Any, int]]]:
        """Wait until something happens, `timeout` ms or for ever, and say what: (socket, events).

        In the order of registration. Objects that are not sockets appear as their int descriptor.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[tuple[Any, int]]] = loop.create_future()
        try:
            happened = super().poll(0)
            if happened or timeout == 0:
                return finished(happened)
            wait = Round(loop, future, lambda: SyncPoller.poll(self, 0))
            for item, events in self.sockets:
                wait.add(item, events)
        except Exception as error:
            future.set_exception(error)
            return future
        if timeout is not None and timeout > 0:
            wait.end_after(timeout / 1000)
        return future


class Round:
    """One call of `poll` that has to wait."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[list[tuple[Any, int]]],
        look: Callable[[], list[tuple[Any, int]]],
    ) -> None:
        self._loop = loop
        self._future = future
        self._look = look
        self._calls: list[asyncio.Future[int]] = []
        self._handles: list[Serving] = []
        self._readers: list[int] = []
        self._writers: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        future.add_done_callback(self._clean_up)

    def add(self, item: Any, events: int) -> None:
        """Look when something of this happens."""
        if isinstance(item, SyncSocket):
            self._add_socket(item, events)
            return
        descriptor = item if isinstance(item, int) else item.fileno()
        # duplicates: the loop has one reader per descriptor, which may be somebody else's
        if events & (PollEvent.POLLIN | PollEvent.POLLERR | PollEvent.POLLPRI):
            self._readers.append(os.dup(descriptor))
            self._loop.add_reader(self._readers[-1], self._try)
        if events & PollEvent.POLLOUT:
            self._writers.append(os.dup(descriptor))
            self._loop.add_writer(self._writers[-1], self._try)

    def _add_socket(self, socket: SyncSocket[Any], events: int) -> None:
        from .socket import Socket

        if not isinstance(socket, Socket):
            socket = Socket.from_socket(socket)
            self._handles.append(socket)
        self._call(socket, events)

    def _call(self, socket: Serving, events: int) -> None:
        call = socket._wait_for_events(events)
        call.add_done_callback(partial(self._happened, socket, events))
        self._calls.append(call)

    def end_after(self, seconds: float) -> None:
        """Time is up then."""
        self._timer = self._loop.call_later(seconds, self._time_is_up)

    def _time_is_up(self) -> None:
        if not self._future.done():
            self._future.set_result([])

    def _happened(self, socket: Serving, events: int, call: asyncio.Future[int]) -> None:
        self._calls.remove(call)
        if call.cancelled():
            self._future.cancel()
        else:
            error = call.exception()
            if error is None:
                self._try()
            elif not self._future.done():
                self._future.set_exception(error)
        if not self._future.done():  # others were faster
            self._call(socket, events)

    def _try(self) -> None:
        if self._future.done():
            return
        try:
            happened = self._look()
        except Exception as error:
            self._future.set_exception(error)
        else:
            if happened:
                self._future.set_result(happened)

    def _clean_up(self, future: asyncio.Future[Any]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for call in list(self._calls):
            call.cancel()
        for handle in self._handles:
            handle._unregister()
        for descriptor in self._readers:
            self._loop.remove_reader(descriptor)
        for descriptor in self._writers:
            self._loop.remove_writer(descriptor)
        for descriptor in [*self._readers, *self._writers]:
            os.close(descriptor)
