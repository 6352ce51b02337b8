"""The inproc transport: a registry of names per context that pairs sockets of the same process.

No descriptor, no handshake, no check of socket types, no monitor events. A connect may come before
its bind: the connecting socket's queue is there at once, and its far end waits here.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import time
from typing import TYPE_CHECKING

from . import unpatched
from .constants import Errno, Event, SocketType
from .error import ZMQError

if TYPE_CHECKING:
    from ._core.handles_watch import ControlCore
    from .links import Links
    from .socket_state import SocketState

FIRST_TOKEN = 1 << 48
"""Tokens of inproc pipes start here, far above those of the control plane."""

ENOENT = errno.ENOENT


class InprocLinks:
    """The inproc pipes of one socket, by token."""

    def __init__(self) -> None:
        self.connected: dict[str, list[int]] = {}  # by name
        self.accepted: dict[int, str] = {}  # the name by which each came
        self.private: dict[int, SocketState] = {}  # the binders of pipes made by `join`

    def names(self) -> dict[int, tuple[str, bool]]:
        """By token: the name that was bound or connected, and whether the peer came to us."""
        found = {token: (name, True) for token, name in list(self.accepted.items())}
        for name, tokens in list(self.connected.items()):
            found |= dict.fromkeys(list(tokens), (name, False))
        return found


class _Waiting:
    """A connect whose bind has not come yet."""

    def __init__(self, token: int, far_end: object, socket: SocketState) -> None:
        self.token = token
        self.far_end = far_end
        self.links = socket.links
        self.routing_id = socket.options.routing_id  # as it was then


def _is_ignored(binder: SocketState, routing_id: bytes, token: int) -> bool:
    """Has this ROUTER another peer of that name?"""
    if binder.type is not SocketType.ROUTER or not routing_id:
        return False
    return binder.open_core().token_of_name(routing_id) != token


def _refuse(binder: SocketState, routing_id: bytes, name: str, links: Links, token: int) -> None:
    """Tell everybody who may want to know that a peer is neither heard nor served.

    There is no handshake that could fail, and libzmq's `connect` has no such error.
    """
    import logging  # not above: `import peromq` shall be quick

    endpoint = f"inproc://{name}"
    reason = f"another peer has the routing id {routing_id!r}, and ROUTER_HANDOVER is off"
    logging.getLogger("peromq").warning("ROUTER %s: a peer is ignored: %s", endpoint, reason)
    details = {"Reason": reason, "Routing-Id": routing_id.decode("latin-1")}
    event = Event.HANDSHAKE_FAILED_NO_DETAIL
    binder.feed.emit(event, [errno.EADDRINUSE], (endpoint, ""), accepted=True, details=details)
    links.down(token, errno.EADDRINUSE, reason)
    links.over(token)


class InprocRegistry:
    """Names bound in one context, and connects that wait for a name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = unpatched.RLock()
        self._tokens = itertools.count(FIRST_TOKEN)
        self._bound: dict[str, SocketState] = {}
        self._waiting: dict[str, list[_Waiting]] = {}
        self._expiring: list[tuple[float, int, str]] = []  # a heap: when, which token, which name

    def bind(self, name: str, socket: SocketState) -> None:
        """Give a socket a name, and the peers that wait for it. EADDRINUSE if it is taken."""
        with self._lock:
            if name in self._bound:
                raise ZMQError(Errno.EADDRINUSE)
            core = socket.open_core()
            self._expire()
            self._bound[name] = socket
            for waiting in self._waiting.pop(name, []):
                token = next(self._tokens)
                core.inproc_adopt(waiting.far_end, token)
                socket.inproc.accepted[token] = name
                waiting.links.up(waiting.token)
                if _is_ignored(socket, waiting.routing_id, token):
                    _refuse(socket, waiting.routing_id, name, waiting.links, waiting.token)

    def names_of(self, socket: SocketState) -> list[str]:
        """The endpoints a socket is bound and connected to."""
        with self._lock:
            bound = [name for name, binder in self._bound.items() if binder is socket]
            return [f"inproc://{name}" for name in [*bound, *socket.inproc.connected]]

    def find(self, name: str) -> SocketState | None:
        """Who is bound to the name now."""
        return self._bound.get(name)

    def join(self, binder: SocketState, socket: SocketState, peer_id: bytes) -> int:
        """A pipe to who is bound now, for `part` alone to close; its token.

        peer_id: a ROUTER's name for it.
        """
        with self._lock:
            token = next(self._tokens)
            socket.open_core().inproc_connect(binder.open_core(), token, peer_id)
            binder.inproc.accepted[token] = ""
            socket.inproc.private[token] = binder
            return token

    def part(self, socket: SocketState, token: int) -> None:
        """Drop a pipe made by `join`, and what is in it."""
        with self._lock:
            binder = socket.inproc.private.pop(token, None)
            if binder is not None:
                binder.inproc.accepted.pop(token, None)
            if socket.core is not None:
                socket.core.abort_pipe(token)

    def connect(self, name: str, socket: SocketState) -> SocketState | None:
        """Pair a socket with the one that has the name, now or later; the binder if now.

        EADDRINUSE if CONNECT_ROUTING_ID names another peer of the socket already.
        """
        with self._lock:
            core = socket.open_core()
            self._expire()
            binder = self._bound.get(name)
            token = next(self._tokens)
            peer_id = socket.options.connect_routing_id
            if binder is None:
                far_end = core.inproc_connect(None, token, peer_id)
                self._waiting.setdefault(name, []).append(_Waiting(token, far_end, socket))
            else:
                core.inproc_connect(binder.open_core(), token, peer_id)
                binder.inproc.accepted[token] = name
            socket.inproc.connected.setdefault(name, []).append(token)
            socket.links.begin(token, f"inproc://{name}", up=binder is not None)
            routing_id = socket.options.routing_id
            if binder is not None and _is_ignored(binder, routing_id, token):
                _refuse(binder, routing_id, name, socket.links, token)
            return binder

    def drop(self, name: str, socket: SocketState) -> None:
        """Undo a bind, whose peers stay, or else all connects. ENOENT if there was neither.

        As in libzmq, unbind and disconnect are one.
        """
        with self._lock:
            if self._bound.get(name) is socket:
                del self._bound[name]
                return
            tokens = socket.inproc.connected.pop(name, None)
            if tokens is None:
                raise ZMQError(ENOENT)
            self._forget(name, tokens)
            core = socket.open_core()
            for token in tokens:
                core.close_pipe(token)

    def close(self, socket: SocketState, core: ControlCore, linger: int) -> None:
        """End a socket's part in everything. Unless `linger` is 0, what it sent stays readable.

        Peers that are there read it whenever they like; a name waits `linger` ms for its bind.
        """
        with self._lock:
            self._expire()
            for name in [name for name, binder in self._bound.items() if binder is socket]:
                del self._bound[name]
            tokens = [*socket.inproc.accepted, *socket.inproc.private]
            for name, connected in socket.inproc.connected.items():
                tokens += connected
                if linger == 0:
                    self._forget(name, connected)
                elif linger > 0 and name in self._waiting:
                    when = time.monotonic() + linger / 1000
                    for token in connected:
                        heapq.heappush(self._expiring, (when, token, name))
            for token in tokens:
                if linger == 0:
                    core.abort_pipe(token)
                else:
                    core.close_pipe(token)

    def clear(self) -> None:
        """The context ends: nobody will come for the waiting ends."""
        with self._lock:
            self._waiting.clear()
            self._expiring.clear()

    def _expire(self) -> None:
        """Drop what closed sockets left for names whose bind did not come within LINGER."""
        now = time.monotonic()
        while self._expiring and self._expiring[0][0] <= now:
            _, token, name = heapq.heappop(self._expiring)
            self._forget(name, [token])

    def _forget(self, name: str, tokens: list[int]) -> None:
        kept = [item for item in self._waiting.get(name, []) if item.token not in tokens]
        if kept:
            self._waiting[name] = kept
        else:
            self._waiting.pop(name, None)
