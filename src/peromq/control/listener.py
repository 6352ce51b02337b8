"""The bind side: a listening socket, and the peers accepted through it."""

from __future__ import annotations

import errno
import logging
import socket

from .. import unpatched
from ..constants import Event
from ..transports import Listening, Transform, Transport, WebPlace
from .crowd import Crowd
from .loop import READ, Timer, Watch, log
from .ration import Ration
from .record import SocketRecord
from .session import Failure
from .settings import Settings
from .stream_peer import StreamPeer

_BATCH = 32  # connections accepted before others get their turn
_REST = 0.1  # seconds without accepting when that would fail again
_PACE = 0.01  # seconds without, when strangers need their time
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_DEAF = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSOCK})  # shut down: there is none to take


class Accepted(StreamPeer):
    """A peer that came to us. It is gone when its connection is."""

    bound = True

    def __init__(self, listener: Listener, endpoint: str) -> None:
        super().__init__(
            listener.record,
            listener.settings,
            listener.transport,
            endpoint,
            listener.record.hub.new_token(),
        )
        self._listener = listener

    @property
    def web(self) -> WebPlace | None:
        """The listener's."""
        return self._listener.web

    def new_transform(self) -> Transform | None:
        """The listener's."""
        return self._listener.new_transform()

    def lost(self, final: bool, failed_handshake: bool) -> None:
        """There is no other way to reach it."""
        self.finish()

    def established(self) -> None:
        """No stranger any more, unless it is connected and not served (a PAIR's second peer)."""
        if self.attached:
            self._listener.crowd.admit(self)

    def keeps(self, octets: int) -> None:
        """Strangers together may make us keep only so much."""
        self._listener.crowd.keeps(self, octets)

    def note(self, level: int, text: str) -> None:
        """Log it, unless enough was said about strangers; then it is for those who debug."""
        left_out = self._listener.ration.admit()
        if left_out:
            log.log(level, "%r: %d more failures were not logged", self._listener, left_out)
        log.log(logging.DEBUG if left_out is None else level, "%s", text)

    def expel(self) -> None:
        """It must make room for others. ENOBUFS tells so in the monitor event."""
        reason = "it was the oldest when there were too many (HALF_OPEN_MAX), or no room"
        event = Event.HANDSHAKE_FAILED_NO_DETAIL
        self.give_up(Failure(event, errno.ENOBUFS, final=False, reason=reason))

    def forget(self) -> None:
        """The listener need not cut it any more."""
        self._listener.crowd.leave(self)
        self._listener.accepted.discard(self)


class Listener:
    """Accepts connections, each for itself: what one does is nothing to the next."""

    def __init__(
        self, record: SocketRecord, settings: Settings, transport: Transport, listening: Listening
    ) -> None:
        self.record = record
        self.settings = settings
        self.transport = transport
        self.endpoint = listening.endpoint
        self.accepted: set[Accepted] = set()
        self.ration = Ration()
        self.crowd = Crowd(settings.options.half_open_max)
        self._listening = listening
        self._kind = (listening.sock.family, listening.sock.type, listening.sock.proto)
        self.web = listening.web
        self._watch: Watch | None = None
        self._rest: Timer | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Listener {self.endpoint}>"

    def start(self) -> None:
        """Control thread: begin."""
        if not self._closed:
            loop = self.record.hub.loop
            self._watch = loop.watch(self._listening.sock.fileno(), READ, self._accept_some, self)

    def new_transform(self) -> Transform | None:
        """What stands between one connection and the data plane."""
        make = self._listening.transform
        return None if make is None else make()

    def close(self) -> None:
        """Control thread: stop listening. Accepted peers stay. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._pause()
        if self._rest is not None:
            self._rest.cancel()
        descriptor = self._listening.sock.fileno()
        try:
            self._listening.close()
        except OSError as failure:
            self.record.emit(Event.CLOSE_FAILED, failure.errno or 0, self.endpoint)
        else:
            self.record.emit(Event.CLOSED, descriptor, self.endpoint)

    def unbind(self, linger: int) -> None:
        """Control thread: stop listening, and cut the accepted peers when they are flushed."""
        self.close()
        for peer in list(self.accepted):
            peer.close(linger)
        self.record.check_gone()

    def after_fork(self) -> None:
        """In a forked child: close its copy of the socket; the parent goes on listening."""
        self._listening.sock.close()

    def fail(self) -> None:
        """Something other than accept() raised. Do not spin on it."""
        self._take_a_rest(_REST)

    def _accept_some(self) -> None:
        for _ in range(_BATCH):
            if self.crowd.too_many and not self.crowd.make_room():
                self._take_a_rest(_PACE)
                return
            try:
                connection = unpatched.accept(self._listening.sock, self._kind)
            except BlockingIOError:
                return
            except OSError as failure:
                self._accept_failed(failure)
                exhausted = failure.errno in _EXHAUSTED
                if failure.errno in _DEAF or (exhausted and not self.crowd.make_room()):
                    self._take_a_rest(_REST)
                    return
                continue  # there is room now, or this one connection was gone before we came
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            if not self.transport.admits(connection, self.settings.options):
                raise PermissionError(errno.EACCES, "refused by a filter")
            self.transport.tune(connection, self.settings.options)
            peer = Accepted(self, self._endpoint_of(connection))
        except OSError as failure:
            connection.close()
            self._accept_failed(failure)
            return
        self.accepted.add(peer)
        self.record.add(peer)
        if not self.settings.raw:
            self.crowd.enter(peer)
        peer.meet(connection)
        peer.emit(Event.ACCEPTED, connection.fileno())
        self.record.hub.loop.guard(lambda: peer.converse(connection), peer)

    def _accept_failed(self, failure: OSError) -> None:
        details = {"Reason": failure.strerror or str(failure)}
        self.record.emit(Event.ACCEPT_FAILED, failure.errno or 0, self.endpoint, details)

    def _endpoint_of(self, connection: socket.socket) -> str:
        path = "" if self.web is None else self.web.path
        return self.transport.endpoint_of(connection) + path

    def _take_a_rest(self, seconds: float) -> None:
        """There is nothing to accept, or nobody may; the selector would send us there at once."""
        self._pause()
        if self._rest is None and not self._closed:
            self._rest = self.record.hub.loop.later(seconds, self._go_on, self)

    def _go_on(self) -> None:
        self._rest = None
        self.start()
        self._accept_some()  # or see whether the oldest had his time, if nobody else comes

    def _pause(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
