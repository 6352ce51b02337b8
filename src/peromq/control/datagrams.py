"""Addresses that datagrams go to or come from. There is nobody to connect to, and no handshake."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace

from .. import unpatched
from ..error import ZMQError
from ..transports import UdpTransport
from .facts import PeerFacts
from .peer import Peer
from .record import SocketRecord
from .settings import Core, Settings


class DatagramPeer(Peer):
    """One udp endpoint of a socket: from its bind or connect to its end it is attached."""

    bound = True

    def __init__(
        self,
        record: SocketRecord,
        settings: Settings,
        endpoint: str,
        receives: bool,
    ) -> None:
        super().__init__(record, settings, endpoint, record.hub.new_token())
        self.receives = receives
        self.gone = unpatched.Event()  # the descriptor is closed, the port is free

    def begin(self, core: Core, sock: socket.socket, to: str, scope: int) -> None:
        """Give the socket to the data plane. Raises ZMQError, and closes it."""
        status = core.attach_datagrams(
            self.token,
            sock.fileno(),
            receives=self.receives,
            to=to,
            scope=scope,
            thread=self.settings.thread_for(self.token),
        )
        if status:
            sock.close()
            if status == errno.EAGAIN:
                raise ZMQError(errno.EINVAL, f"a DGRAM has one address (addr={self.endpoint!r})")
            raise ZMQError(status)
        self._descriptor = sock.detach()
        self.has_queue = self.attached = True

    def facts(self) -> PeerFacts:
        """An address has no other end, and one that receives was bound."""
        return replace(super().facts(), accepted=self.receives)

    def disconnect(self, linger: int) -> None:
        """Control thread: end it, flushing for `linger` ms at the longest."""
        self.close(linger)
        self.record.check_gone()

    def lost(self, final: bool, failed_handshake: bool) -> None:
        """The system took the descriptor's use away: there is no other."""
        self.finish()

    def forget(self) -> None:
        """No longer found by unbind() and disconnect()."""
        self.record.unlist(self.record.datagrams, self)

    def finish(self) -> None:
        """And let those go on who wait for the port."""
        super().finish()
        self.gone.set()


def open_datagrams(
    record: SocketRecord, core: Core, transport: UdpTransport, address: str, bind: bool
) -> str:
    """bind() or connect() of a udp endpoint; LAST_ENDPOINT. Raises ZMQError."""
    settings = Settings(core, datagrams=True)
    transport.check(settings.type, bind, address, core.options)
    to, scope = "", 0
    if bind:
        sock, endpoint = transport.receive_at(address, core.options)
    else:
        sock, to, scope = transport.send_to(address, core.options)
        endpoint = f"{transport.scheme}://{address}"
    peer = DatagramPeer(record, settings, endpoint, receives=bind)
    with record.lock:
        if record.closing is not None:
            sock.close()
            raise ZMQError(errno.ENOTSOCK)
        record.datagrams.setdefault(endpoint, []).append(peer)
        record.add(peer)
        try:
            peer.begin(core, sock, to, scope)
        except BaseException:
            peer.forget()
            record.forget_token(peer.token)
            raise
    return endpoint
