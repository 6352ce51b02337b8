"""One side of a ZWS 2.0 handshake (RFC 45): ZMTP's commands in WebSocket messages, no greeting.

    WebSocket's opening handshake     subprotocol "ZWS2.0/MECHANISM", which stands for the greeting
    what the mechanism wants sent     each command one binary message: flags, body

With "ZWS2.0" alone there is no mechanism: each side's first message is its routing id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from . import websocket
from .errors import ProtocolError, ProtocolErrorCode
from .handshake import Handshake, State
from .mechanisms import Mechanism

BARE = "ZWS2.0"
"""The subprotocol without a mechanism."""

_COMMAND = 0x02
_MAX_ROUTING_ID = 255


class Opening(Protocol):
    """WebSocket's opening handshake, which this module does not know."""

    @property
    def done(self) -> bool: ...

    @property
    def failure(self) -> str:
        """Why there is no connection; empty while there may be one."""

    @property
    def passing(self) -> bool:
        """Coming again may help."""

    @property
    def subprotocol(self) -> str: ...

    @property
    def kept(self) -> int: ...

    @property
    def leftover(self) -> bytes: ...

    def data_to_send(self) -> bytes: ...

    def receive_data(self, data: bytes) -> None: ...


def subprotocols(mechanism: Mechanism) -> list[str]:
    """What to offer, or to accept. Without a mechanism nobody could be asked about the peer."""
    named = f"{BARE}/{mechanism.name}"
    bare = mechanism.name == "NULL" and (mechanism.gate is None or not mechanism.gate.asks)
    return [named, BARE] if bare else [named]


class ZwsHandshake(Handshake):
    """As `Handshake`. opening: our side of WebSocket's, not begun.

    new_mask: makes the four octets that a client masks a frame with; None for a server.
    """

    def __init__(
        self, *, opening: Opening, new_mask: Callable[[], bytes] | None, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._outgoing.clear()
        self._early = False  # WebSocket's handshake comes first
        self._opening = opening
        self._new_mask = new_mask
        self._bare_id: bytes | None = None  # ours, to be sent, where there is no mechanism
        self._reader = websocket.MessageReader(new_mask is None, self._limit + 1)

    @property
    def is_client(self) -> bool:
        return self._new_mask is not None

    @property
    def kept(self) -> int:
        return super().kept + self._opening.kept + self._reader.kept

    def data_to_send(self) -> bytes:
        commands = super().data_to_send()
        return self._opening.data_to_send() + commands

    def _advance(self) -> bool:
        if self._state is State.SIGNATURE:
            return self._open()
        return super()._advance()

    def _open(self) -> bool:
        data = bytes(self._incoming)
        self._incoming.clear()
        if not data:
            return False
        self._opening.receive_data(data)
        if self._opening.failure:
            raise ProtocolError(
                self._opening.failure,
                ProtocolErrorCode.WS_UNSPECIFIED,
                retry=self._opening.passing,
            )
        if not self._opening.done:
            return False
        self._incoming += self._opening.leftover
        self._state = State.COMMANDS
        if self._opening.subprotocol == BARE:
            self._bare_id = self._routing_id
        else:
            self._open_mechanism()
        self._send_commands()
        return True

    def _take_command(self) -> bytes | None:
        while (message := self._reader.take(self._incoming)) is not None:
            if message.opcode == websocket.PING:
                self._put(websocket.PONG, message.payload)
            elif message.opcode == websocket.CLOSE:
                self._put(websocket.CLOSE, message.payload[:2])
                raise ProtocolError("peer closed the WebSocket during the handshake", retry=True)
            elif message.opcode == websocket.BINARY:
                if not message.payload:
                    raise ProtocolError(
                        "a WebSocket message without flags", ProtocolErrorCode.WS_UNSPECIFIED
                    )
                return message.payload[1:]
        return None

    def _read_command(self) -> bool:
        if self._opening.subprotocol != BARE:
            return super()._read_command()
        routing_id = self._take_command()
        if routing_id is None:
            return False
        if len(routing_id) > _MAX_ROUTING_ID:
            raise ProtocolError("a routing id of more than 255 octets")
        self._properties["Identity"] = routing_id
        self._state = State.ESTABLISHED
        return False

    def _send_commands(self) -> None:
        if self._bare_id is not None:
            routing_id, self._bare_id = self._bare_id, None
            self._put(websocket.BINARY, b"\0" + routing_id)
        elif self._opening.subprotocol not in ("", BARE):
            super()._send_commands()

    def _put_command(self, body: bytes) -> None:
        self._put(websocket.BINARY, bytes((_COMMAND,)) + body)

    def _put(self, opcode: int, payload: bytes) -> None:
        mask = None if self._new_mask is None else self._new_mask()
        self._outgoing += websocket.encode_frame(opcode, payload, mask)
