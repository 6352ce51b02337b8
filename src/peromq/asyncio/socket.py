"""`Socket` and `Context` for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast
from warnings import warn

from .. import Context as SyncContext
from .. import Socket as SyncSocket
from ..awaited import AwaitedMixin
from ..constants import Errno, Flag, PollEvent
from ..error import Again, ZMQError
from ..poll import zmq_poll
from ..waits import late
from .poller import Poller
from .serving import Serving
from .waiting import Waiting

if TYPE_CHECKING:
    from .. import MessageTracker

_T = TypeVar("_T")
_R = TypeVar("_R")


class Turn:
    """A lock for tasks, as `peromq.requests.Turn` is one for threads."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def acquire(self, seconds: float | None) -> bool:
        """Whether it was our turn within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._lock.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        """The next one's turn."""
        self._lock.release()


class Socket(Serving, AwaitedMixin, SyncSocket[Any]):  # type: ignore[misc]
    """A socket whose `send`, `recv`, `poll` and their kin are awaited.

    Each call returns a future: an awaitable, with `done`, `cancel`, `add_done_callback` and so on,
    fit for asyncio.wait, gather and wait_for. What is possible at once is done when the call
    returns, awaited or not, and awaiting it does not suspend the task; but every two milliseconds
    of such calls the loop gets a turn. Others wait in line.

    Cancelling loses no message: a task that is cancelled while it awaits a receive has received
    nothing, one whose send waited for room has sent nothing. With callbacks instead (asyncio.wait,
    gather) a future that is done owns its message. `async for message in socket` receives until
    the socket is closed.

    context: the Context; or a plain Socket, for an asyncio handle of the same socket.
    For one thread at a time. Closing cancels what is pending.
    """

    _poller_class = Poller
    _turn_class = Turn
    _repr_cls = "zmq.asyncio.Socket"
    _follows_overrides = False

    def __init__(
        self,
        context: SyncContext[Any] | SyncSocket[Any] | None = None,
        socket_type: int = -1,
        io_loop: Any = None,
        _from_socket: SyncSocket[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(context, SyncSocket):
            context, _from_socket = None, context
        if _from_socket is not None:
            super().__init__(shadow=_from_socket, **kwargs)
        else:
            super().__init__(cast(Any, context), socket_type, **kwargs)
        if io_loop is not None:
            warn(
                f"{type(self).__name__}(io_loop) is deprecated: the running loop is used",
                DeprecationWarning,
                stacklevel=3,
            )
        self._pollers = deque()
        self._loop = None
        self._registered = False

    def __del__(self) -> None:
        if "_registered" in self.__dict__:  # absent if __init__ failed
            self._unregister()
        super().__del__()

    @classmethod
    def from_socket(cls, socket: SyncSocket[Any], io_loop: Any = None) -> Self:
        """An asyncio handle of an existing socket."""
        return cls(_from_socket=socket, io_loop=io_loop)

    @property
    def _shadow_sock(self) -> SyncSocket[bytes]:
        return SyncSocket.shadow(self)

    @property
    def _recv_futures(self) -> deque[Waiting[Any]]:
        return deque([*self._receivers, *self._pollers])

    @property
    def _send_futures(self) -> deque[Waiting[Any]]:
        return self._senders

    def close(self, linger: int | None = None) -> None:
        """Close the socket, for all its handles, and cancel what is pending. Never blocks.

        What was sent goes on in the background for LINGER ms; `linger` sets that first.
        """
        self._unregister()
        super().close(linger)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def poll(  # type: ignore[override]
        self, timeout: float | None = None, flags: int = PollEvent.POLLIN
    ) -> asyncio.Future[int]:
        """Wait for events, `timeout` ms or for ever. The events that happened, 0 if time is over.

        ZMQError with ENOTSUP if the socket is closed.
        """
        if self.closed:
            raise ZMQError(Errno.ENOTSUP)
        happened = self._events_now(flags)
        if happened or timeout == 0:
            return self._done(happened)
        waiting = self._wait_for_events(flags)
        if timeout is not None and timeout > 0:
            waiting.give_up_after(timeout / 1000, lambda: 0)
        return waiting

    def _events_now(self, flags: int) -> int:
        self._note()
        return sum(events for _, events in zmq_poll([(self, flags)], 0))

    def _wait_for_events(self, flags: int) -> Waiting[int]:
        loop = self._get_loop()
        waiting: Waiting[int] = Waiting(self, self._pollers, partial(self._events, flags), loop)
        self._pollers.append(waiting)
        self._watch()
        return waiting

    def _events(self, flags: int) -> int:
        happened = self._events_now(flags)
        if not happened:
            raise Again
        return happened

    _sleep = staticmethod(asyncio.sleep)  # type: ignore[assignment]

    def _wait_until(  # type: ignore[override]
        self, attempt: Callable[[], _T], timeout: float | None, what: str
    ) -> asyncio.Future[_T]:
        self._note()
        try:
            return self._done(attempt())
        except Again:
            pass
        loop = self._get_loop()
        waiting: Waiting[_T] = Waiting(self, self._pollers, attempt, loop)
        if timeout is not None:
            waiting.give_up_after(max(timeout, 0), partial(_give_up, what, timeout))
        self._pollers.append(waiting)
        self._watch()
        return waiting

    def send_many(self, messages: Iterable[Any], flags: int = 0) -> asyncio.Future[int]:  # type: ignore[override]
        """Send each item of an iterable as a message of one part. How many were queued.

        Fewer than all with DONTWAIT or SNDTIMEO, and if it is cancelled; the future gets Again if
        not even the first could be sent.
        """
        return self._submit(Batch(self, messages, flags), flags)

    def _deserialize(self, recvd: Any, load: Callable[[Any], _R]) -> Any:
        if isinstance(recvd, Waiting):
            recvd.then(load)
            return recvd
        if isinstance(recvd, asyncio.Future) and recvd.done():
            if recvd.cancelled() or recvd.exception() is not None:
                return recvd
            return self._at_once(partial(load, recvd.result()))
        return asyncio.ensure_future(_loaded(recvd, load))  # a subclass has a recv of its own

    if TYPE_CHECKING:
        # PayloadMixin's, with what they return here

        def send_string(  # type: ignore[override]
            self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
        ) -> asyncio.Future[MessageTracker | None]: ...

        def send_unicode(  # type: ignore[override]
            self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
        ) -> asyncio.Future[MessageTracker | None]: ...

        def recv_string(  # type: ignore[override]
            self, flags: int = 0, encoding: str = "utf-8"
        ) -> asyncio.Future[str]: ...

        def recv_unicode(  # type: ignore[override]
            self, flags: int = 0, encoding: str = "utf-8"
        ) -> asyncio.Future[str]: ...

        def send_json(  # type: ignore[override]
            self, obj: Any, flags: int = 0, **kwargs: Any
        ) -> asyncio.Future[MessageTracker | None]: ...

        def recv_json(self, flags: int = 0, **kwargs: Any) -> asyncio.Future[Any]: ...

        def send_pyobj(  # type: ignore[override]
            self, obj: Any, flags: int = 0, protocol: int = 4, **kwargs: Any
        ) -> asyncio.Future[MessageTracker | None]: ...

        def recv_pyobj(self, flags: int = 0) -> asyncio.Future[Any]: ...

        def send_serialized(  # type: ignore[override]
            self,
            msg: _T,
            serialize: Callable[[_T], Sequence[Any]],
            flags: int = 0,
            copy: bool = True,
            **kwargs: Any,
        ) -> asyncio.Future[MessageTracker | None]: ...

        def recv_serialized(  # type: ignore[override]
            self, deserialize: Callable[[list[Any]], _R], flags: int = 0, copy: bool = True
        ) -> asyncio.Future[_R]: ...


def _give_up(what: str, timeout: float) -> NoReturn:
    raise late(what, timeout)


class Batch:
    """What `send_many` has still to send."""

    def __init__(self, socket: Socket, messages: Iterable[Any], flags: int) -> None:
        self._send_many: Callable[..., int] = partial(SyncSocket.send_many, socket)
        self._rest = list(messages)
        self._sent = 0
        self._partly = bool(flags & Flag.DONTWAIT)

    def __call__(self) -> int:
        """Send what can be sent. Again if that is not all."""
        count = self._send_many(self._rest, Flag.DONTWAIT)
        self._sent += count
        self._rest = self._rest[count:]
        if self._rest and not self._partly:
            raise Again
        return self._sent

    def give_up(self) -> int:
        """The answer when time is up."""
        if not self._sent:
            raise Again
        return self._sent


async def _loaded(received: Awaitable[_T], load: Callable[[_T], _R]) -> _R:
    return load(await received)


class Context(SyncContext[Socket]):
    """A context that makes asyncio sockets.

    `async with` closes its sockets and terminates it without holding up the loop.
    """

    _socket_class = Socket
    _instance = None
    _repr_cls = "zmq.asyncio.Context"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if not self.closed:
            self._warn_destroy_close = True
            self._close_sockets(None)
            await asyncio.to_thread(self.term)
