"""Waiting for several sockets: `Poller`, `select`, `zmq_poll`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._core.handles import SocketCore
from ._core.handles_poll import poll_cores
from .constants import PollEvent

POLLIN, POLLOUT, POLLERR = PollEvent.POLLIN, PollEvent.POLLOUT, PollEvent.POLLERR


class Poller:
    """A set of sockets and descriptors to wait for.

    A descriptor is an int, or any object with `fileno()`.
    """

    sockets: list[tuple[Any, int]]
    _map: dict[Any, int]
    _may_block = True

    def __init__(self) -> None:
        self.sockets = []
        self._map = {}  # to places in `sockets`

    def __contains__(self, socket: Any) -> bool:
        return socket in self._map

    def register(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Wait for these events of a socket from now on; flags 0 forget it."""
        if not flags:
            if socket in self._map:
                self.unregister(socket)
        elif socket in self._map:
            self.sockets[self._map[socket]] = (socket, flags)
        else:
            self._map[socket] = len(self.sockets)
            self.sockets.append((socket, flags))

    def modify(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """The same as `register`."""
        self.register(socket, flags)

    def unregister(self, socket: Any) -> None:
        """Forget a socket. KeyError if it was not registered."""
        del self.sockets[self._map.pop(socket)]
        self._map = {known: place for place, (known, _) in enumerate(self.sockets)}

    def poll(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        """Wait until something happens, `timeout` ms or for ever, and say what: (socket, events).

        In the order of registration. Objects that are not sockets appear as their int descriptor.
        """
        return zmq_poll(self.sockets, _milliseconds(timeout))

    def ppoll(
        self, timeout: float | None = None, sigmask: Iterable[int] = ()
    ) -> list[tuple[Any, int]]:
        """`poll` that a signal ends, with [], unless it is in `sigmask`; see `zmq_ppoll`.

        NotImplementedError for the pollers of event loops, which have their own ways with signals.
        """
        if not self._may_block:
            raise NotImplementedError("ppoll would block the loop: use poll and the loop's signals")
        return zmq_ppoll(self.sockets, _milliseconds(timeout), sigmask)


def _milliseconds(timeout: float | None) -> int:
    return -1 if timeout is None or timeout < 0 else int(timeout)


def zmq_ppoll(
    sockets: list[tuple[Any, int]], timeout: int = -1, sigmask: Iterable[int] = ()
) -> list[tuple[Any, int]]:
    """`zmq_poll` that a signal ends: [] if one came that is not in `sigmask`, handled already.

    While it waits, `sigmask` is the thread's whole signal mask, set and reset atomically, as by
    ppoll(2). So a thread that blocks SIGTERM at all other times learns of it here and nowhere else,
    and cannot miss it between a look at its flag and the wait. ValueError for what is no signal;
    else as `zmq_poll`, but with no sockets, too, it waits.
    """
    blocked = [int(number) for number in sigmask]
    return _poll(sockets, timeout, blocked)


def zmq_poll(sockets: list[tuple[Any, int]], timeout: int = -1) -> list[tuple[Any, int]]:
    """Wait for (socket, events) pairs, `timeout` ms, negative for ever; those that happened.

    An empty list returns at once. Raises TypeError for what cannot be polled, ValueError if
    fileno() fails, ZMQError (ENOTSOCK) for a closed socket, ContextTerminated.
    """
    return _poll(sockets, timeout, None) if sockets else []


def _poll(
    sockets: list[tuple[Any, int]], timeout: int, blocked: list[int] | None
) -> list[tuple[Any, int]]:
    items = [_pair(pair) for pair in sockets]
    return [
        (sockets[index][0] if isinstance(items[index][0], SocketCore) else items[index][0], events)
        for index, events in poll_cores(items, timeout, blocked)
    ]


def _pair(pair: Any) -> tuple[SocketCore | int, int]:
    if isinstance(pair, SocketCore):  # taken apart, it would receive messages
        raise TypeError(f"a pair of socket and events is needed, not {pair!r}")
    item, events = pair
    return _pollable(item), int(events)


def _pollable(item: Any) -> SocketCore | int:
    if isinstance(item, (SocketCore, int)):
        return item
    if not hasattr(item, "fileno"):
        raise TypeError(
            f"Socket must be a 0MQ socket, an integer fd or have a fileno() method: {item!r}"
        )
    try:
        return int(item.fileno())
    except Exception:
        raise ValueError("fileno() must return a valid integer fd") from None


def select(
    rlist: list[Any], wlist: list[Any], xlist: list[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """`select.select` for sockets and descriptors. timeout: in seconds, None for ever."""
    wanted: dict[Any, int] = {}
    for group, event in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR)):
        for item in group:
            wanted[item] = wanted.get(item, 0) | event
    milliseconds = -1 if timeout is None or timeout < 0 else int(timeout * 1000)
    ready = zmq_poll(list(wanted.items()), milliseconds)
    readable, writable, failed = (
        [item for item, events in ready if events & event] for event in (POLLIN, POLLOUT, POLLERR)
    )
    return readable, writable, failed


__all__ = ["Poller", "select"]
