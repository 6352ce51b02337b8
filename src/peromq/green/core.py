"""`Socket` and `Context` for gevent: what would block the thread blocks the greenlet."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, cast

from ..constants import Flag, PollEvent, SocketOption
from ..context import Context as _Sync_Context
from ..socket import Socket as _Sync_Socket
from .poll import _Poller
from .waiting import Waiting

TIMEOS = (SocketOption.RCVTIMEO, SocketOption.SNDTIMEO)

_DONTWAIT = Flag.DONTWAIT


class _Socket(_Sync_Socket[bytes]):
    """A socket whose send and receive calls let other greenlets run while they wait.

    Any number of greenlets may wait, and are served in turn. RCVTIMEO and SNDTIMEO have no effect,
    and using them warns: use `poll` or gevent.Timeout. One thread at a time.
    """

    _waiting: Waiting
    _poller_class = _Poller
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

    def set(self, option: int, optval: int | bytes) -> None:
        """As `peromq.Socket.set`."""
        _warn_of_timeouts(option)
        super().set(option, optval)

    # -- data

    def send(self, data: Any, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.send`, but only this greenlet waits."""
        send, now = super().send, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return send(data, flags, *args, **kwargs)
        return self._send(lambda: send(data, now, *args, **kwargs))

    def send_multipart(self, msg_parts: Any, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.send_multipart`, but only this greenlet waits."""
        send, now = super().send_multipart, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return send(msg_parts, flags, *args, **kwargs)
        return self._send(lambda: send(msg_parts, now, *args, **kwargs))

    def send_many(self, messages: Iterable[Any], flags: int = 0) -> int:
        """As `peromq.Socket.send_many`, but only this greenlet waits."""
        send, now = super().send_many, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return send(messages, flags)
        left = list(messages)
        total = len(left)
        while left:
            del left[: self._send(lambda: send(left, now))]
        return total

    def recv(self, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.recv`, but only this greenlet waits."""
        recv, now = super().recv, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return recv(flags, *args, **kwargs)
        return self._recv(lambda: recv(now, *args, **kwargs))

    def recv_multipart(self, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        """As `peromq.Socket.recv_multipart`, but only this greenlet waits."""
        recv, now = super().recv_multipart, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return recv(flags, *args, **kwargs)
        return self._recv(lambda: recv(now, *args, **kwargs))

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> int:
        """As `peromq.Socket.recv_into`, but only this greenlet waits."""
        recv, now = super().recv_into, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return recv(buffer, nbytes=nbytes, flags=flags)
        return cast(int, self._recv(lambda: recv(buffer, nbytes=nbytes, flags=now)))

    def recv_many(self, max_messages: int = 1000, flags: int = 0) -> Any:
        """As `peromq.Socket.recv_many`, but only this greenlet waits."""
        recv, now = super().recv_many, flags | _DONTWAIT
        if flags & _DONTWAIT:
            return recv(max_messages, flags)
        return self._recv(lambda: recv(max_messages, now))

    def _send(self, attempt: Any) -> Any:
        return self._waiting.run(PollEvent.POLLOUT, attempt, self)

    def _recv(self, attempt: Any) -> Any:
        return self._waiting.run(PollEvent.POLLIN, attempt, self)


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
