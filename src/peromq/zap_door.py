"""The inproc end of a context's conversations with its ZAP handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .constants import Errno, Flag, RouterNotify, SocketOption, SocketType
from .error import Again, ZMQError

if TYPE_CHECKING:
    from .context_state import ContextState

HANDLER = "zeromq.zap.01"
"""The inproc name at which RFC 27 has the handler bind."""

_HANDLER_TYPES = frozenset({SocketType.REP, SocketType.ROUTER, SocketType.SERVER})


class ContextZapDoor:
    """A ROUTER with a pipe to the handler for each conversation. See `control.zap.ZapDoor`."""

    def __init__(self, context: ContextState) -> None:
        self._registry = context.inproc
        self._socket = context.new_socket(SocketType.ROUTER, internal=True)
        for option, value in (
            (SocketOption.LINGER, 0),
            (SocketOption.SNDHWM, 0),
            (SocketOption.RCVHWM, 0),
            (SocketOption.ROUTER_MANDATORY, 1),
            (SocketOption.ROUTER_NOTIFY, RouterNotify.DISCONNECT),
        ):
            self._socket.set(option, value)
        self._pipes: dict[bytes, int] = {}
        descriptor = self._socket.get(SocketOption.FD)
        assert isinstance(descriptor, int)
        self.descriptor = descriptor

    def open(self, name: bytes) -> bool:
        handler = self._registry.find(HANDLER)
        if handler is None:
            return False
        if handler.type not in _HANDLER_TYPES:
            kinds = ", ".join(sorted(kind.name for kind in _HANDLER_TYPES))
            raise ZMQError(
                Errno.EINVAL, f"a {handler.type.name} is bound as ZAP handler, must be of {kinds}"
            )
        self._pipes[name] = self._registry.join(handler, self._socket, name)
        return True

    def send(self, name: bytes, frames: list[bytes]) -> None:
        self._socket.open_core().send_multipart([name, *frames], Flag.DONTWAIT)

    def is_unread(self, name: bytes) -> bool:
        token = self._pipes.get(name)
        core = self._socket.core
        return token is not None and core is not None and core.has_pending(token)

    def receive(self) -> list[bytes] | None:
        core = self._socket.open_core()
        try:
            received = core.recv_multipart(Flag.DONTWAIT)
        except Again:
            return None
        name, *frames = received
        # ROUTER_NOTIFY's empty message; whoever can still be sent to has sent one himself
        gone = frames == [b""] and not core.token_of_name(name)
        return [name] if gone else received

    def hang_up(self, name: bytes) -> None:
        token = self._pipes.pop(name, None)
        if token is not None:
            self._registry.part(self._socket, token)

    def close(self) -> None:
        self._pipes.clear()
        self._socket.close()
