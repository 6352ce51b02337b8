"""The ZMTP greeting: how two strangers find out which version they share (RFC 37, 15, 13).

    octet   0     1..8      9   10     11     12..31     32         33..63
           FF   padding    7F  major  minor  mechanism  as-server  filler

libzmq fills the padding with its routing id's length plus one, which makes the first ten octets a
valid ZMTP 1.0 frame header, and always sends as-server 0. We do the same. Of a peer's greeting
only the lowest bit of octet 9, the version and the mechanism count.
"""

from enum import Enum
from functools import lru_cache

SIGNATURE_SIZE = 10
REVISION_END = 11
GREETING_SIZE = 64

_MAJOR = 3
_MINOR = 1
_MECHANISM = slice(12, 32)
_MECHANISM_SIZE = 20


class Dialect(Enum):
    """What the first octets of a peer say about the greeting and framing it will use."""

    ZMTP_1_0 = "ZMTP 1.0, or no ZMTP at all"
    """No signature: an identity frame, then 1.0 frames."""
    ZMTP_1_0_TYPED = "ZMTP 1.0 with a socket type"
    """Signature, revision 0: a socket-type octet, then 1.0 frames."""
    ZMTP_2_0 = "ZMTP 2.0"
    """Signature, revision 1: a socket-type octet, then 2.0 frames."""
    ZMTP_3 = "ZMTP 3"
    """Signature, any other revision: the full greeting, then commands."""


@lru_cache(maxsize=16)  # a socket's are all the same
def build_greeting(mechanism: str, routing_id_size: int) -> bytes:
    """Our 64 octets; `mechanism` is at most 20 ASCII characters, `routing_id_size` in octets."""
    name = mechanism.encode("ascii")
    if len(name) > _MECHANISM_SIZE:
        raise ValueError(f"mechanism name {mechanism!r} is longer than {_MECHANISM_SIZE} octets")
    return b"".join(
        (
            b"\xff",
            (routing_id_size + 1).to_bytes(8, "big"),
            b"\x7f",
            bytes((_MAJOR, _MINOR)),
            name.ljust(_MECHANISM_SIZE, b"\0"),
            bytes(32),
        )
    )


def detect_signature(head: bytes | bytearray) -> bool | None:
    """Does the peer announce a version? None: more octets are needed to tell."""
    if head and head[0] != 0xFF:
        return False
    if len(head) < SIGNATURE_SIZE:
        return None
    return bool(head[9] & 1)


def detect_dialect(head: bytes | bytearray) -> Dialect | None:
    """The peer's dialect as far as its first octets tell. None: more octets are needed."""
    versioned = detect_signature(head)
    if versioned is None:
        return None
    if not versioned:
        return Dialect.ZMTP_1_0
    if len(head) < REVISION_END:
        return None
    # RFC 23 and 37 let revision 2 mean 2.0 too; libzmq answers it, and 4 and up, as 3.1.
    match head[10]:
        case 0:
            return Dialect.ZMTP_1_0_TYPED
        case 1:
            return Dialect.ZMTP_2_0
        case _:
            return Dialect.ZMTP_3


def parse_minor(greeting: bytes | bytearray) -> int:
    """The ZMTP 3 minor version both sides share: 0 for a 3.0 peer, else 1."""
    return 0 if greeting[10:12] == b"\x03\x00" else _MINOR


def parse_mechanism(greeting: bytes | bytearray) -> str:
    """The peer's mechanism without its padding. Junk behind the name stays part of the name."""
    return greeting[_MECHANISM].rstrip(b"\0").decode("latin-1")
