"""A peer at the other end of a stream: the handshake, and what the connection goes through."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict

from .._core.handles_codec import Codec, OldCodec, RawCodec
from ..constants import Event
from ..transports import Transform, Transport, WebPlace
from ..zmtp import GssapiTraffic, PeerInfo, ZapNeeded, ZapRequest, ZwsHandshake
from .facts import far_end, routing_id_of
from .kerberos import GssapiTransform
from .loop import log
from .peer import Peer
from .record import SocketRecord
from .relay import Relay
from .security import MECHANISM_NAMES, make_codec
from .session import Failure, Session
from .settings import Settings
from .web import web_codec

_RAW = PeerInfo(minor=0, socket_type="", routing_id=b"", properties={})


class StreamPeer(Peer):
    """What accepted and dialed connections have in common.

    A life: `converse` on a connection, `_attach` when hands are shaken; then the data plane has the
    descriptor.
    """

    def __init__(
        self,
        record: SocketRecord,
        settings: Settings,
        transport: Transport,
        endpoint: str,
        token: int,
    ) -> None:
        super().__init__(record, settings, endpoint, token)
        self.transport = transport
        self._session: Session | None = None
        self._mute: socket.socket | None = None
        self._address = ""  # the peer's, while there is a connection
        self._relays: list[Relay] = []  # of the present or last connection, from the network up
        self._waiting = False  # for the relays alone
        self._hurried = False  # do not wait for relays
        self._told = ""  # why the last handshake failed, as it was logged
        self._met = 0.0  # when the connection began, on the monotonic clock

    # -- for subclasses

    def peer_id(self, announced: bytes) -> bytes:
        """The routing id to file the peer under."""
        return announced

    def keeps(self, octets: int) -> None:
        """What the peer makes us keep of its handshake changed."""

    @property
    def web(self) -> WebPlace | None:
        """Where ZMTP goes by WebSocket, if it does."""
        return None

    def new_transform(self) -> Transform | None:
        """What stands between the network and the data plane. Raises OSError."""
        return None

    def note(self, level: int, text: str) -> None:
        """Log something about this peer."""
        log.log(level, "%s", text)

    def established(self) -> None:
        """Hands are shaken."""

    # -- from no connection to an attached one

    def meet(self, connection: socket.socket) -> None:
        """A connection begins: note its ends."""
        self._met = time.monotonic()
        try:
            self._other = self.transport.endpoint_of(far_end(connection, self.bound))
        except OSError:  # gone already
            self._other = ""

    def part(self) -> None:
        """There is no connection any more."""
        self._other = ""

    def converse(self, connection: socket.socket) -> None:
        """Shake hands on it, unless this socket is a raw one. The connection is ours now."""
        self._descriptor = connection.fileno()
        self._address = self.transport.peer_address(connection)
        self._relays = []
        try:
            transform = self.new_transform()
            if transform is not None:
                connection = self.relayed(connection, transform)
        except OSError as failure:  # no descriptor or memory left
            self._unusable(connection, failure)
            return
        if self.settings.raw:
            self._attach(connection, _RAW, b"", RawCodec())
            return
        try:
            handshake = self.settings.handshake(self.web, self.bound)
            timeout = self.settings.options.handshake_ivl
            self._session = Session(self.hub.loop, connection, handshake, timeout, self)
        except BaseException:
            connection.close()
            raise
        self._session.start(spoken=self.bound)

    def handshake_done(self, session: Session) -> None:
        """From the session: give the connection to the data plane."""
        self._session = None
        handshake, connection = session.handshake, session.connection
        traffic, leftover = handshake.mechanism.take_traffic(), handshake.leftover
        peer = handshake.peer
        codec: Codec | None = None
        try:
            if peer.old is not None:
                codec = OldCodec(**asdict(peer.old))
            elif isinstance(traffic, GssapiTraffic):
                traffic.limit(self.settings.options.maxmsgsize)
                connection = self.relayed(connection, GssapiTransform(traffic, leftover))
                leftover = b""
            else:
                curve = None if traffic is None else make_codec(traffic)
                codec = curve
                if isinstance(handshake, ZwsHandshake):
                    codec = web_codec(handshake, curve)
        except OSError as failure:  # no descriptor or memory left
            self._unusable(connection, failure)
            return
        self._attach(connection, peer, leftover, codec)

    def handshake_failed(self, session: Session, failure: Failure | None) -> None:
        """From the session."""
        self._session = None
        session.connection.close()
        for relay in self._relays:
            relay.hang_up()
        if failure is not None:
            self._report(session.handshake.mechanism.name, failure)
        self.emit(Event.DISCONNECTED, self._descriptor, self.why())
        self.lost(failure is None or failure.final, failed_handshake=True)

    def objection(self, peer: PeerInfo) -> Failure | None:
        """From the session: a ROUTER has another peer of that routing id."""
        core = self.record.core()
        if not (self.bound and peer.routing_id and self.settings.keeps_names) or core is None:
            return None
        if not core.token_of_name(peer.routing_id):
            return None
        return _name_taken(peer.routing_id)

    def handshake_refused(self, session: Session, failure: Failure) -> None:
        """From the session, while it still waits for the refused peer to go."""
        self._report(session.handshake.mechanism.name, failure)

    def slow_work(self, session: Session, work: Callable[[], None]) -> Callable[[], None]:
        """From the session."""

        def call() -> None:
            try:
                work()
            finally:
                self.hub.loop.post(session.resume, self)

        self.hub.kerberos.submit(call)
        return lambda: self.hub.kerberos.take_back(call)

    def zap_needed(self, session: Session, question: ZapNeeded) -> Callable[[], None] | None:
        """From the session: somebody must vouch for the peer."""
        options = self.settings.options
        request = ZapRequest(
            domain=options.zap_domain,
            address=self._address,
            identity=options.routing_id,
            mechanism=question.mechanism,
            credentials=question.credentials,
        )
        return self.hub.zap.ask(request, session)

    def _report(self, layer: str, failure: Failure) -> None:
        """A handshake has failed: never in silence, and never with anything secret.

        What a dialer meets again and again is logged once.
        """
        self.reason = failure.reason
        if failure.reason != self._told:
            self._told = failure.reason
            self.note(
                failure.level,
                f"{self.settings.type.name} {self.endpoint}: {layer} handshake failed: "
                f"{failure.reason}",
            )
        details = {"Mechanism": layer, "Reason": failure.reason, "Peer-Address": self._address}
        self.emit(failure.event, failure.value, details)

    def give_up(self, failure: Failure) -> None:
        """End a handshake, or a connection that is not served, for a reason of our own."""
        if self._session is not None:
            self._session.give_up(failure)
        elif self._mute is not None:
            self.hub.ends.remove(self._mute)
            self._mute_ended()

    def relayed(self, connection: socket.socket, transform: Transform) -> socket.socket:
        """Put a relay on the connection; returns what stands for it from now on. Raises OSError."""

        def failed(reason: str) -> None:
            self.hub.loop.post(lambda: self._relay_failed(relay, reason), self)

        relay = self.hub.relay(connection, transform, failed)
        self._relays.append(relay)
        return relay.inner

    def _relay_failed(self, relay: Relay, reason: str) -> None:
        if self._session is None or relay not in self._relays:
            relay.abort()  # the data plane sees the end; or hands were never to be shaken
            return
        self._session.give_up(
            Failure(
                Event.HANDSHAKE_FAILED_PROTOCOL,
                int(Event.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC),
                final=False,  # certificates can be mended
                reason=reason,
            )
        )

    def _unusable(self, connection: socket.socket, failure: OSError) -> None:
        """The system has nothing left to make use of it."""
        connection.close()
        self.emit(Event.HANDSHAKE_FAILED_NO_DETAIL, failure.errno or 0)
        self.emit(Event.DISCONNECTED, self._descriptor)
        self.lost(final=False, failed_handshake=True)

    def _attach(
        self,
        connection: socket.socket,
        peer: PeerInfo,
        leftover: bytes,
        codec: Codec | None = None,
    ) -> None:
        core = self.record.core()
        if core is None:
            connection.close()
            self.finish()
            return
        properties = peer.properties | {"Peer-Address": self._address}
        descriptor = {"__fd": str(connection.fileno())}  # SRCFD, by libzmq's name for it
        try:
            status = core.attach(
                self.token,
                connection.fileno(),
                leftover,
                routing_id=self.peer_id(peer.routing_id),
                peer_type=peer.socket_type,
                minor=peer.minor,
                bound=self.dies_with_connection,
                properties=properties | descriptor,
                thread=self.settings.thread_for(self.token),
                codec=codec,
                terms=self.settings.terms,
            )
        except BaseException:
            connection.close()
            raise
        if status == 0:
            connection.detach()
            self.has_queue = self.attached = True
        elif status == errno.EAGAIN:
            # A second peer of a PAIR: libzmq leaves such a connection open and never serves it, so
            # that its peer does not come back at once, and again.
            self._mute = connection
            self.hub.ends.add(connection, self._mute_ended, self)
        else:
            connection.close()
            if status == errno.ENOTSOCK:
                self.finish()
            elif status == errno.EADDRINUSE:
                # It came between this one's handshake and now, or we went to it.
                layer = MECHANISM_NAMES[self.settings.options.mechanism]
                self._report(layer, _name_taken(peer.routing_id))
                self.emit(Event.DISCONNECTED, self._descriptor)
                self.lost(final=False, failed_handshake=True)
            else:
                log.warning("%r could not be attached: %s", self, os.strerror(status))
                self.emit(Event.DISCONNECTED, self._descriptor)
                self.lost(final=False, failed_handshake=False)
            return
        name = MECHANISM_NAMES[self.settings.options.mechanism]
        self._who = (
            properties | {"Mechanism": name} | routing_id_of(core.name_core(self.token), peer)
        )
        if status == 0:
            self.record.reconnects += self._connections > 0
            self._connections += 1
            self._handshake = time.monotonic() - self._met
        if not self.settings.raw:
            self.emit(Event.HANDSHAKE_SUCCEEDED, 0, self._who)
        self._told = ""
        self.established()
        if self._mute is not None and self.closing:
            self.abort()

    def _mute_ended(self) -> None:
        if self._mute is not None:
            self._mute.close()
            self._mute = None
        self.emit(Event.DISCONNECTED, self._descriptor)
        self.lost(final=False, failed_handshake=False)

    # -- the end

    def close(self, linger: int, connecting: bool = True) -> None:
        """As with any peer; but a connection that is not served holds nothing up."""
        if not self._waiting:
            super().close(linger, connecting and self._mute is None)
        elif linger == 0:
            self._linger_over()

    def _linger_over(self) -> None:
        for relay in self._relays:
            relay.abort()
        if self._waiting:
            self._relays_flushed()
        else:
            super()._linger_over()

    def hurry(self) -> None:
        """Relays push what they have as long as they can."""
        self._hurried = True

    def finish(self) -> None:
        """LINGER holds for what relays have not written yet, too."""
        if self.closing and self._relays and not (self._hurried or self.finished):
            self._wait_for_relays()
        else:
            super().finish()

    def _wait_for_relays(self) -> None:
        """The data plane has written all; relays may not have yet."""
        if self._waiting:
            return
        self._waiting = True
        self.release()
        if self._linger_end is not None:
            left = max(self._linger_end - time.monotonic(), 0)
            self._linger = self.hub.loop.later(left, self._linger_over, self)
        # The first one is next to the network: what others had has passed it when it is flushed.
        self._relays[0].when_flushed(self._look_at_relays)

    def _look_at_relays(self) -> None:
        """From the relays' thread."""
        self.hub.loop.post(self._relays_flushed, self)

    def _relays_flushed(self) -> None:
        self._hurried = True
        self.finish()

    def release(self) -> None:
        """Also a handshake, and what stands beside the data plane."""
        super().release()
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._mute is not None:
            self.hub.ends.remove(self._mute)
            self._mute.close()
            self._mute = None
        for relay in self._relays:
            relay.hang_up()

    def after_fork(self) -> None:
        """The session's connection, or the one that is not served."""
        if self._session is not None:
            self._session.after_fork()
        if self._mute is not None:
            self._mute.close()


def _name_taken(routing_id: bytes) -> Failure:
    """libzmq leaves such a newcomer connected and deaf, and says nothing."""
    event, number = Event.HANDSHAKE_FAILED_NO_DETAIL, errno.EADDRINUSE
    reason = f"another peer has the routing id {routing_id!r}, and ROUTER_HANDOVER is off"
    return Failure(event, number, final=False, reason=reason)
