"""The boxes of CURVE (RFC 26) on libsodium: X25519, XSalsa20 and Poly1305, the MAC in front.

Keys are 32 octets each. A box that does not open is the peer's fault: ProtocolError. Comparisons
take the same time whatever is compared.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ProtocolError, ProtocolErrorCode

if TYPE_CHECKING:
    from types import ModuleType

NAME = "CURVE"
KEY_SIZE = 32
LONG_NONCE_SIZE = 16
COOKIE_SIZE = 96
HELLO_SIZE = 200
WELCOME_SIZE = 168
INITIATE_SIZE = 257  # with no metadata
READY_SIZE = 30
ZEROS = bytes(64)  # what HELLO proves knowledge of the keys with
VERSION = b"\x01\x00"

HELLO_NONCE = b"CurveZMQHELLO---"
WELCOME_NONCE = b"WELCOME-"
COOKIE_NONCE = b"COOKIE--"
INITIATE_NONCE = b"CurveZMQINITIATE"
VOUCH_NONCE = b"VOUCH---"
READY_NONCE = b"CurveZMQREADY---"
CLIENT_MESSAGE_NONCE = b"CurveZMQMESSAGEC"
SERVER_MESSAGE_NONCE = b"CurveZMQMESSAGES"


class CurveTraffic(NamedTuple):
    """What the data plane needs for MESSAGE commands. The nonces were used last; the next are
    greater."""

    key: bytes
    send_prefix: bytes
    recv_prefix: bytes
    send_nonce: int
    recv_nonce: int

    def __repr__(self) -> str:
        return f"CurveTraffic({self.send_prefix!r}, {self.send_nonce}, {self.recv_nonce})"


def short_nonce(prefix: bytes, counter: int | bytes) -> bytes:
    """The 24 octets of a nonce that counts; `counter` may be given as it was on the wire."""
    return prefix + (counter.to_bytes(8, "big") if isinstance(counter, int) else counter)


def public_key(secret: bytes) -> bytes:
    """The public key of a secret one."""
    key: bytes = sodium().crypto_scalarmult_base(secret)
    return key


def shared_key(public: bytes, secret: bytes) -> bytes:
    """The key of all boxes between two parties. ProtocolError for a public key that yields none."""
    try:
        key: bytes = sodium().crypto_box_beforenm(public, secret)
    except _crypto_error():
        raise _broken("a public key that is none") from None
    return key


def seal(plain: bytes, nonce: bytes, key: bytes) -> bytes:
    """A box of 16 octets more than `plain`."""
    box: bytes = sodium().crypto_box_afternm(plain, nonce, key)
    return box


def unseal(box: bytes, nonce: bytes, key: bytes, what: str) -> bytes:
    """What is in the box."""
    try:
        plain: bytes = sodium().crypto_box_open_afternm(box, nonce, key)
    except _crypto_error():
        raise _broken(f"{what} that does not open") from None
    return plain


def seal_cookie(plain: bytes, nonce: bytes, key: bytes) -> bytes:
    """A box that only we can open: nonce and contents."""
    box: bytes = sodium().crypto_secretbox(plain, COOKIE_NONCE + nonce, key)
    return nonce + box


def unseal_cookie(cookie: bytes, key: bytes) -> bytes:
    """The contents of a cookie of ours."""
    nonce, box = cookie[:LONG_NONCE_SIZE], cookie[LONG_NONCE_SIZE:]
    try:
        plain: bytes = sodium().crypto_secretbox_open(box, COOKIE_NONCE + nonce, key)
    except _crypto_error():
        raise _broken("a cookie that is not ours") from None
    return plain


def same(left: bytes, right: bytes) -> bool:
    """Equal? Both are of one length."""
    return bool(sodium().sodium_memcmp(left, right))


@functools.cache
def sodium() -> ModuleType:
    """libsodium, imported when it is wanted. ImportError without PyNaCl."""
    import nacl.bindings as bindings

    return bindings


@functools.cache
def _crypto_error() -> type[Exception]:
    """What libsodium's failures are raised as."""
    from nacl.exceptions import CryptoError

    return CryptoError


def _broken(what: str) -> ProtocolError:
    return ProtocolError(f"peer sent {what}", ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC)
