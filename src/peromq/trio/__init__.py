"""Sockets for trio: those of `peromq.anyio`, whose errors are trio's.

ClosedSocketError is a `trio.ClosedResourceError` here, as well as anyio's and a ZMQError.
"""

from __future__ import annotations

import trio

from ..anyio import ClosedSocketError as _AnyioClosedSocketError
from ..anyio import Poller
from ..anyio import Socket as _AnyioSocket
from ..context import Context as _SyncContext


class ClosedSocketError(_AnyioClosedSocketError, trio.ClosedResourceError):
    """The socket is closed, or was while the call waited. errno is ENOTSOCK."""


class Socket(_AnyioSocket):
    """A socket to use from trio's tasks: see `peromq.anyio.Socket`."""

    _closed_error = ClosedSocketError
    _repr_cls = "peromq.trio.Socket"


class Context(_SyncContext[Socket]):
    """A context that makes these sockets, with an `instance` of its own."""

    _socket_class = Socket
    _instance = None
    _repr_cls = "peromq.trio.Context"


__all__ = ["ClosedSocketError", "Context", "Poller", "Socket"]
