"""`Socket.request`: a REQ that does not stay stuck when a reply is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from . import unpatched
from .constants import Errno, Flag, PollEvent, SocketOption, SocketType
from .error import Again, NoReply, ZMQError
from .steps import FOR_EVER, Steps, milliseconds, run


class Turn:
    """A lock for threads. `_turn_class` of other sockets has calls that are awaited, or switch."""

    def __init__(self) -> None:
        self._lock = unpatched.Lock()

    def acquire(self, seconds: float | None) -> Any:
        """Whether it was our turn within so many seconds; None: no limit."""
        return self._lock.acquire(timeout=-1 if seconds is None else min(seconds, FOR_EVER))

    def release(self) -> None:
        """The next one's turn."""
        self._lock.release()


class Turns:
    """Who makes a request on a socket, and who waits to. A Turn lives as long as it is wanted."""

    def __init__(self) -> None:
        self._lock = unpatched.Lock()
        self._turn: Any = None
        self._users = 0

    def join(self, turn_class: Callable[[], Any]) -> Any:
        """What to acquire and release; then `leave`."""
        with self._lock:
            if not self._users:
                self._turn = turn_class()
            self._users += 1
            return self._turn

    def leave(self) -> None:
        """Done, or no longer waiting."""
        with self._lock:
            self._users -= 1


def request_steps(
    socket: Any, message: Any, timeout: float | None, retries: int
) -> Steps[bytes | list[bytes]]:
    """What `request` does, for any kind of socket."""
    if socket.type != SocketType.REQ:
        raise ZMQError(Errno.ENOTSUP, "Operation not supported (only REQ)")
    if retries and timeout is None:
        raise ValueError("retries need a timeout")
    if retries < 0:
        raise ValueError(f"retries are at least 0, not {retries}")
    turns: Turns = socket._state.turns
    turn = turns.join(socket._turn_class)
    try:
        patience = None if timeout is None else max(timeout, 0.0) * (retries + 1)
        if not (yield partial(turn.acquire, patience)):
            raise NoReply(f"other requests of the socket took longer than {patience:g} s")
        try:
            return (yield from _in_turn(socket, message, timeout, retries))
        finally:
            turn.release()
    finally:
        turns.leave()


def _in_turn(
    socket: Any, message: Any, timeout: float | None, retries: int
) -> Steps[bytes | list[bytes]]:
    several = isinstance(message, list | tuple)
    parts: Sequence[Any] = message if several else [message]
    socket._state.set(SocketOption.REQ_RELAXED, 1)
    socket._state.set(SocketOption.REQ_CORRELATE, 1)
    for _ in range(retries + 1):
        end = None if timeout is None else monotonic() + timeout
        send = partial(socket.send_multipart, parts, Flag.DONTWAIT)
        receive = partial(socket.recv_multipart, Flag.DONTWAIT)
        try:
            yield from _when_ready(socket, PollEvent.POLLOUT, send, end)
            reply: list[bytes] = yield from _when_ready(socket, PollEvent.POLLIN, receive, end)
        except Again:
            continue
        return reply if several else b"".join(reply)
    times = f"{retries + 1} times {timeout:g} s" if retries else f"{timeout:g} s"
    raise NoReply(f"no reply within {times}")


def _when_ready(socket: Any, event: int, attempt: Any, end: float | None) -> Steps[Any]:
    """What the attempt returns. Raises Again when it is too late."""
    while True:
        left = None if end is None else end - monotonic()
        if left is not None and left <= 0:
            raise Again
        ready = yield partial(socket.poll, milliseconds(left), event)
        if ready:
            try:
                return (yield attempt)
            except Again:
                continue  # somebody else was faster, or the peer is gone


class RequestMixin:
    """For sockets whose calls block."""

    _turn_class: Callable[[], Any] = Turn

    def request(
        self,
        message: Any,
        *,
        timeout: float | None = None,
        retries: int = 0,
    ) -> Any:
        """REQ: send a request and return its reply; ask again if there is none in time.

        message: what `send` takes, for a reply of one part (parts are joined), or a list or tuple
        of parts, for a list. timeout: in seconds, for sending and answering, of each attempt; None
        waits for ever. retries: attempts after the first; each may go to another peer, so a request
        may be carried out more than once. The reply is that of the last attempt: answers to earlier
        ones are dropped when they come.

        Sets REQ_RELAXED and REQ_CORRELATE, so the peer must return the envelope, as REP and all
        libzmq's do. Raises NoReply, which is an Again and a TimeoutError; then the socket can be
        used again at once. ZMQError with ENOTSUP on other sockets; ValueError for retries without
        a timeout. Safe to call from several threads: they take turns, and who does not get his in
        the time that all of his attempts would take gets NoReply. No other call may receive
        meanwhile.
        """
        return run(request_steps(self, message, timeout, retries))


__all__ = ["RequestMixin", "Turn", "Turns", "request_steps"]
