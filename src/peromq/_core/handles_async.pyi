"""The data calls of an asyncio socket."""

from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypeVar, overload

from typing_extensions import Buffer

from peromq._core.handles import Frame, SocketCore
from peromq.tracker import MessageTracker

_T = TypeVar("_T")

# What AsyncCore returns is either an asyncio.Future, or says that it is one.

def finished(value: _T) -> Future[_T]: ...

class AsyncCore(SocketCore):
    _receivers: deque[Any]
    _senders: deque[Any]
    def send(  # type: ignore[override]
        self,
        data: Buffer | Frame,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> Future[MessageTracker | None]: ...
    @overload  # type: ignore[override]
    def recv(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False
    ) -> Future[bytes]: ...
    @overload
    def recv(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False
    ) -> Future[Frame]: ...
    @overload
    def recv(self, flags: int, copy: Literal[False], track: bool = False) -> Future[Frame]: ...
    @overload
    def recv(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> Future[bytes] | Future[Frame]: ...
    def recv_into(  # type: ignore[override]
        self, buffer: Buffer, /, *, nbytes: int = 0, flags: int = 0
    ) -> Future[int]: ...
    def send_multipart(  # type: ignore[override]
        self,
        msg_parts: Sequence[Buffer | Frame],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        **kwargs: Any,
    ) -> Future[MessageTracker | None]: ...
    @overload  # type: ignore[override]
    def recv_multipart(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False
    ) -> Future[list[bytes]]: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False
    ) -> Future[list[Frame]]: ...
    @overload
    def recv_multipart(
        self, flags: int, copy: Literal[False], track: bool = False
    ) -> Future[list[Frame]]: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> Future[list[bytes]] | Future[list[Frame]]: ...
    def recv_many(  # type: ignore[override]
        self, max_messages: int = 1000, flags: int = 0
    ) -> Future[list[bytes]]: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Future[bytes]: ...
    def _submit(self, attempt: Callable[[], _T], flags: int) -> Future[_T]: ...
    def _at_once(self, attempt: Callable[[], _T]) -> Future[_T]: ...
    def _done(self, value: _T) -> Future[_T]: ...
    def _note(self) -> None: ...
    def _wake_fd(self) -> int: ...
    def _arm(self) -> bool: ...
    def _disarm(self) -> None: ...
    def _drain(self) -> None: ...
    def _give_fd(self) -> int: ...
    def _turned(self) -> None: ...
