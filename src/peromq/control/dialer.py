"""The connect side: one endpoint, dialed again and again until it is told, or told to, stop."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Sequence

from ..constants import Event, ReconnectStop, SocketType
from ..transports import Route, Target, Transform, Transport, WebPlace
from .backoff import Backoff
from .loop import Timer
from .preamble import PreambleTalk
from .race import Race
from .record import SocketRecord
from .session import Failure
from .settings import Settings
from .stream_peer import StreamPeer


class Dialer(StreamPeer):
    """A peer we go to. Its queue survives its connections, unless option IMMEDIATE is set.

    One attempt: resolve, then try all addresses until one leads to a connection, then shake hands.
    Only what time may mend is tried again; a peer that breaks the protocol ends the dialer.
    """

    def __init__(
        self,
        record: SocketRecord,
        settings: Settings,
        transport: Transport,
        endpoint: str,
        target: Target,
    ) -> None:
        super().__init__(record, settings, transport, endpoint, record.hub.new_token())
        options = settings.options
        self.routing_id = b""
        if settings.type in (SocketType.ROUTER, SocketType.STREAM):
            self.routing_id = options.connect_routing_id
        self._target = target
        self._backoff = Backoff(options.reconnect_ivl, options.reconnect_ivl_max, record.hub.random)
        self._attempt = 0  # a resolver's answer to an earlier one is no longer wanted
        self._race: Race | None = None
        self._connecting: socket.socket | None = None  # it stands, and a preamble is spoken on it
        self._watch: PreambleTalk | None = None
        self._timer: Timer | None = None  # until the next attempt
        self._number = self.token  # as which `links` knows it: tokens may change
        record.links.begin(self._number, endpoint)

    def start(self) -> None:
        """Control thread: begin an attempt."""
        self._timer = None
        self._attempt += 1
        if not self._target.may_block:
            self._resolve(self._attempt)
            return
        attempt = self._attempt
        self.hub.resolver.submit(lambda: self._resolve_elsewhere(attempt))

    def disconnect(self, linger: int) -> None:
        """Control thread: end it, flushing for `linger` ms at the longest."""
        stop = self.settings.options.reconnect_stop & ReconnectStop.AFTER_DISCONNECT
        self.close(linger, connecting=not stop)
        self.record.check_gone()

    # -- one attempt

    def _resolve(self, attempt: int) -> None:
        try:
            found: Sequence[Route] | OSError = self._target.routes()
        except OSError as failure:
            found = failure
        self._resolved(attempt, found)

    def _resolve_elsewhere(self, attempt: int) -> None:
        """In the resolver's thread."""
        try:
            found: Sequence[Route] | Exception = self._target.routes()
        except Exception as failure:
            found = failure
        self.hub.loop.post(lambda: self._resolved(attempt, found), self)

    def _resolved(self, attempt: int, found: Sequence[Route] | Exception) -> None:
        if attempt != self._attempt or self.finished or self.aborted:
            return
        if isinstance(found, OSError):
            self._failed(found)
        elif isinstance(found, Exception):
            raise found
        else:
            self._dial(found)

    def _dial(self, routes: Sequence[Route]) -> None:
        self._race = Race(
            self.hub.loop,
            self._target,
            routes,
            self.settings.options.connect_timeout,
            self,
            begun=lambda: self.emit(Event.CONNECT_DELAYED, errno.EINPROGRESS),
            given_up=self._given_up,
            ended=self._dialed,
        )
        self._race.start()

    def _given_up(self, descriptor: int, number: int) -> None:
        self.reason = os.strerror(number) if number else ""
        self.emit(Event.CLOSED, descriptor, self.why())

    def _dialed(self, connection: socket.socket | None, number: int) -> None:
        self._race = None
        if connection is not None:
            self._open(connection)
        else:
            self._failed(OSError(number, os.strerror(number)))

    def _failed(self, failure: OSError) -> None:
        """There is no connection: come again later."""
        self.reason = failure.strerror or str(failure)
        self._link_down(failure.errno or 0, self.reason)
        stop = self.settings.options.reconnect_stop & ReconnectStop.CONN_REFUSED
        if stop and failure.errno == errno.ECONNREFUSED:
            self.end()
        elif not self._retry():
            self.part()  # as libzmq: what is queued stays, and disconnect() finds the endpoint
            self.record.links.over(self._number)

    def _open(self, connection: socket.socket) -> None:
        """It stands; first to be said is what leads to the peer, if anything does."""
        make = self._target.preamble
        if make is None:
            self._connected(connection)
            return
        options = self.settings.options
        limit = options.connect_timeout or options.handshake_ivl
        self._connecting = connection
        self._watch = PreambleTalk(
            self.hub.loop, connection, make(), limit, self._preamble_ended, self
        )

    def _preamble_ended(self, failure: OSError | None) -> None:
        connection = self._take_connecting()
        if connection is None:
            return
        if failure is None:
            self._connected(connection)
            return
        self.reason = failure.strerror or str(failure)
        if self.reason != self._told:
            self._told = self.reason
            self.note(logging.INFO, f"{self.settings.type.name} {self.endpoint}: {self.reason}")
        descriptor = connection.fileno()
        connection.close()
        self.emit(Event.CLOSED, descriptor, self.why())
        self._failed(failure)

    def _connected(self, connection: socket.socket) -> None:
        self.meet(connection)
        self.emit(Event.CONNECTED, connection.fileno())
        self.converse(connection)

    def _take_connecting(self) -> socket.socket | None:
        """The connection that a preamble is spoken on; it ends."""
        connection, self._connecting = self._connecting, None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        return connection

    # -- afterwards

    def peer_id(self, announced: bytes) -> bytes:
        """CONNECT_ROUTING_ID wins over what the peer calls itself."""
        return self.routing_id or announced

    @property
    def web(self) -> WebPlace | None:
        """The target's."""
        return self._target.web

    def new_transform(self) -> Transform | None:
        """The target's."""
        make = self._target.transform
        return None if make is None else make()

    def established(self) -> None:
        """The next loss starts with the shortest wait."""
        self._backoff.reset()
        if self.attached:
            self.record.links.up(self._number)

    def lost(self, final: bool, failed_handshake: bool) -> None:
        """Come again, if that has a point."""
        self.record.links.down(self._number)
        if self.has_queue and self.dies_with_connection:
            self._renew_token()
        stop = self.settings.options.reconnect_stop & ReconnectStop.HANDSHAKE_FAILED
        if final or (failed_handshake and stop):
            self.end()
        elif self.closing and not self.has_pending():
            self.abort()
        elif not self._retry():
            self.end()

    def end(self) -> None:
        """Never again: the endpoint is no longer connected, and what is queued for it is lost."""
        self.forget()
        self.abort()

    def _retry(self) -> bool:
        """False: RECONNECT_IVL says never."""
        wait = self._backoff.next_wait()
        if wait is None:
            return False
        self.part()
        self.retries += 1
        self.emit(Event.CONNECT_RETRIED, wait, self.why())
        self._timer = self.hub.loop.later(wait / 1000, self.start, self)
        return True

    def _report(self, layer: str, failure: Failure) -> None:
        """Who waits for the connection shall hear of it, too."""
        super()._report(layer, failure)
        self._link_down(failure.errno, failure.reason, layer)

    def _link_down(self, number: int, reason: str, mechanism: str = "") -> None:
        self.record.links.down(self._number, number, reason, mechanism)

    def forget(self) -> None:
        """No longer found by disconnect()."""
        self.record.links.over(self._number)
        self.record.unlist(self.record.dialers, self)

    def release(self) -> None:
        """Also what an attempt holds."""
        super().release()
        self._attempt += 1
        if self._race is not None:
            self._race.cancel()
            self._race = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection = self._take_connecting()
        if connection is not None:
            connection.close()

    def after_fork(self) -> None:
        """Also an attempt's."""
        super().after_fork()
        if self._race is not None:
            self._race.after_fork()
        if self._connecting is not None:
            self._connecting.close()
