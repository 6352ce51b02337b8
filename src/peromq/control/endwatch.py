"""Watches for the end of connections that nobody reads."""

from __future__ import annotations

import socket
from collections.abc import Callable

from .. import unpatched
from .loop import READ, Loop, Owner

_RDHUP = 0x2000  # EPOLLRDHUP, which gevent removes with the rest of epoll


class EndWatch:
    """Calls back when a peer closes, whatever it sent before.

    A selector knows only "readable", which stays true for as long as nobody reads. This is a second
    epoll, nested in the loop's, that asks for the end alone.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._epoll = unpatched.new_epoll()
        self._waiting: dict[int, tuple[Callable[[], None], Owner]] = {}
        self._watch = loop.watch(self._epoll.fileno(), READ, self._ready)

    def add(self, connection: socket.socket, callback: Callable[[], None], owner: Owner) -> None:
        """Call `callback` once when the connection ends."""
        self._waiting[connection.fileno()] = callback, owner
        self._epoll.register(connection.fileno(), _RDHUP)

    def remove(self, connection: socket.socket) -> None:
        """Before closing it. Idempotent."""
        if self._waiting.pop(connection.fileno(), None) is not None:
            self._epoll.unregister(connection.fileno())

    def close(self) -> None:
        """After the loop has ended."""
        self._epoll.close()

    def _ready(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            found = self._waiting.pop(descriptor, None)
            if found is not None:
                self._epoll.unregister(descriptor)
                self._loop.guard(*found)
