"""`Socket.wait_connected`: has a `connect` led to a connection, and if not, why?"""

from __future__ import annotations

import os
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from .constants import PollEvent
from .error import ConnectError, ZMQError
from .steps import Steps, milliseconds, run

if TYPE_CHECKING:
    from .socket_state import SocketState

_ENOENT = 2


def connected_steps(
    socket: Any, endpoint: str | bytes | None, timeout: float | None, patient: bool
) -> Steps[None]:
    """What `wait_connected` does, for any kind of socket."""
    state: SocketState = socket._state
    where = endpoint.decode() if isinstance(endpoint, bytes) else endpoint
    end = None if timeout is None else monotonic() + timeout
    links = state.links
    state.open_core()
    changed = links.watch()
    try:
        while True:
            os.eventfd_read(changed)
            state.open_core()
            try:
                outcome = links.state(where, patient)
            except KeyError:
                raise ZMQError(_ENOENT, f"not connected (addr={where!r})") from None
            if isinstance(outcome, ConnectError):
                raise outcome
            if outcome:
                return
            poller = socket._poller_class()
            poller.register(changed, PollEvent.POLLIN)
            happened: Any = []
            while not happened:
                left = None if end is None else end - monotonic()
                if left is not None and left <= 0:
                    raise links.late(where, timeout or 0)
                happened = yield partial(poller.poll, milliseconds(left))
    finally:
        links.unwatch(changed)


class ConnectedMixin:
    """For sockets whose calls block."""

    def wait_connected(
        self,
        endpoint: str | bytes | None = None,
        timeout: float | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Wait until a `connect` has led to a connection whose handshake is done.

        endpoint: as it was given to `connect`; None: all of them. timeout: in seconds, None waits
        for ever. patient: an attempt that failed is no reason to give up, as long as another one
        will follow (RECONNECT_IVL); without it, the first failure is raised.

        Raises ConnectError, which says which endpoint and why: refused, no such name, …; and, with
        the mechanism, HandshakeError; ConnectTimeout, which is a TimeoutError. The socket goes on
        trying all the same. ZMQError: ENOENT if there was no such connect, ENOTSOCK, ETERM.
        inproc: there is a connection once somebody has bound; udp and multicast: at once.
        Safe to call from several threads.
        """
        run(connected_steps(self, endpoint, timeout, patient))


__all__ = ["ConnectedMixin", "connected_steps"]
