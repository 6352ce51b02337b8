"""The door to the control plane, for sockets and contexts."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from typing import Protocol

from .. import unpatched
from ..constants import Errno, Event, SocketType
from ..error import ZMQError
from ..transports import MULTICAST, Transport, UdpTransport, same_endpoints, split_endpoint
from .datagrams import DatagramPeer, open_datagrams
from .dialer import Dialer
from .facts import ControlFacts
from .hub import Hub
from .listener import Listener
from .loop import READ
from .multicast import MulticastPeer, open_link
from .news import NewsDesk, Watched
from .record import SocketRecord
from .settings import Core, Settings
from .zap import ZapDoor

_EV_DISCONNECTED = 1  # as in _core.handles
_EV_FLUSHED = 2
_EV_NEWS = 3

# A second connect to the same endpoint is nothing new for these (libzmq: socket_base).
_CONNECT_ONCE = frozenset({SocketType.DEALER, SocketType.SUB, SocketType.PUB, SocketType.REQ})

# Seconds to wait for the control thread to close a listener; it needs well under a millisecond.
_CALL_WAIT = 0.5


class Engine(Protocol):
    """The data plane's mailbox to us."""

    @property
    def event_fd(self) -> int: ...

    def poll_events(self) -> list[tuple[int, int, int]]: ...


