"""`Socket` and `Context` whose calls are awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast, overload

from anyio import TASK_STATUS_IGNORED, ClosedResourceError, Lock, move_on_after, sleep
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from ..awaited import AwaitedMixin
from ..constants import Errno, Flag, PollEvent, SocketOption
from ..context import Context as SyncContext
from ..error import Again, ZMQError
from ..socket import Socket as SyncSocket
from ..waits import late
from .payloads import AsyncPayloads
from .waiting import Waiting

if TYPE_CHECKING:
    from .. import Frame, MessageTracker

_T = TypeVar("_T")
_R = TypeVar("_R")

_DONTWAIT = Flag.DONTWAIT
_POLLIN, _POLLOUT = PollEvent.POLLIN, PollEvent.POLLOUT

TURN = 0.001
"""Seconds for which calls that need not wait may keep the event loop from other tasks."""


class ClosedSocketError(ZMQError, ClosedResourceError):
    """The socket is closed, or was while the call waited. errno is ENOTSOCK."""

    def __init__(self) -> None:
        super().__init__(Errno.ENOTSOCK)


class Turn:
    """A lock for tasks, as `peromq.requests.Turn` is one for threads."""

    def __init__(self) -> None:
        self._lock = Lock()

    async def acquire(self, seconds: float | None) -> bool:
        """Whether it was our turn within so many seconds."""
        with move_on_after(seconds):
            await self._lock.acquire()
            return True
        return False

    def release(self) -> None:
        """The next one's turn."""
        self._lock.release()


