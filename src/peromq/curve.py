"""Keys for the CURVE mechanism. PyNaCl makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .constants import Errno
from .error import ZMQError
from .z85 import decode, encode

if TYPE_CHECKING:
    from types import ModuleType

KEY_LENGTH = 40
"""Of a key in Z85."""


def curve_keypair() -> tuple[bytes, bytes]:
    """A new (public, secret) pair, each 40 octets of Z85. ZMQError (ENOTSUP) without PyNaCl."""
    public, secret = _bindings().crypto_box_keypair()
    return encode(public), encode(secret)


def curve_public(secret_key: bytes | str) -> bytes:
    """The public key of a secret one, both in Z85.

    ValueError unless 40 characters of Z85, ZMQError (ENOTSUP) without PyNaCl.
    """
    if isinstance(secret_key, str):
        secret_key = secret_key.encode()
    if len(secret_key) != KEY_LENGTH:
        raise ValueError("secret key must be a 40 byte z85 encoded string")
    secret = decode(secret_key)
    return encode(_bindings().crypto_scalarmult_base(secret))


def _bindings() -> ModuleType:
    """libsodium. Imported when a key is wanted: it costs more than all of ours."""
    try:
        import nacl.bindings as bindings
    except ImportError:
        raise ZMQError(
            Errno.ENOTSUP, "Not supported (CURVE keys need PyNaCl: pip install pynacl)"
        ) from None
    return bindings