class Control:
    """Binds, connects and closes for all sockets of one context. Every method is thread-safe.

    The thread starts with the first endpoint. A forked child has no such thread: its inherited
    sockets are closed ones (ENOTSOCK), and closing does nothing.
    """

    def __init__(
        self,
        engine: Engine,
        open_zap_door: Callable[[], ZapDoor] | None = None,
        begin_thread: Callable[[str], None] | None = None,
        io_threads: int = 64,
    ) -> None:
        """open_zap_door: how to reach the context's ZAP handler; without it there is none.

        begin_thread: what each thread does first, with its name. io_threads: how many serve it.
        """
        self._io_threads = (1 << io_threads) - 1
        self._engine = engine
        self._hub = Hub(open_zap_door, begin_thread)
        self._news = NewsDesk(self._hub.loop, self._hub.peers.get)
        self._records: dict[int, SocketRecord] = {}
        self._lock = unpatched.RLock()
        self._changed = unpatched.Condition(self._lock)
        self._started = False
        self._stopped = False
        self._pid = os.getpid()

    def bind(self, sock: Core, endpoint: str) -> str:
        """Listen, and return LAST_ENDPOINT. Raises ZMQError."""
        if _scheme(endpoint) in MULTICAST:
            return self._open_group(sock, endpoint)
        transport, address = split_endpoint(endpoint)
        if isinstance(transport, UdpTransport):
            return open_datagrams(self._record(sock), sock, transport, address, bind=True)
        settings = self._settings(sock, transport)
        record = self._record(sock)
        try:
            listening = transport.listen(address, settings.options)
        except ZMQError as failure:
            details = {"Reason": failure.strerror}
            record.emit(Event.BIND_FAILED, failure.errno or 0, endpoint, details)
            raise
        descriptor = listening.sock.fileno()
        listener = Listener(record, settings, transport, listening)
        with record.lock:
            if record.closing is not None:
                listening.close()
                raise ZMQError(Errno.ENOTSOCK)
            record.listeners.setdefault(listener.endpoint, []).append(listener)
        record.emit(Event.LISTENING, descriptor, listener.endpoint)
        self._hub.loop.post(listener.start, listener)
        return listener.endpoint

    def connect(self, sock: Core, endpoint: str) -> str:
        """Begin to connect, and return LAST_ENDPOINT. Raises ZMQError for bad endpoints only."""
        if _scheme(endpoint) in MULTICAST:
            return self._open_group(sock, endpoint)
        transport, address = split_endpoint(endpoint)
        if isinstance(transport, UdpTransport):
            record = self._record(sock)
            reached = open_datagrams(record, sock, transport, address, bind=False)
            record.links.begin(self.new_token(), endpoint, up=True)
            return reached
        settings = self._settings(sock, transport)
        target = transport.target(address, settings.options)
        record = self._record(sock)
        with record.lock:
            if record.closing is not None:
                raise ZMQError(Errno.ENOTSOCK)
            if endpoint in record.dialers and settings.type in _CONNECT_ONCE:
                return endpoint
            dialer = Dialer(record, settings, transport, endpoint, target)
            if not settings.options.immediate:
                sock.open_pipe(dialer.token, dialer.routing_id)
                dialer.has_queue = True
            record.dialers.setdefault(endpoint, []).append(dialer)
            record.add(dialer)
            self._hub.loop.post(dialer.start, dialer)
        if dialer.routing_id:
            sock.options.connect_routing_id = b""  # it was for this connect only
        return endpoint

    def newest_token(self, sock: Core, endpoint: str) -> int:
        """The token of the last connect to an endpoint; 0 if it has ended already."""
        record = self._record(sock)
        with record.lock:
            dialers = record.dialers.get(endpoint)
            return dialers[-1].token if dialers else 0

    def end_peer(self, token: int, linger: int) -> bool:
        """End one peer, flushing for `linger` ms at the longest; False if it is none of ours.

        One that was dialed is not dialed again.
        """
        peer = self._hub.peers.get(token)
        if peer is None:
            return False
        if not peer.bound:
            peer.forget()  # the endpoint is no longer connected when this returns
        self._hub.loop.post(functools.partial(peer.close, linger, connecting=False), peer)
        return True

    def unbind(self, sock: Core, endpoint: str) -> None:
        """Stop listening; peers accepted there are flushed (LINGER) and cut. ENOENT if unknown."""
        self._drop(sock, endpoint)

    def disconnect(self, sock: Core, endpoint: str) -> str:
        """Flush (LINGER) and end the connections made by connect(endpoint). ENOENT if unknown.

        Returns the endpoint as it was given then: another name of the same address will do.
        """
        return self._drop(sock, endpoint)

    def close_socket(self, sock: Core, linger: int) -> None:
        """End all its endpoints. What is unsent is flushed in the background for `linger` ms.

        linger -1 sets no limit. Listening ends before this returns, so the addresses are free.
        """
        if os.getpid() != self._pid:
            return
        record = self._records.get(id(sock.options))
        if record is None:
            _release(sock)
            return
        record.closing = sock
        close = functools.partial(record.close, linger)
        with record.lock:
            receivers = [peer for same in record.datagrams.values() for peer in same]
        if record.listeners:
            self._hub.loop.run(close, _CALL_WAIT)
        else:
            self._hub.loop.post(close)
        self._await_ports(receivers)

    def wait_closed(self, timeout: float | None) -> bool:
        """Wait until no socket has endpoints or unsent messages; False after `timeout` seconds."""
        if os.getpid() != self._pid:
            return True
        with self._changed:
            return self._changed.wait_for(
                lambda: all(record.is_empty() for record in list(self._records.values())), timeout
            )

    def pending(self) -> list[str]:
        """What `wait_closed` waits for, one line each."""
        found = []
        for record in list(self._records.values()):
            if record.closing is None:
                endpoints = [*list(record.listeners), *list(record.dialers)]
                found += [f"{record.type_name} {name}: not closed" for name in endpoints]
            for peer in list(record.peers.values()):
                if peer.closing or record.closing is not None:
                    found.append(peer.describe())
        return found

    def watch(self, sock: Watched, events: int) -> None:
        """Have the socket's monitor told of these events of the data plane's; 0 ends that."""
        with self._lock:
            self._start()
        self._news.watch(sock, events)

    def facts(self, sock: Core) -> ControlFacts:
        """What is known of each peer, and what happened so far."""
        record = self._records.get(id(sock.options))
        if record is None:
            return ControlFacts({}, {}, 0)
        found = {peer.token: peer.facts() for peer in list(record.peers.values())}
        with record.lock:
            return ControlFacts(found, dict(record.counts), record.reconnects)

    def endpoints_of(self, sock: Core) -> list[str]:
        """Where a socket is bound and connected."""
        record = self._records.get(id(sock.options))
        if record is None:
            return []
        with record.lock:
            return [*record.listeners, *record.dialers, *record.datagrams]

    def new_token(self) -> int:
        """A token never given before in this context."""
        return self._hub.new_token()

    def stop(self) -> None:
        """Join the thread and close every descriptor; unsent messages are lost. Idempotent."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._stopped = True
        self._hub.loop.post(self._release_all)
        self._hub.stop()

    def after_fork(self) -> None:
        """In a forked child: close its copies of every descriptor, so that none outlives its owner.

        By plain closing: unregistering or shutting down would reach what the parent uses. Another
        thread may have held any lock when the process forked; none is taken here.
        """
        for record in self._records.values():
            record.after_fork()
        self._hub.after_fork()

    # -- any thread

    def _settings(self, sock: Core, transport: Transport) -> Settings:
        """The socket's options as they are now. EMTHREAD if AFFINITY names none of our threads."""
        settings = Settings(sock, web=transport.scheme in ("ws", "wss"))
        if settings.options.affinity:
            settings.options.affinity &= self._io_threads
            if not settings.options.affinity:
                reason = "AFFINITY names no I/O thread of this context"
                raise ZMQError(Errno.EMTHREAD, f"No thread available ({reason})")
        return settings

    def _record(self, sock: Core) -> SocketRecord:
        """The socket's record, made if need be; and the thread started."""
        if os.getpid() != self._pid:
            raise ZMQError(Errno.ENOTSOCK)  # inherited by fork: nobody would serve it
        with self._lock:
            if self._stopped:
                raise ZMQError(Errno.ETERM)
            self._start()
            record = self._records.get(id(sock.options))
            if record is None:
                record = SocketRecord(self._hub, sock, self._gone)
                self._records[id(sock.options)] = record
        record.add_handle(sock)
        return record

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._hub.loop.watch(self._engine.event_fd, READ, self._read_engine)
            self._hub.loop.start()

    def _await_ports(self, peers: list[DatagramPeer]) -> None:
        """The data plane closes their descriptors: the ports are to be free when we return."""
        if not self._hub.loop.in_thread():
            for peer in peers:
                if peer.receives:
                    peer.gone.wait(_CALL_WAIT)

    def _open_group(self, sock: Core, endpoint: str) -> str:
        """A multicast endpoint, for which bind and connect are one (libzmq). Raises ZMQError."""
        scheme, _, address = endpoint.partition("://")
        transport = MULTICAST[scheme]
        settings = Settings(sock)
        record = self._record(sock)
        with record.lock:
            if record.closing is not None:
                raise ZMQError(Errno.ENOTSOCK)
            if endpoint in record.dialers and settings.type in _CONNECT_ONCE:
                return endpoint
            link = open_link(transport, address, settings.type, settings.options)
            peer = MulticastPeer(record, settings, transport, endpoint, link)
            record.add(peer)
            try:
                peer.open()
            except BaseException:
                record.forget_token(peer.token)
                raise
            record.dialers.setdefault(endpoint, []).append(peer)
            record.links.begin(peer.token, endpoint, up=True)
            self._hub.loop.post(peer.start, peer)
        return endpoint

    def _drop(self, sock: Core, endpoint: str) -> str:
        """As in libzmq, unbind and disconnect are one: whatever has this endpoint is ended.

        If nothing has, what its host resolves to is tried.
        """
        record = self._records.get(id(sock.options)) if os.getpid() == self._pid else None
        name, found = endpoint, None
        if record is not None:
            found = record.take(endpoint)
            if found is None:
                for name in same_endpoints(endpoint, sock.options):
                    if found := record.take(name):
                        break
        if found is None:
            raise ZMQError(errno.ENOENT, f"not bound or connected (addr={endpoint!r})")
        listeners, dialers, datagrams = found
        loop = self._hub.loop
        linger: int = sock.options.linger
        peers: list[Dialer | MulticastPeer | DatagramPeer] = [*dialers, *datagrams]
        for peer in peers:
            sock.retire_pipe(peer.token)  # what is sent after this call goes elsewhere
            loop.post(functools.partial(peer.disconnect, linger), peer)
        for listener in listeners:
            loop.run(functools.partial(listener.unbind, linger), _CALL_WAIT)
        self._await_ports(datagrams)
        return name

    # -- control thread

    def _read_engine(self) -> None:
        for kind, token, value in self._engine.poll_events():
            if kind == _EV_NEWS:
                self._news.come(token, value)
                continue
            peer = self._hub.peers.get(token)
            if peer is None:
                continue  # it was forgotten meanwhile
            if kind == _EV_DISCONNECTED:
                self._hub.loop.guard(functools.partial(peer.disconnected, value), peer)
            elif kind == _EV_FLUSHED:
                self._hub.loop.guard(peer.flushed, peer)

    def _gone(self, record: SocketRecord) -> None:
        """A socket has no endpoint left."""
        with self._changed:
            if record.closing is not None:
                known = self._records.pop(id(record.options), None)
                if known is not None:
                    _release(record.closing)
            self._changed.notify_all()

    def _release_all(self) -> None:
        self._hub.zap.close()
        for record in list(self._records.values()):
            record.release()
        with self._changed:
            self._records.clear()
            self._changed.notify_all()


def _scheme(endpoint: str) -> str:
    return endpoint.partition("://")[0]


def _release(sock: Core) -> None:
    """Let the socket free what it has in the data plane: nothing refers to it any more."""
    release = getattr(sock, "release_core", None)
    if release is not None:
        release()
