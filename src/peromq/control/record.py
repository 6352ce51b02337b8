"""Everything the control plane holds for one socket."""

from __future__ import annotations

import functools
import logging
import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from .. import unpatched
from .hub import Hub
from .settings import Core, type_of

if TYPE_CHECKING:
    from .datagrams import DatagramPeer
    from .dialer import Dialer
    from .listener import Listener
    from .multicast import MulticastPeer
    from .peer import Peer

log = logging.getLogger("peromq")


Endpoints = tuple["list[Listener]", "list[Dialer | MulticastPeer]", "list[DatagramPeer]"]
_PeerT = TypeVar("_PeerT", bound="Peer")


class SocketRecord:
    """The endpoints and peers of one socket.

    The socket is referred to weakly while it is open, so that an abandoned one is collected (and
    then closes itself), and strongly from its close to its last message.

    `lock` guards the tables of endpoints, which any caller changes. `peers` is changed by the
    control thread, but for a new dialer, so that nobody sees a connecting socket empty.
    """

    def __init__(self, hub: Hub, sock: Core, when_gone: Callable[[SocketRecord], None]) -> None:
        self.hub = hub
        self.type_name = type_of(sock.options.type).name
        self.lock = unpatched.RLock()
        self.listeners: dict[str, list[Listener]] = {}  # by LAST_ENDPOINT
        self.dialers: dict[str, list[Dialer | MulticastPeer]] = {}  # by the endpoint of connect()
        self.datagrams: dict[str, list[DatagramPeer]] = {}  # by LAST_ENDPOINT
        self.peers: dict[int, Peer] = {}
        # Of monitor events, whether somebody listens or not.
        self.counts: defaultdict[int, int] = defaultdict(int)
        self.reconnects = 0  # connections that were not the first of their peer
        self.closing: Core | None = None  # the socket, once it is closed
        # All handles of one socket share their options; held, so that no other's can be at this id.
        self.options = sock.options
        self.links = sock.links
        self._handles: list[weakref.ref[Core]] = []
        self._when_gone = when_gone

    def add_handle(self, sock: Core) -> None:
        """A handle of the socket; there may be several (shadows)."""
        if all(known() is not sock for known in self._handles):
            self._handles.append(weakref.ref(sock))

    def core(self) -> Core | None:
        """The socket; None if it was abandoned and its finalizer has not come by yet."""
        if self.closing is not None:
            return self.closing
        for known in self._handles:
            sock = known()
            if sock is not None:
                return sock
        return None

    def emit(
        self,
        event: int,
        value: int,
        endpoint: str,
        details: Mapping[str, str] | None = None,
        *,
        other: str = "",
        accepted: bool = True,
    ) -> None:
        """Tell the socket's monitor. What goes wrong there must not disturb the connection."""
        with self.lock:
            self.counts[event] += 1
        sock = self.core()
        if sock is not None:
            try:
                sock.emit(event, value, endpoint, details, other=other, accepted=accepted)
            except Exception:
                log.exception("monitor event %#x of %s", event, endpoint)

    def add(self, peer: Peer) -> None:
        """From now on the data plane's news about its token reach it."""
        self.peers[peer.token] = self.hub.peers[peer.token] = peer

    def forget_token(self, token: int) -> None:
        """Control thread: no news about it matter any more."""
        self.peers.pop(token, None)
        self.hub.peers.pop(token, None)

    def take(self, endpoint: str) -> Endpoints | None:
        """What has this endpoint, which is then no longer listed; None if nothing has."""
        with self.lock:
            taken = (
                self.listeners.pop(endpoint, []),
                self.dialers.pop(endpoint, []),
                self.datagrams.pop(endpoint, []),
            )
        return taken if any(taken) else None

    def unlist(self, table: dict[str, list[_PeerT]], peer: _PeerT) -> None:
        """No longer found in `dialers` or `datagrams` by its endpoint. Idempotent."""
        with self.lock:
            same = table.get(peer.endpoint, [])
            if peer in same:
                same.remove(peer)
            if not same:
                table.pop(peer.endpoint, None)

    def remove(self, peer: Peer) -> None:
        """Control thread: it is gone."""
        self.forget_token(peer.token)
        self.check_gone()

    def close(self, linger: int) -> None:
        """Control thread: end all endpoints; nobody calls for the socket any more."""
        for listener in self._take_endpoints():
            self.hub.loop.guard(listener.close, listener)
        for peer in list(self.peers.values()):
            self.hub.loop.guard(functools.partial(peer.close, linger), peer)
        self.check_gone()

    def release(self) -> None:
        """Control thread: close every descriptor at once, without a word to the data plane."""
        for listener in self._take_endpoints():
            self.hub.loop.guard(listener.close, None)
        for peer in list(self.peers.values()):
            self.hub.loop.guard(peer.release, None)
            self.forget_token(peer.token)

    def after_fork(self) -> None:
        """In a forked child: close its copies of the descriptors. No lock can be relied on."""
        for same in self.listeners.values():
            for listener in same:
                listener.after_fork()
        for peer in self.peers.values():
            peer.after_fork()

    def _take_endpoints(self) -> list[Listener]:
        """Empty the tables of endpoints; the others are among the peers."""
        with self.lock:
            listeners = [listener for same in self.listeners.values() for listener in same]
            self.listeners.clear()
            self.dialers.clear()
            self.datagrams.clear()
        return listeners

    def check_gone(self) -> None:
        """Control thread: report when the last endpoint and peer are gone."""
        if self.is_empty():
            self._when_gone(self)

    def is_empty(self) -> bool:
        """No endpoint and no peer is left."""
        return not (self.listeners or self.dialers or self.datagrams or self.peers)
