"""Traffic wrapped by GSSAPI: MESSAGE commands on the network, plain frames for the data plane.

MESSAGE = 07"MESSAGE" size(4) token, in a frame with flags 0 as libzmq's; the token wraps flags(1)
and body. Flags: 01 MORE, 02 COMMAND, and from libzmq's later versions 04 SUBSCRIBE and 08 CANCEL,
whose body is the bare topic.
"""

from __future__ import annotations

from typing import Protocol

from ..commands import malformed
from ..errors import ProtocolError, ProtocolErrorCode
from ..framing import COMMAND, MORE, encode_frame, take_flagged_frame

MESSAGE = b"\x07MESSAGE"
OVERHEAD = 1024
"""Octets by which a wrapped frame may be longer than its plain body."""

_MORE, _COMMAND, _SUBSCRIBE, _CANCEL = 0x01, 0x02, 0x04, 0x08
_NO_LIMIT = 2**31 - 1  # a token's size has four octets, and no context takes more


class GssapiFailure(Exception):
    """GSSAPI would not. The text has its reasons."""


class GssapiWrapping(Protocol):
    """The part of a security context that traffic needs. Its calls raise GssapiFailure."""

    def wrap(self, plain: bytes) -> bytes:
        """Encrypted; in order."""

    def unwrap(self, token: bytes) -> bytes:
        """What the peer has wrapped, encrypted; a repeated token is a failure."""


class GssapiTraffic:
    """Both directions of one connection."""

    def __init__(self, context: GssapiWrapping) -> None:
        self._context = context
        self._limit = _NO_LIMIT
        self._from_net = bytearray()
        self._from_app = bytearray()

    def limit(self, max_size: int) -> None:
        """Set what the peer's frames may have at most, by option MAXMSGSIZE."""
        self._limit = _NO_LIMIT if max_size < 0 else min(max_size + OVERHEAD, _NO_LIMIT)

    def receive(self, data: bytes) -> bytes:
        """Octets from the network; returns whole plain frames. Raises ProtocolError."""
        self._from_net += data
        frames = []
        while (frame := take_flagged_frame(self._from_net, self._limit)) is not None:
            frames.append(self._open(frame[1]))
        return b"".join(frames)

    def send(self, data: bytes) -> bytes:
        """Plain frames, in any pieces; returns octets for the network. Raises ProtocolError."""
        self._from_app += data
        frames = []
        while (frame := take_flagged_frame(self._from_app, _NO_LIMIT)) is not None:
            flags, body = frame
            inner = (_MORE if flags & MORE else 0) | (_COMMAND if flags & COMMAND else 0)
            frames.append(encode_frame(0, wrap_message(self._context, inner, body)))
        return b"".join(frames)

    def _open(self, body: bytes) -> bytes:
        flags, plain = unwrap_message(self._context, body)
        if flags & _SUBSCRIBE:
            return encode_frame(COMMAND, b"\x09SUBSCRIBE" + plain)
        if flags & _CANCEL:
            return encode_frame(COMMAND, b"\x06CANCEL" + plain)
        more, command = MORE if flags & _MORE else 0, COMMAND if flags & _COMMAND else 0
        return encode_frame(more | command, plain)


def wrap_message(context: GssapiWrapping, flags: int, body: bytes) -> bytes:
    """A MESSAGE command. Raises ProtocolError if GSSAPI is no longer willing."""
    try:
        token = context.wrap(bytes((flags,)) + body)
    except GssapiFailure as error:
        raise ProtocolError(f"GSSAPI does not encrypt: {error}", local=True) from None
    return MESSAGE + len(token).to_bytes(4, "big") + token


def unwrap_message(context: GssapiWrapping, body: bytes) -> tuple[int, bytes]:
    """Flags and body of a MESSAGE command. Raises ProtocolError if it is none, or does not open."""
    start = len(MESSAGE) + 4
    size = int.from_bytes(body[len(MESSAGE) : start], "big")
    if not body.startswith(MESSAGE) or len(body) != start + size:
        raise malformed(MESSAGE, body)
    try:
        plain = context.unwrap(body[start:])
    except GssapiFailure:
        plain = b""
    if not plain:
        code = ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC
        raise ProtocolError("peer sent a MESSAGE that does not open", code)
    return plain[0], plain[1:]
