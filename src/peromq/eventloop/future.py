"""Sockets to await in tornado, whose loop is asyncio's: those of `peromq.asyncio`."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from typing import Any
from warnings import warn

from tornado.ioloop import IOLoop

import peromq as zmq
import peromq.asyncio


class Poller(peromq.asyncio.Poller):
    """As `peromq.asyncio.Poller`."""


class Socket(peromq.asyncio.Socket):
    """As `peromq.asyncio.Socket`; `IOLoop.close(all_fds=True)` closes it."""

    _poller_class = Poller
    _io_loop: IOLoop | None = None

    def _get_loop(self) -> asyncio.AbstractEventLoop:
        loop = super()._get_loop()
        io_loop = IOLoop.current(instance=False)
        if io_loop is not None and io_loop is not self._io_loop:
            self._leave_io_loop()
            # for no events: asyncio's loop has the reader, tornado's only knows what to close
            io_loop.add_handler(self, _never, 0)
            self._io_loop = io_loop
        return loop

    def _leave_io_loop(self) -> None:
        io_loop, self._io_loop = self._io_loop, None
        if io_loop is not None and not self.closed:
            io_loop.remove_handler(self)

    def close(self, linger: int | None = None) -> None:
        """As `peromq.asyncio.Socket.close`."""
        self._leave_io_loop()
        super().close(linger)


def _never(*_: object) -> None:
    raise AssertionError("tornado was to watch for no events")


class Context(zmq.Context[Socket]):
    """Makes these sockets.

    io_loop: deprecated; the current loop is used.
    """

    _instance: Any = None
    _socket_class = Socket
    io_loop: Any = None

    def __init__(self, *args: Any, io_loop: Any = None, **kwargs: Any) -> None:
        if io_loop is not None:
            warn(
                f"{type(self).__name__}(io_loop) is deprecated: the current loop is used",
                DeprecationWarning,
                stacklevel=2,
            )
        super().__init__(*args, **kwargs)


__all__ = ["CancelledError", "Context", "Poller", "Socket"]
