"""Octets between a network connection and the data plane, changed on the way by plain Python.

For what cannot run without the GIL: TLS by the standard `ssl`, GSSAPI wrapping. The data plane gets
one end of a socket pair in place of the connection; a relay moves octets between the other end and
the network, through a `Transform`. All relays of a context share one thread (`hub.Hub.relays`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from .. import unpatched
from ..transports import Transform, TransformError
from .loop import READ, WRITE, Loop, Timer, Watch

_READ_SIZE = 64 * 1024
# Octets waiting for a slow reader at which nothing more is read for it. One read, transformed, may
# come on top.
_FULL = 64 * 1024
# Seconds the peer has to close, once we have said all. A close with octets unread is a reset, which
# may overtake what was written (RFC 1122, 4.2.2.13).
_LAST_WAIT = 2.0


class Relay:
    """One connection's. Owns `net` from now on; `inner` is for the data plane.

    failed: called once, in the relays' thread, with the reason when the transform refuses what came
    (not when the connection merely ends). The data plane's end stays open then: whoever is told
    calls `abort`, or closes it.

    Ends come through as such: when one side has ended, the other is told after everything before it
    has been written, and who writes on to a peer that has gone finds it broken. At most some 64 KiB
    wait in each direction; while they do, the side they came from is not read.
    """

    def __init__(
        self,
        loop: Loop,
        net: socket.socket,
        transform: Transform,
        failed: Callable[[str], None],
        gone: Callable[[Relay], None],
    ) -> None:
        self.inner, outer = unpatched.socketpair()
        self.inner.setblocking(False)
        outer.setblocking(False)
        self._loop = loop
        self._transform = transform
        self._net = _End(net)
        self._app = _End(outer)
        self._failed = failed
        self._gone = gone
        self._app_ended = False  # the data plane has closed
        self._net_ended = False  # the peer has
        self._deaf = False  # since the data plane wrote to a peer that has gone
        self._refused = False  # the transform did; what else comes from either side goes nowhere
        self._flushed = False  # all the data plane wrote is in the kernel's hands, or lost for good
        self._when_flushed: Callable[[], None] | None = None
        self._last_wait: Timer | None = None
        self._closed = False

    # -- any thread

    def start(self) -> None:
        """Begin. `inner` may be used at once."""
        if not self._loop.post(self._start, self):
            self.close()

    def hang_up(self) -> None:
        """`inner` was closed. Ends it also in an opening exchange, where nobody would notice."""

        def look() -> None:
            if not self._transform.ready and not self._refused:
                self.close()

        self._loop.post(look, self)

    def abort(self) -> None:
        """End both sides now; what waits is lost."""
        if not self._loop.post(self.close, self):
            self.close()

    def when_flushed(self, callback: Callable[[], None]) -> None:
        """Call back, in the relays' thread, when nothing that the data plane wrote waits here.

        To be asked after `inner` was closed. At once, if the relays' thread has ended.
        """

        def ask() -> None:
            if self._flushed:
                callback()
            else:
                self._when_flushed = callback

        if not self._loop.post(ask, self):
            callback()

    # -- the relays' thread, or none any more

    def close(self) -> None:
        """Close our descriptors; `inner` is its owner's. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._last_wait is not None:
            self._last_wait.cancel()
        self._net.close()
        self._app.close()
        self._tell_flushed()
        self._gone(self)

    fail = close  # a callback of ours raised

    def last_push(self) -> None:
        """The thread ends: what the kernels take without waiting still goes out."""
        try:
            while not self._app_ended and not self._closed and self._transform.ready:
                if not self._read_app() or self._net.unsent:
                    break
        except (OSError, TransformError):
            pass
        self.close()

    def after_fork(self) -> None:
        """In a forked child: close its copies of the descriptors, and nothing more."""
        for sock in (self.inner, self._net.sock, self._app.sock):
            sock.close()

    def _start(self) -> None:
        if not self._closed:
            self._net.watch = _Interest(self._loop, self._net.sock, self._net_ready, self)
            self._app.watch = _Interest(self._loop, self._app.sock, self._app_ready, self)
            self._step(lambda: self._from_net(b""))  # a client's TLS speaks first

    def _net_ready(self) -> None:
        self._step(self._net_turn)

    def _app_ready(self) -> None:
        self._step(self._app_turn)

    def _step(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except TransformError as error:
            self._refuse(str(error))
        except OSError:
            self._net_lost()
        if not self._closed:
            self._settle()

    def _net_turn(self) -> None:
        self._net.push()
        if self._wants_net():
            data = _receive(self._net.sock)
            if data is None:
                return
            if not data:
                self._net_ended = True
            elif not self._app_ended and not self._refused:
                self._from_net(data)

    def _from_net(self, data: bytes) -> None:
        try:
            self._app.add(self._transform.feed_net(data))
        finally:
            self._net.add(self._transform.to_net())  # also an alert that tells the peer why
        self._net_ended = self._net_ended or self._transform.ended
        self._app.push_or_drop()
        self._net.push()

    def _app_turn(self) -> None:
        self._app.push_or_drop()
        if self._wants_app():
            self._read_app()

    def _read_app(self) -> bool:
        """Move one read towards the network; False when there is nothing to read."""
        try:
            data = _receive(self._app.sock)
        except OSError:
            data = b""  # closed with octets unread
        if data is None:
            return False
        if data and self._net_ended and not self._refused:
            self._deafen()
        elif data and not self._refused:
            self._net.add(self._transform.feed_app(data))
        elif not data:
            self._app_ended = True
            self._app.unsent = b""
            if self._transform.ready and not self._net_ended and not self._refused:
                self._net.add(self._transform.close_app())
        self._net.push()
        return bool(data)

    def _deafen(self) -> None:
        """As in TCP, where a reset is the answer: the first write to a peer that has gone is lost,
        the next one fails. Else who does not read, at its high-water mark, would write for ever.
        What came from the peer can be read still."""
        self._deaf = True
        try:
            self._app.sock.shutdown(socket.SHUT_RD)
            while _receive(self._app.sock):
                pass  # a writer without room is not woken before there is some
        except OSError:
            pass  # it is gone already

    def _wants_net(self) -> bool:
        if self._app_ended or self._refused:
            return not self._net_ended  # to see the peer's end; what it still says goes nowhere
        return not self._net_ended and len(self._app.unsent) + len(self._net.unsent) < _FULL

    def _wants_app(self) -> bool:
        if self._app_ended or self._deaf:
            return False
        if self._net_ended or self._refused:
            return True
        return self._transform.ready and not self._net.unsent

    def _settle(self) -> None:
        """What follows from where we are, and what to wait for next."""
        if self._net_ended and not self._app.unsent and not self._refused:
            self._app.finish()
            if self._deaf and not self._net.unsent:
                self.close()
                return
        if self._app_ended and not self._net.unsent:
            self._net.finish()
            self._tell_flushed()
            if self._net_ended:
                self.close()
                return
            if self._last_wait is None:
                self._last_wait = self._loop.later(_LAST_WAIT, self.close, self)
        self._net.wait(self._wants_net())
        self._app.wait(self._wants_app())

    def _net_lost(self) -> None:
        """The connection broke. What came before goes to the data plane, and then the end."""
        self._net_ended = True
        self._net.unsent = b""
        if self._app_ended:
            self.close()
        else:
            self._app.push_or_drop()

    def _refuse(self, reason: str) -> None:
        """Say no more than the transform had to say; tell the owner, who ends it."""
        self._refused = True
        self._app.unsent = b""
        try:
            self._net.push()
        except OSError:
            self._net.unsent = b""
        failed, self._failed = self._failed, _nothing
        failed(reason)

    def _tell_flushed(self) -> None:
        self._flushed = True
        callback, self._when_flushed = self._when_flushed, None
        if callback is not None:
            callback()


class _Interest:
    """What we wait for at one descriptor, if anything: selectors know no "nothing"."""

    def __init__(
        self, loop: Loop, sock: socket.socket, callback: Callable[[], None], owner: Relay
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._callback = callback
        self._owner = owner
        self._watch: Watch | None = None

    def want(self, events: int) -> None:
        if self._watch is not None and events:
            self._watch.want(events)
        elif self._watch is not None:
            self._watch.cancel()
            self._watch = None
        elif events:
            self._watch = self._loop.watch(self._sock.fileno(), events, self._callback, self._owner)


class _End:
    """One of the two descriptors, and what waits to be written there."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent: bytes | memoryview = b""
        self.watch: _Interest | None = None
        self._finished = False

    def add(self, data: bytes) -> None:
        if data:
            self.unsent = b"".join((self.unsent, data)) if self.unsent else data

    def push(self) -> None:
        """Write what goes. Raises OSError."""
        while self.unsent:
            try:
                sent = self.sock.send(self.unsent)
            except BlockingIOError:
                return
            self.unsent = memoryview(self.unsent)[sent:] if sent < len(self.unsent) else b""

    def push_or_drop(self) -> None:
        """`push`, where a reader that has gone is no news: its end will be read."""
        try:
            self.push()
        except OSError:
            self.unsent = b""

    def finish(self) -> None:
        """Nothing more will be written. Idempotent."""
        if not self._finished:
            self._finished = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it is gone already

    def wait(self, read: bool) -> None:
        if self.watch is not None:
            self.watch.want((READ if read else 0) | (WRITE if self.unsent else 0))

    def close(self) -> None:
        if self.watch is not None:
            self.watch.want(0)
            self.watch = None
        self.sock.close()


def _receive(sock: socket.socket) -> bytes | None:
    """What there is; None if nothing, b"" at the end. Raises OSError."""
    try:
        return sock.recv(_READ_SIZE)
    except BlockingIOError:
        return None


def _nothing(_: str) -> None:
    pass
