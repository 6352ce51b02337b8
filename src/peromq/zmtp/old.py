"""Peers older than ZMTP 3: 1.0 (RFC 13) and 2.0 (RFC 15), met as libzmq 4 meets them.

    unversioned   no signature: its identity frame, then 1.0 frames. The ten octets that we have
                  sent are the header of our identity frame, so its body comes next
    revision 0    signature, 00, socket type; then as 1.0, identity frames first
    revision 1    signature, 01, socket type; then as 2.0, identity frames first

We announce revision 3 to all of them. Nothing here can be secured: with a mechanism other than
NULL, or with somebody to ask about strangers (ZAP), such a peer is refused, or an attacker would
only have to claim that he is old.
"""

from dataclasses import dataclass

from .errors import ProtocolError
from .framing import encode_frame, take_frame
from .greeting import Dialect

GREETING_END = 12
"""Octets of the greeting of a peer that tells its revision and socket type."""

SOCKET_TYPES = (
    *("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH"),
    *("XPUB", "XSUB"),
)
"""By their numbers. RFC 15 has XPUB and XSUB call themselves 1 and 2; libzmq sends 9 and 10, and
nobody looks at it."""

_LONG = 0xFF
_SHORT_HEADER = 2
_LONG_HEADER = 10


@dataclass(frozen=True, slots=True)
class OldLink:
    """How traffic goes on with an old peer."""

    version: int
    """Of its frames: 1 or 2."""
    identity_limit: int
    """Its identity is still to come as its first frame, of at most so many octets. -1: it has
    been read."""
    subscribed: bool
    """It may not be able to say what it subscribes to, and is to get everything."""


def framing_of(dialect: Dialect) -> int:
    """The version of an old dialect's frames."""
    return 2 if dialect is Dialect.ZMTP_2_0 else 1


def require_harmless(socket_type: str, secured: bool, dialect: Dialect) -> None:
    """Raises ProtocolError for an old peer of a socket that must not, or cannot, have one."""
    if secured:
        raise ProtocolError(
            f"peer does not speak ZMTP 3, without which there is no security: {dialect.value}"
        )
    if socket_type not in SOCKET_TYPES:
        raise ProtocolError(f"peer does not speak ZMTP 3, as {socket_type} does: {dialect.value}")


def is_unversioned_header(head: bytes | bytearray) -> bool | None:
    """Do these octets, of a peer without signature, begin an identity frame? None: too few.

    RFC 13: the reserved bits of flags are zero, and an identity has one frame. Holding strangers
    to that keeps out HTTP, TLS and most of what else may come: 1.0 begins with nothing better.
    """
    if head[:1] == b"\0":
        return False  # flags count
    size = _LONG_HEADER if head[:1] == b"\xff" else _SHORT_HEADER
    if len(head) < size:
        return None
    length = head[0] if size == _SHORT_HEADER else int.from_bytes(head[1:9], "big")
    return length > 0 and head[size - 1] == 0


def encode_identity(version: int, routing_id: bytes) -> bytes:
    """Our first frame."""
    if version == 2:
        return encode_frame(0, routing_id)
    size = len(routing_id) + 1
    if size < _LONG:
        return bytes((size, 0)) + routing_id
    return bytes((_LONG,)) + size.to_bytes(8, "big") + b"\0" + routing_id


def take_identity(buffer: bytearray, version: int, limit: int) -> bytes | None:
    """Remove the peer's first frame from `buffer`: its identity. None while it is incomplete.

    Raises ProtocolError as soon as the header announces more than `limit` octets.
    """
    if version == 2:
        return take_frame(buffer, limit)
    if not buffer:
        return None
    long = buffer[0] == _LONG
    start = _LONG_HEADER if long else _SHORT_HEADER
    length = int.from_bytes(buffer[1:9], "big") if long else buffer[0]
    if length == 0 and (not long or len(buffer) >= start):
        raise ProtocolError("identity frame without flags")
    if len(buffer) < start:
        return None
    if length - 1 > limit:
        raise ProtocolError(f"identity of {length - 1} octets, at most {limit} are allowed")
    end = start + length - 1
    if len(buffer) < end:
        return None
    identity = bytes(buffer[start:end])
    del buffer[:end]
    return identity