class Socket(AsyncPayloads, AwaitedMixin, SyncSocket[Any]):  # type: ignore[misc]
    """A socket to use from tasks, under asyncio, uvloop or trio.

    ctx_or_socket: the Context; or a socket, for a second handle of it.
    task_group: ignored, the socket needs none (zmq-anyio's does).

    Every call first takes note of a cancellation, and one that is cancelled has neither sent nor
    received. What can be done at once is done without suspending, except that every millisecond
    of this other tasks get to run. Otherwise the task waits, and many that wait are served in
    turn. RCVTIMEO and SNDTIMEO raise Again; so does DONTWAIT.

    Raises ClosedSocketError, which is a ZMQError and anyio's ClosedResourceError, when the socket
    is closed, also while a task waits; ContextTerminated; and what `peromq.Socket` raises.

    Binding, connecting, options and `close` are as in `peromq.Socket`; none of them blocks. All
    calls that wait belong into one event loop at a time, and no plain handle of the same socket
    may be used meanwhile: it would take note of what they wait for.
    """

    _waiting: Waiting
    _pause_at: float
    _closed_error: type[ZMQError] = ClosedSocketError
    _repr_cls = "peromq.anyio.Socket"
    _turn_class = Turn
    _follows_overrides = False

    def __init__(
        self,
        ctx_or_socket: Any = None,
        socket_type: int = 0,
        task_group: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ctx_or_socket, socket_type, **kwargs)
        other = self._shadow_obj
        self._waiting = other._waiting if isinstance(other, Socket) else Waiting()
        self._pause_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """`close`, as anyio's resources are closed."""
        self.close()
        await checkpoint()

    async def start(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Does nothing: zmq-anyio's sockets have to be started."""
        task_status.started()

    async def stop(self) -> None:
        """`aclose`, by zmq-anyio's name."""
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """`async for message in socket`: `recv` again and again."""
        return await self.recv()

    def __iter__(self) -> Any:
        raise TypeError("use `async for`")

    def get(self, option: int) -> int | bytes:
        """As `peromq.Socket.get`."""
        value = super().get(option)
        if option == SocketOption.EVENTS:
            self._waiting.note(cast(int, value))
        return value

    getsockopt = get

    # -- receiving

    @overload  # type: ignore[override]
    async def recv(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False
    ) -> bytes: ...
    @overload
    async def recv(self, flags: int = 0, *, copy: Literal[False], track: bool = False) -> Frame: ...
    @overload
    async def recv(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> bytes | Frame: ...
    async def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> bytes | Frame:
        """Receive one message part: bytes, or a Frame if not `copy`."""
        recv = super().recv
        return await self._do(_POLLIN, flags, lambda: recv(flags | _DONTWAIT, copy, track))

    @overload  # type: ignore[override]
    async def recv_multipart(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False
    ) -> list[bytes]: ...
    @overload
    async def recv_multipart(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False
    ) -> list[Frame]: ...
    @overload
    async def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> list[bytes] | list[Frame]: ...
    async def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> list[bytes] | list[Frame]:
        """Receive all parts of a message, or the rest of the one begun."""
        recv = super().recv_multipart
        return await self._do(_POLLIN, flags, lambda: recv(flags | _DONTWAIT, copy, track))

    async def recv_into(  # type: ignore[override]
        self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0
    ) -> int:
        """Receive one part into a buffer; the part's size, also if it did not fit."""
        recv, now = super().recv_into, flags | _DONTWAIT
        return await self._do(_POLLIN, flags, lambda: recv(buffer, nbytes=nbytes, flags=now))

    async def recv_many(  # type: ignore[override]
        self, max_messages: int = 1000, flags: int = 0
    ) -> list[Any]:
        """Receive what has arrived: at least one message, at most `max_messages`.

        Messages of several parts come as lists, those of one part as bytes.
        """
        recv = super().recv_many
        return await self._do(_POLLIN, flags, lambda: recv(max_messages, flags | _DONTWAIT))

    # -- sending

    async def send(  # type: ignore[override]
        self,
        data: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> MessageTracker | None:
        """Send one message part; SNDMORE announces another."""
        send, now = super().send, flags | _DONTWAIT
        return await self._do(
            _POLLOUT, flags, lambda: send(data, now, copy, track, routing_id, group)
        )

    async def send_multipart(  # type: ignore[override]
        self,
        msg_parts: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        **kwargs: Any,
    ) -> MessageTracker | None:
        """Send a sequence of parts as one message."""
        if kwargs and len(msg_parts) == 1:  # draft sockets' routing_id and group
            return await self.send(msg_parts[0], flags, copy, track, **kwargs)
        if any(value is not None for value in kwargs.values()):
            raise TypeError(f"{', '.join(kwargs)}: only for messages of one part")
        send, now = super().send_multipart, flags | _DONTWAIT
        return await self._do(_POLLOUT, flags, lambda: send(msg_parts, now, copy, track))

    async def send_many(  # type: ignore[override]
        self, messages: Iterable[Any], flags: int = 0
    ) -> int:
        """Send each item as a message of one part; how many: all, but with DONTWAIT or SNDTIMEO.

        If it is cancelled, some may have been sent: the first ones, in order.
        """
        send, now = super().send_many, flags | _DONTWAIT
        left = list(messages)
        total = len(left)
        while left:
            try:
                del left[: await self._do(_POLLOUT, flags, lambda: send(left, now))]
            except Again:
                if len(left) == total:
                    raise
                break
        return total - len(left)

    # -- waiting

    async def poll(  # type: ignore[override]
        self, timeout: float | None = None, flags: int = PollEvent.POLLIN
    ) -> int:
        """Wait for events, `timeout` ms or for ever. Those that happened, 0 if time is over."""
        await self._pause()
        try:
            events = self.events & flags
            if events or timeout == 0:
                return events
            limit = None if timeout is None or timeout < 0 else timeout / 1000
            with move_on_after(limit):
                return await self._waiting.until_ready(self, flags)
            return 0
        except ZMQError as error:
            raise self._better(error) from None

    _sleep = staticmethod(sleep)  # type: ignore[assignment]

    async def _wait_until(  # type: ignore[override]
        self, attempt: Callable[[], _T], timeout: float | None, what: str
    ) -> _T:
        await self._pause()
        try:
            with move_on_after(timeout):
                return await self._waiting.until_true(self, attempt)
            raise late(what, timeout)
        except ZMQError as error:
            raise self._better(error) from None

    @staticmethod
    def _poller_class() -> Any:
        from .poll import Poller  # which needs this module

        return Poller()

    async def _do(self, direction: int, flags: int, attempt: Callable[[], _T]) -> _T:
        """The result of `attempt`, as soon as it is possible."""
        await self._pause()
        try:
            if not self._waiting.queue(direction):
                try:
                    return attempt()
                except Again:
                    self._waiting.look(self)
            if flags & _DONTWAIT:
                raise Again
            options = self.options
            timeout = options.rcvtimeo if direction == _POLLIN else options.sndtimeo
            if timeout < 0:
                return await self._waiting.until_done(self, direction, attempt)
            with move_on_after(timeout / 1000):
                return await self._waiting.until_done(self, direction, attempt)
            raise Again
        except ZMQError as error:
            raise self._better(error) from None

    async def _pause(self) -> None:
        """Take note of cancellation, and let others run when it is time to."""
        now = monotonic()
        if now < self._pause_at:
            await checkpoint_if_cancelled()
        else:
            await checkpoint()
            self._pause_at = monotonic() + TURN

    def _better(self, error: ZMQError) -> ZMQError:
        return self._closed_error() if error.errno == Errno.ENOTSOCK else error

    def _read_events(self) -> int:
        return cast(int, super().get(SocketOption.EVENTS))

    async def _deserialize(  # type: ignore[override]
        self, recvd: Awaitable[_T], load: Callable[[_T], _R]
    ) -> _R:
        return load(await recvd)

    # zmq-anyio's names. Its calls start at once and return futures: these are to be awaited.
    arecv, arecv_multipart = recv, recv_multipart
    asend, asend_multipart, apoll = send, send_multipart, poll


class Context(SyncContext[Socket]):
    """A context that makes these sockets, with an `instance` of its own."""

    _socket_class = Socket
    _instance = None
    _repr_cls = "peromq.anyio.Context"


__all__ = ["ClosedSocketError", "Context", "Socket"]
