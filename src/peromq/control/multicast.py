"""A multicast endpoint: no peers to dial or accept, but a carrier that turns packets into frames.

The socket sees an ordinary connection. Its far end is not a peer but the carrier, a thread of the
data plane: a publisher's frames leave as PGM packets, packets that come in are a subscriber's
frames.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import replace
from typing import Any

from .. import unpatched
from .._core.handles_pgm import PgmCarrier
from ..constants import Errno, Event, SecurityMechanism, SocketType
from ..error import ZMQError
from ..transports.pgm import MulticastLink, MulticastTransport, new_identity
from .backoff import Backoff
from .facts import PeerFacts
from .loop import READ, Timer, Watch, log
from .peer import Peer
from .record import SocketRecord
from .security import MECHANISM_NAMES
from .settings import Settings

_SENDERS = frozenset({SocketType.PUB, SocketType.XPUB})
_RECEIVERS = frozenset({SocketType.SUB, SocketType.XSUB})

_MAX_SOURCES = 256
"""That one endpoint listens to at a time; the least recently heard of makes room."""

_LEAST_QUEUE, _MOST_QUEUE = 1 << 13, 1 << 20


def open_link(
    transport: MulticastTransport, address: str, socket_type: SocketType, options: Any
) -> MulticastLink:
    """The endpoint's sockets.

    Raises ZMQError: ENOCOMPATPROTO for types that do not multicast, ENOTSUP for a socket that is to
    be secure, which multicast cannot be.
    """
    if socket_type not in _SENDERS | _RECEIVERS:
        raise ZMQError(Errno.ENOCOMPATPROTO)
    if options.mechanism != SecurityMechanism.NULL:
        name = MECHANISM_NAMES[options.mechanism]
        raise ZMQError(Errno.ENOTSUP, f"multicast has no {name}: whoever is there can listen in")
    return transport.open(address, socket_type in _SENDERS, options)


class MulticastPeer(Peer):
    """One bind() or connect() to a group; there is no difference between the two.

    When its interface goes, sockets are opened anew until that succeeds, with the waits that
    dialers have. The carrier goes on meanwhile: what was sent into the void is still in its window,
    and will be asked for.
    """

    def __init__(
        self,
        record: SocketRecord,
        settings: Settings,
        transport: MulticastTransport,
        endpoint: str,
        link: MulticastLink,
    ) -> None:
        super().__init__(record, settings, endpoint, record.hub.new_token())
        options = settings.options
        self._backoff = Backoff(options.reconnect_ivl, options.reconnect_ivl_max, record.hub.random)
        self._transport = transport
        self._carrier: PgmCarrier | None = None
        self._link = link  # its sockets are the carrier's, if there is one
        self._watch: Watch | None = None
        self._flushed = False
        self._lost = 0  # packets
        self._pause: Timer | None = None
        self._down = 0  # why nothing goes, an errno; 0: it does
        self._retry: Timer | None = None

    @property
    def dies_with_connection(self) -> bool:
        """There is but one connection."""
        return True

    def open(self) -> None:
        """Any thread: the carrier starts, and the socket can send and receive. Raises ZMQError."""
        link, core = self._link, self.record.core()
        if core is None:
            raise ZMQError(Errno.ENOTSOCK)
        near, far = unpatched.socketpair()
        try:
            for end in (near, far):
                end.setblocking(False)
                # what is in here is past the high-water mark: a twentieth of a second's worth
                room = min(max(link.rate // 20, _LEAST_QUEUE), _MOST_QUEUE)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
            self._carrier = _carrier(link, far, self.settings.options.maxmsgsize)
            self._descriptor = near.fileno()
            status = core.attach(
                self.token,
                near.fileno(),
                b"",
                routing_id=b"",
                peer_type="PUB",
                minor=1,
                bound=True,
                properties={},
                thread=self.settings.thread_for(self.token),
                multicast=True,
            )
            if status:
                raise ZMQError(status)
        except BaseException:
            near.close()
            far.close()
            link.close()
            if self._carrier is not None:
                self._carrier.close()
                self._carrier = None
            raise
        near.detach()
        self.has_queue = self.attached = True

    def start(self) -> None:
        """Control thread: listen to what the carrier and the kernel have to tell."""
        if self._carrier is not None and not self.finished:
            self._watch = self.hub.loop.watch(self._carrier.news_fd, READ, self._news, self)
            self.hub.interfaces.add(self, self._look)

    def facts(self) -> PeerFacts:
        """With the carrier's counters."""
        return replace(super().facts(), multicast=self.stats())

    def stats(self) -> dict[str, int]:
        """The carrier's counters."""
        return self._carrier.stats() if self._carrier is not None else {}

    def disconnect(self, linger: int) -> None:
        """Control thread: end it, sending what is queued for `linger` ms at the longest."""
        self.close(linger)
        self.record.check_gone()

    def lost(self, final: bool, failed_handshake: bool) -> None:
        """Nobody but the data plane itself ends this connection: out of memory, for one."""
        self._drop_carrier()
        self._renew_token()
        self._fail(errno.ENOMEM)

    def flushed(self) -> None:
        """The queue is with the carrier, which may still have to wait for its rate."""
        self._flushed = True
        if self.aborted or self._carrier is None or self._carrier.ended:
            self.finish()

    def disconnected(self, value: int) -> None:
        """The carrier's end, or ours, is closed."""
        self.attached = False
        if not self.closing:
            self.lost(final=False, failed_handshake=False)

    def has_pending(self) -> bool:
        """Something is queued, or on its way through the carrier."""
        return self._carrier is not None and not self._carrier.ended

    def _news(self) -> None:
        carrier = self._carrier
        if carrier is None:
            return
        os.eventfd_read(carrier.news_fd)
        if self._pause is None:
            self._tell_losses()
        if carrier.ended:
            if self._flushed:
                self.finish()
        elif carrier.failing:
            self._fail(carrier.failing)
        elif self._down and self._retry is None and carrier.sends:
            self._restored()

    def _tell_losses(self) -> None:
        """Each is told of once, but many within a second together."""
        self._pause = None
        found = [] if self._carrier is None else self._carrier.losses()
        if not found:
            return
        lost = sum(packets for *_, packets in found)
        self._lost += lost
        log.warning(
            "%s: %d packets lost for good (%d in all); the stream goes on behind them",
            self.endpoint,
            lost,
            self._lost,
        )
        for gsi, port, address, packets in found:
            self.emit(Event.PACKETS_LOST, packets, _source(gsi, port, address))
        self._pause = self.hub.loop.later(1.0, self._tell_losses, self)

    # -- when the interface goes, and comes back

    def _look(self) -> None:
        """Interfaces or addresses have changed."""
        if not self._down:
            self._fail(self._link.trouble())

    def _fail(self, why: int) -> None:
        """Nothing goes any more; 0: it does after all."""
        if not why or self.closing or self.finished or self._retry is not None:
            return
        if not self._down:
            text = os.strerror(why)
            log.warning("%s: %s; it is opened again until that succeeds", self.endpoint, text)
            self.emit(Event.DISCONNECTED, self._descriptor, {"Reason": text})
        self._down = why
        self._again()

    def _again(self) -> None:
        wait = self._backoff.next_wait()
        if wait is None:
            self.forget()
            self.abort()
            return
        self.emit(Event.CONNECT_RETRIED, wait)
        self._retry = self.hub.loop.later(wait / 1000, self._reopen, self)

    def _reopen(self) -> None:
        """Sockets for the interface as it is now; a sender has yet to see whether they send."""
        self._retry = None
        address = self.endpoint.partition("://")[2]
        try:
            link = open_link(self._transport, address, self.settings.type, self.settings.options)
        except ZMQError:
            self._again()
            return
        if link.trouble():
            link.close()
            self._again()
            return
        self._link = link
        if self._carrier is None:
            self._revive()
            return
        out, nets = link.release()
        own = link.interface
        self._carrier.move(out=out, nets=nets, nla=own.address.packed, scope=own.index)
        if not link.sending:
            self._restored()

    def _revive(self) -> None:
        """The carrier itself had ended."""
        try:
            self.open()
        except ZMQError as failure:
            log.warning("%s: %s", self.endpoint, failure)
            self._again()
        else:
            self.start()
            self._restored()

    def _restored(self) -> None:
        self._down = 0
        self._backoff.reset()
        log.warning("%s: it goes again", self.endpoint)
        self.emit(Event.CONNECTED, self._descriptor)

    def forget(self) -> None:
        """No longer found by disconnect()."""
        self.record.unlist(self.record.dialers, self)

    def release(self) -> None:
        """Also the carrier: it says goodbye to its receivers, and its thread ends."""
        super().release()
        self._drop_carrier()
        for timer in (self._pause, self._retry):
            if timer is not None:
                timer.cancel()
        self._pause = self._retry = None
        self._link.close()

    def _drop_carrier(self) -> None:
        self.hub.interfaces.remove(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.close()

    def after_fork(self) -> None:
        """Also the carrier's descriptors."""
        super().after_fork()
        if self._carrier is not None:
            self._carrier.after_fork()


def _carrier(link: MulticastLink, far: socket.socket, max_size: int) -> PgmCarrier:
    """From now on the link's sockets and `far` are the carrier's."""
    assert link.out is not None
    own = link.interface
    gsi, sport = new_identity(link.address.port)
    carrier = PgmCarrier(
        inner=far.fileno(),
        out=link.out.fileno(),
        nets=[sock.fileno() for sock in link.nets],
        groups=[group.packed for group in link.groups],
        port=0 if link.raw else link.address.port,
        dport=link.address.port,
        sport=sport,
        gsi=gsi,
        nla=own.address.packed,
        scope=own.index,
        headers=link.raw and link.address.family == socket.AF_INET,
        sqns=link.window,
        max_tpdu=link.max_tpdu,
        overhead=link.overhead,
        rate=float(link.rate),
        max_size=max_size,
        max_feeds=_MAX_SOURCES,
        seed=int.from_bytes(os.urandom(8), "big"),
    )
    far.detach()
    link.release()
    return carrier


def _source(gsi: bytes, port: int, address: bytes) -> dict[str, str]:
    """Details of a loss: the source by its TSI; one that is forgotten has no name any more."""
    if not gsi:
        return {}
    return {"TSI": f"{gsi.hex()}.{port}", "Address": str(ipaddress.ip_address(address))}
