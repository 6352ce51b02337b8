"""`Socket.request`: a REQ that does not stay stuck when a reply is lost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from .constants import Errno, Flag, PollEvent, SocketOption, SocketType
from .error import Again, NoReply, ZMQError
from .steps import Steps, milliseconds, run


def request_steps(
    socket: Any, message: Any, timeout: float | None, retries: int
) -> Steps[bytes | list[bytes]]:
    """What `request` does, for any kind of socket."""
    if socket.type != SocketType.REQ:
        raise ZMQError(Errno.ENOTSUP, "Operation not supported (only REQ)")
    if retries and timeout is None:
        raise ValueError("retries need a timeout")
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
        a timeout. One request at a time on a socket.
        """
        return run(request_steps(self, message, timeout, retries))


__all__ = ["RequestMixin", "request_steps"]
