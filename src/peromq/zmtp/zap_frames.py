"""Requests and replies of ZAP 1.0 as frames (RFC 27), without what a ROUTER puts before them.

request = "" version id domain address identity mechanism *credential
reply   = "" version id status-code status-text user-id metadata
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .commands import parse_metadata
from .errors import ProtocolError, ProtocolErrorCode

VERSION = b"1.0"
REQUEST_ID = b"1"
"""The same for all, as libzmq's: each conversation has a pipe of its own."""

_REPLY_FRAMES = 7


@dataclass(frozen=True, slots=True)
class ZapRequest:
    """What a server wants to know of a peer.

    identity: the server socket's own ROUTING_ID (libzmq).
    """

    domain: str
    address: str
    identity: bytes
    mechanism: str
    credentials: list[bytes] = field(repr=False)

    def frames(self) -> list[bytes]:
        """As they are sent."""
        return [
            b"",
            VERSION,
            REQUEST_ID,
            self.domain.encode(),
            self.address.encode(),
            self.identity,
            self.mechanism.encode(),
            *self.credentials,
        ]


@dataclass(frozen=True, slots=True)
class ZapReply:
    """A reply with everything in its place; the status is any number of three digits."""

    status_code: int
    status_text: str
    user_id: str
    metadata: dict[bytes, bytes]


def parse_reply(frames: Sequence[bytes]) -> ZapReply:
    """The reply in these frames. Raises ProtocolError with the code that libzmq reports."""
    if len(frames) != _REPLY_FRAMES:
        raise _wrong(f"{len(frames)} frames instead of {_REPLY_FRAMES}", "MALFORMED_REPLY")
    delimiter, version, request_id, status, text, user_id, metadata = frames
    if delimiter:
        raise _wrong("no empty frame first", "UNSPECIFIED")
    if version != VERSION:
        raise _wrong("the version is not 1.0", "BAD_VERSION")
    if request_id != REQUEST_ID:
        raise _wrong("it has another request's id", "BAD_REQUEST_ID")
    if len(status) != 3 or not status.isdigit():
        raise _wrong("the status code is not three digits", "INVALID_STATUS_CODE")
    properties: dict[bytes, bytes] = {}
    try:
        for name, value in parse_metadata(metadata):
            properties.setdefault(name, value)
    except ProtocolError:
        raise _wrong("its metadata is cut short", "INVALID_METADATA") from None
    return ZapReply(int(status), _text(text), _text(user_id), properties)


def _wrong(what: str, code: str) -> ProtocolError:
    return ProtocolError(
        f"the ZAP handler's reply is malformed: {what}", ProtocolErrorCode[f"ZAP_{code}"]
    )


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
