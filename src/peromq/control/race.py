"""One attempt to reach a peer that has several addresses: the first one to answer is taken.

RFC 8305 ("Happy Eyeballs"): the addresses are tried in order, families in turn, the next one as
soon as an attempt fails or after 250 ms without an answer, and those already begun go on meanwhile.
So one that swallows everything costs a quarter of a second, not minutes.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Sequence

from ..transports import Route, Target, finish_connect, stands
from .loop import WRITE, Loop, Owner, Timer, Watch

DELAY = 0.25
"""Seconds, the Connection Attempt Delay of RFC 8305, section 5."""


class Race:
    """Lives in the control thread. `ended` is called once: a connection, or None and an errno.

    timeout: option CONNECT_TIMEOUT in ms, for each address; 0: the system's. begun, given_up: told
    of each connection that is being made, and of each that was closed: its descriptor, and an
    errno (0: another was faster).
    """

    def __init__(
        self,
        loop: Loop,
        target: Target,
        routes: Sequence[Route],
        timeout: int,
        owner: Owner,
        *,
        begun: Callable[[], None],
        given_up: Callable[[int, int], None],
        ended: Callable[[socket.socket | None, int], None],
    ) -> None:
        self._loop = loop
        self._target = target
        self._routes = deque(in_turn(routes))
        self._timeout = timeout
        self._owner = owner
        self._begun = begun
        self._given_up = given_up
        self._ended = ended
        self._going: dict[socket.socket, tuple[Watch, Timer | None]] = {}
        self._delay: Timer | None = None
        self._last_error = errno.EADDRNOTAVAIL

    def start(self) -> None:
        """May call `ended` at once."""
        self._next()

    def cancel(self) -> None:
        """Give up without a word. Idempotent."""
        self._routes.clear()
        self._forget_delay()
        for connection in list(self._going):
            self._take(connection)
            connection.close()

    def after_fork(self) -> None:
        """In a forked child: close its copies."""
        for connection in self._going:
            connection.close()

    def _next(self) -> None:
        """Begin with the next address that does not fail at once."""
        self._forget_delay()
        while self._routes:
            try:
                connection, status = self._target.dial(self._routes.popleft())
            except OSError as failure:
                self._last_error = failure.errno or 0
                continue
            if status == 0:
                self._win(connection)
                return
            if status == errno.EINPROGRESS:
                self._wait_for(connection)
                return
            self._close(connection, status)
        if not self._going:
            self._ended(None, self._last_error)

    def _wait_for(self, connection: socket.socket) -> None:
        self._begun()
        if stands(connection):
            self._win(connection)
            return
        loop, owner = self._loop, self._owner
        watch = loop.watch(connection.fileno(), WRITE, lambda: self._look(connection), owner)
        limit = None
        if self._timeout > 0:
            limit = loop.later(self._timeout / 1000, lambda: self._expire(connection), owner)
        self._going[connection] = watch, limit
        if self._routes:
            self._delay = loop.later(DELAY, self._next, owner)

    def _look(self, connection: socket.socket) -> None:
        self._take(connection)
        self._finish(connection)

    def _finish(self, connection: socket.socket) -> None:
        try:
            finish_connect(connection)
        except OSError as failure:
            self._close(connection, failure.errno or 0)
            self._next()
        else:
            self._win(connection)

    def _expire(self, connection: socket.socket) -> None:
        self._take(connection)
        self._close(connection, errno.ETIMEDOUT)
        self._next()

    def _win(self, winner: socket.socket) -> None:
        self._routes.clear()
        self._forget_delay()
        for connection in list(self._going):
            self._take(connection)
            self._close(connection, 0)
        self._ended(winner, 0)

    def _close(self, connection: socket.socket, why: int) -> None:
        self._last_error = why
        descriptor = connection.fileno()
        connection.close()
        self._given_up(descriptor, why)

    def _take(self, connection: socket.socket) -> None:
        """No longer watched nor timed."""
        watch, limit = self._going.pop(connection)
        watch.cancel()
        if limit is not None:
            limit.cancel()

    def _forget_delay(self) -> None:
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None


def in_turn(routes: Sequence[Route]) -> list[Route]:
    """Families in turn, beginning with the first one's (RFC 8305, section 4); else in order."""
    families = dict.fromkeys(route.family for route in routes)
    if len(families) < 2:
        return list(routes)
    queues = [deque(route for route in routes if route.family == family) for family in families]
    mixed = []
    while any(queues):
        mixed += [queue.popleft() for queue in queues if queue]
    return mixed
