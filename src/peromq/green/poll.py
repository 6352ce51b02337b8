"""`Poller` for gevent: only the greenlet that polls waits."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from gevent.event import Event
from gevent.hub import get_hub

from ..constants import PollEvent
from ..poll import Poller as _Sync_Poller
from ..socket import Socket
from .waiting import Deadline, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

_READ, _WRITE = 1, 2  # libev's numbers


class _Poller(_Sync_Poller):
    """A `peromq.Poller` whose `poll` lets other greenlets run."""

    _may_block = False

    def poll(self, timeout: float | None = -1) -> list[tuple[Any, int]]:
        """Wait, `timeout` ms or for ever, and say what happened: see `peromq.Poller.poll`."""
        events = self._happened()
        if events or timeout == 0 or not self.sockets:
            return events
        deadline = Deadline(None if timeout is None or timeout < 0 else timeout)
        turn = Event()
        with ExitStack() as watched:
            for item, flags in self.sockets:
                watched.callback(_watch(item, flags, turn))
            while True:
                turn.clear()
                events = self._happened(turn)
                if events or deadline.left == 0:
                    return events
                turn.wait(deadline.left)

    def _happened(self, turn: Event | None = None) -> list[tuple[Any, int]]:
        """As of now."""
        events = super().poll(0)
        for item, _ in self.sockets:
            if (waiting := _waiting_of(item)) is not None:
                waiting.look(but=turn)
        return events


def _watch(item: Any, flags: int, turn: Event) -> Callable[[], None]:
    """Set `turn` whenever something happens to an item; how to end that."""
    if (waiting := _waiting_of(item)) is not None:
        waiting.add_poller(turn, flags, item)
        return lambda: waiting.remove_poller(turn)
    if isinstance(item, Socket):
        flags = PollEvent.POLLIN  # its descriptor is readable, whatever happens
    wanted = (_READ if flags & ~PollEvent.POLLOUT else 0) | (
        _WRITE if flags & PollEvent.POLLOUT else 0
    )
    descriptor = item if isinstance(item, int) else item.fileno()
    watcher = get_hub().loop.io(descriptor, wanted)
    watcher.start(turn.set)

    def end() -> None:
        watcher.stop()
        watcher.close()

    return end


def _waiting_of(item: Any) -> Waiting | None:
    """Of a green socket."""
    return getattr(item, "_waiting", None) if isinstance(item, Socket) else None


__all__ = ["_Poller"]
