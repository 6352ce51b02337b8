"""`Poller` whose `poll` is awaited."""

from __future__ import annotations

from typing import Any

from anyio import CancelScope, create_task_group, move_on_after, wait_readable, wait_writable
from anyio.lowlevel import checkpoint

from ..constants import PollEvent
from ..error import ZMQError
from ..poll import Poller as SyncPoller
from ..socket import Socket as SyncSocket
from .sockets import Socket


class Poller(SyncPoller):
    """A set of sockets (these or plain ones) and descriptors to wait for."""

    _may_block = False

    async def poll(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> list[tuple[Any, int]]:
        """Wait, `timeout` ms or for ever, and say what happened: see `peromq.Poller.poll`."""
        await checkpoint()
        happened = self._happened()
        if happened or timeout == 0 or not self.sockets:
            return happened
        with move_on_after(None if timeout is None or timeout < 0 else timeout / 1000):
            while not happened:
                try:
                    async with create_task_group() as group:
                        for item, flags in self.sockets:
                            group.start_soon(_until, item, flags, group.cancel_scope)
                except ExceptionGroup as errors:
                    raise _first(errors) from None
                happened = self._happened()
        return happened

    def _happened(self) -> list[tuple[Any, int]]:
        """As of now."""
        ours = [item for item, _ in self.sockets if isinstance(item, Socket)]
        try:
            happened = super().poll(0)
        except ZMQError as error:
            for socket in ours:
                if socket.closed:
                    raise socket._better(error) from None
            raise
        for socket in ours:
            socket._waiting.look(socket)
        return happened

    async def apoll(
        self, task_group: object = None, timeout: float | None = None
    ) -> list[tuple[Any, int]]:
        """`poll`, by zmq-anyio's name. task_group: ignored."""
        return await self.poll(timeout)


async def _until(item: Any, flags: int, all_items: CancelScope) -> None:
    """Until it is worth a look at an item."""
    if isinstance(item, Socket):
        await item.poll(None, flags)
    elif isinstance(item, SyncSocket) or not flags & PollEvent.POLLOUT:
        await wait_readable(item.fileno() if isinstance(item, SyncSocket) else item)
    elif not flags & PollEvent.POLLIN:
        await wait_writable(item)
    else:
        async with create_task_group() as group:
            group.start_soon(_until, item, PollEvent.POLLIN, group.cancel_scope)
            await wait_writable(item)
            group.cancel_scope.cancel()
    all_items.cancel()


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


__all__ = ["Poller"]
