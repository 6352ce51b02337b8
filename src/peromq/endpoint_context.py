"""`with socket.bind(...)`, `with socket.connect(...)`: undone at the end of the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from .socket import Socket

    _SocketT_co = TypeVar("_SocketT_co", bound=Socket[Any], covariant=True)
else:
    _SocketT_co = TypeVar("_SocketT_co", covariant=True)  # a bound in quotes takes 1 ms to import


class EndpointContext(Generic[_SocketT_co]):
    """What `bind` and `connect` return. Entering gives the socket, leaving undoes the call."""

    def __init__(self, socket: _SocketT_co, kind: Literal["bind", "connect"], addr: str) -> None:
        self.socket = socket
        self.kind = kind
        self.addr = addr

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self.addr!r})>"

    def __enter__(self) -> _SocketT_co:
        return self.socket

    def __exit__(self, *exc_info: object) -> None:
        if self.socket.closed:
            return
        if self.kind == "bind":
            self.socket.unbind(self.addr)
        else:
            self.socket.disconnect(self.addr)
