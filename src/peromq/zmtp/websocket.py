"""WebSocket frames (RFC 6455, section 5) as far as handshakes need them.

Traffic after the handshake is framed by the data plane, by the same rules.
"""

from __future__ import annotations

from typing import NamedTuple

from .errors import ProtocolError, ProtocolErrorCode

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_FIN = 0x80
_RESERVED = 0x70
_MASKED = 0x80
_MAX_CONTROL = 125


class Message(NamedTuple):
    """A whole message, or a control frame."""

    opcode: int
    payload: bytes


def encode_frame(opcode: int, payload: bytes, mask: bytes | None = None) -> bytes:
    """An unfragmented message or control frame; `mask`: four octets, by clients only."""
    masked = 0 if mask is None else _MASKED
    size = len(payload)
    if size <= 125:
        head = bytes((_FIN | opcode, masked | size))
    elif size <= 0xFFFF:
        head = bytes((_FIN | opcode, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, masked | 127)) + size.to_bytes(8, "big")
    return head + payload if mask is None else head + mask + apply_mask(payload, mask)


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """RFC 6455, 5.3: octet i is combined with octet i modulo 4 of the mask."""
    stream = (mask * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")


class MessageReader:
    """Takes messages out of a buffer, fragments put together.

    masked: the peer is a client. limit: octets of a message's payload.
    """

    def __init__(self, masked: bool, limit: int) -> None:
        self._masked = masked
        self._limit = limit
        self._fragments: list[bytes] | None = None
        self._fragments_size = 0

    @property
    def kept(self) -> int:
        """Octets of an unfinished message."""
        return self._fragments_size

    def take(self, buffer: bytearray) -> Message | None:
        """Remove what makes the next message; None while it is incomplete. Raises ProtocolError.

        A frame that announces too much is refused by its header.
        """
        while (frame := self._take_frame(buffer)) is not None:
            final, opcode, payload = frame
            if opcode >= CLOSE:
                return Message(opcode, payload)
            if self._fragments is not None:
                self._fragments.append(payload)
            elif not final:
                self._fragments = [payload]
            else:
                return Message(opcode, payload)
            self._fragments_size += len(payload)
            if final:
                payload = b"".join(self._fragments)
                self._fragments, self._fragments_size = None, 0
                return Message(BINARY, payload)
        return None

    def _take_frame(self, buffer: bytearray) -> tuple[bool, int, bytes] | None:
        if buffer and buffer[0] & _RESERVED:
            raise _offence("a reserved bit is set, and no extension was agreed on")
        if len(buffer) < 2:
            return None
        final, opcode = bool(buffer[0] & _FIN), buffer[0] & 15
        size, start = buffer[1] & 127, 2
        if bool(buffer[1] & _MASKED) != self._masked:
            raise _offence("clients mask their frames, servers do not")
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return None
            least = 126 if size == 126 else 0x10000
            size = int.from_bytes(buffer[2:start], "big")
            if size < least or size >> 63:
                raise _offence(f"a size of {size} octets, oddly written")
        mask = bytes(4)
        if self._masked:
            mask = bytes(buffer[start : start + 4])
            start += 4
        if len(buffer) < start:
            return None
        self._check(final, opcode, size)
        if len(buffer) < start + size:
            return None
        payload = apply_mask(bytes(buffer[start : start + size]), mask)
        del buffer[: start + size]
        return final, opcode, payload

    def _check(self, final: bool, opcode: int, size: int) -> None:
        if opcode >= CLOSE:
            if opcode > PONG or not final or size > _MAX_CONTROL:
                raise _offence(f"bad control frame {opcode}")
        elif opcode != (BINARY if self._fragments is None else CONTINUATION):
            raise _offence(f"unexpected opcode {opcode}")
        elif size + self._fragments_size > self._limit:
            raise _offence(f"a message of {size} octets and more, {self._limit} are allowed")


def _offence(why: str) -> ProtocolError:
    return ProtocolError(f"WebSocket: {why}", ProtocolErrorCode.WS_UNSPECIFIED)
