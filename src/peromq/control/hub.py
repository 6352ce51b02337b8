"""What all sockets of a context share in the control thread."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from ..transports import Transform
from .endwatch import EndWatch
from .interfaces import InterfaceWatch
from .loop import Loop
from .relay import Relay
from .resolver import Resolver
from .zap import NoHandler, Zap, ZapClient, ZapDoor

if TYPE_CHECKING:
    from .peer import Peer

_KERBEROS_THREADS = 16


class Hub:
    """The loop, its helpers, and the table that finds a peer by the data plane's token."""

    def __init__(
        self,
        open_zap_door: Callable[[], ZapDoor] | None = None,
        begin_thread: Callable[[str], None] | None = None,
    ) -> None:
        self._begin_thread = begin_thread
        self.loop = Loop("peromq/control", begin_thread)
        self.ends = EndWatch(self.loop)
        self.interfaces = InterfaceWatch(self.loop)
        self.resolver = Resolver(begin=begin_thread)
        # Of its own: a KDC that does not answer keeps no name waiting, nor the other way round.
        self.kerberos = Resolver(_KERBEROS_THREADS, begin_thread, "peromq/kerberos")
        self.random = Random()
        self.zap: Zap = NoHandler()
        if open_zap_door is not None:
            self.zap = ZapClient(self.loop, open_zap_door)
        self.peers: dict[int, Peer] = {}
        self._tokens = itertools.count(1)
        self._relays: set[Relay] = set()
        self._relay_loop: Loop | None = None  # with a thread of its own: they have work to do

    def new_token(self) -> int:
        """Never given before in this context. From any thread."""
        return next(self._tokens)

    def relay(
        self, net: socket.socket, transform: Transform, failed: Callable[[str], None]
    ) -> Relay:
        """Control thread: a relay, begun, for `net`, which is its own if this does not raise.

        Raises OSError.
        """
        if self._relay_loop is None:
            self._relay_loop = Loop("peromq/relay", self._begin_thread)
            self._relay_loop.start()
        relay = Relay(self._relay_loop, net, transform, failed, self._relays.discard)
        self._relays.add(relay)
        relay.start()
        return relay

    def stop(self) -> None:
        """Join the threads and close the hub's own descriptors. Idempotent."""
        self.resolver.clear()
        self.kerberos.clear()
        self.loop.stop()
        if self._relay_loop is not None:
            self._relay_loop.post(self._end_relays)
            self._relay_loop.stop()
        self.interfaces.close()
        self.ends.close()

    def after_fork(self) -> None:
        """In a forked child: close its copies of the hub's own descriptors."""
        self.loop.after_fork()
        self.interfaces.close()
        self.ends.close()
        if self._relay_loop is not None:
            self._relay_loop.after_fork()
        for relay in self._relays:
            relay.after_fork()

    def _end_relays(self) -> None:
        for relay in list(self._relays):
            relay.last_push()
