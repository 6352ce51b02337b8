"""`proxy`: pass messages between two sockets, natively, until the context ends."""

from __future__ import annotations

from typing import Any

from ._core.handles_poll import proxy_cores
from .constants import Errno
from .error import ZMQError
from .socket import Socket


def proxy(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None = None) -> None:
    """Forward messages both ways between two sockets, and copies of all of them to `capture`.

    Blocks until the context is terminated (ContextTerminated) or a socket closed (ZMQError,
    ENOTSOCK).
    """
    proxy_cores(frontend, backend, capture)


def proxy_steerable(
    frontend: Socket[Any],
    backend: Socket[Any],
    capture: Socket[Any] | None = None,
    control: Socket[Any] | None = None,
) -> None:
    """Gone from libzmq 4.3.5; always ZMQError with ENOTSUP."""
    raise ZMQError(Errno.ENOTSUP)


def device(device_type: int, frontend: Socket[Any], backend: Socket[Any]) -> None:
    """Deprecated: `proxy`. The type is ignored."""
    proxy(frontend, backend)
