"""`device` for gevent."""

from __future__ import annotations

from typing import Any, NoReturn

from ..constants import PollEvent
from ..socket import Socket
from .poll import _Poller


def device(device_type: int, isocket: Socket[Any], osocket: Socket[Any] | int) -> NoReturn:
    """Forward messages both ways between two sockets, in this greenlet, until an error ends it.

    osocket: -1 for a single socket that answers itself. The type is ignored. Raises
    ContextTerminated at the end of the context, ZMQError (ENOTSOCK) when a socket is closed.
    """
    other = isocket if isinstance(osocket, int) else osocket
    poller = _Poller()
    poller.register(isocket, PollEvent.POLLIN)
    poller.register(other, PollEvent.POLLIN)
    while True:
        for socket, _ in poller.poll():
            target = other if socket is isocket else isocket
            target.send_multipart(socket.recv_multipart())


__all__ = ["device"]
