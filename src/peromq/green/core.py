"""`Socket` and `Context` for gevent: what would block the thread blocks the greenlet."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from gevent import sleep
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from ..constants import Flag, PollEvent, SocketOption
from ..context import Context as _Sync_Context
from ..error import Again
from ..socket import Socket as _Sync_Socket
from ..waits import late
from .poll import _Poller
from .waiting import ANYTHING, Deadline, Waiting

TIMEOS = (SocketOption.RCVTIMEO, SocketOption.SNDTIMEO)

_T = TypeVar("_T")

_DONTWAIT = Flag.DONTWAIT
_POLLIN, _POLLOUT = PollEvent.POLLIN, PollEvent.POLLOUT


class Turn:
    """A lock for greenlets, as `peromq.requests.Turn` is one for threads."""

    def __init__(self) -> None:
        self._lock = BoundedSemaphore(1)

    def acquire(self, seconds: float | None) -> bool:
        """Whether it was our turn within so many seconds."""
        return bool(self._lock.acquire(timeout=seconds))

    def release(self) -> None:
        """The next one's turn."""
        self._lock.release()


class _Socket(_Sync_Socket[bytes]):
    """A socket whose send and receive calls let other greenlets run while they wait.

    Any number of greenlets may wait, and are served in turn. RCVTIMEO and SNDTIMEO have no effect,
    and using them warns: use `poll` or gevent.Timeout. One thread at a time.
    """

    _waiting: Waiting
    _poller_class = _Poller
    _turn_class = Turn
    _repr_cls = "zmq.green.Socket"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        other = self._shadow_obj
        self._waiting = other._waiting if isinstance(other, _Socket) else Waiting()

    def __del__(self) -> None:
        if not self._shadow and not self.closed:
            self.close()

    def close(self, linger: int | None = None) -> None:
        """As `peromq.Socket.close`; greenlets that wait get ZMQError with ENOTSOCK."""
        if not self.closed:  # also what __init__ did not get to open
            self._waiting.close()
        super().close(linger)

    def _read_events(self) -> int:
        return cast(int, super().get(SocketOption.EVENTS))

    def get(self, option: int) -> int | bytes:
        """As `peromq.Socket.get`."""
        _warn_of_timeouts(option)
        value = super().get(option)
        if option == SocketOption.EVENTS:
            self._waiting.note(cast(int, value))
        return value

    getsockopt = get

    def set(self, option: int, optval: int | bytes | None) -> None:
        """As `peromq.Socket.set`."""
        _warn_of_timeouts(option)
        super().set(option, optval)

    # -- data

    def send(self, data: Any, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.send`, but only this greenlet waits."""
        send, now = super().send, flags | _DONTWAIT
        return self._do(_POLLOUT, flags, lambda: send(data, now, *args, **kwargs))

    def send_multipart(self, msg_parts: Any, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.send_multipart`, but only this greenlet waits."""
        send, now = super().send_multipart, flags | _DONTWAIT
        return self._do(_POLLOUT, flags, lambda: send(msg_parts, now, *args, **kwargs))

    def send_many(self, messages: Iterable[Any], flags: int = 0) -> int:
        """As `peromq.Socket.send_many`, but only this greenlet waits."""
        send, now = super().send_many, flags | _DONTWAIT
        left = list(messages)
        total = len(left)
        while left:
            try:
                del left[: self._do(_POLLOUT, flags, lambda: send(left, now))]
            except Again:
                if len(left) == total:
                    raise
                break
        return total - len(left)

    def recv(self, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.recv`, but only this greenlet waits."""
        recv, now = super().recv, flags | _DONTWAIT
        return self._do(_POLLIN, flags, lambda: recv(now, *args, **kwargs))

    def recv_multipart(self, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.recv_multipart`, but only this greenlet waits."""
        recv, now = super().recv_multipart, flags | _DONTWAIT
        return self._do(_POLLIN, flags, lambda: recv(now, *args, **kwargs))

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> int:
        """As `peromq.Socket.recv_into`, but only this greenlet waits."""
        recv, now = super().recv_into, flags | _DONTWAIT
        return self._do(_POLLIN, flags, lambda: recv(buffer, nbytes=nbytes, flags=now))

    def recv_many(self, max_messages: int = 1000, flags: int = 0) -> Any:
        """As `peromq.Socket.recv_many`, but only this greenlet waits."""
        recv, now = super().recv_many, flags | _DONTWAIT
        return self._do(_POLLIN, flags, lambda: recv(max_messages, now))

    def _wait_until(self, attempt: Callable[[], _T], timeout: float | None, what: str) -> _T:
        limit = Deadline(None if timeout is None else timeout * 1000)
        turn = Event()
        self._waiting.add_poller(turn, ANYTHING, self)
        try:
            while True:
                turn.clear()
                self._waiting.note(self._read_events(), but=turn)
                try:
                    return attempt()
                except Again:
                    pass
                if not turn.wait(limit.left):
                    raise late(what, timeout)
        finally:
            self._waiting.remove_poller(turn)

    _sleep = staticmethod(sleep)

    def _do(self, direction: int, flags: int, attempt: Callable[[], _T]) -> _T:
        """What `attempt` returns, as soon as it is possible; with DONTWAIT, only if it is now."""
        if not flags & _DONTWAIT:
            return self._waiting.run(direction, attempt, self)
        try:
            return attempt()
        except Again:
            self._waiting.look()
            raise


class _Context(_Sync_Context[_Socket]):
    """A context that makes green sockets, with an `instance` of its own."""

    _socket_class = _Socket
    _instance = None
    _repr_cls = "zmq.green.Context"


def _warn_of_timeouts(option: int) -> None:
    if option in TIMEOS:
        warnings.warn(
            "RCVTIMEO and SNDTIMEO have no effect in peromq.green", UserWarning, stacklevel=3
        )


__all__ = ["_Context", "_Socket"]
