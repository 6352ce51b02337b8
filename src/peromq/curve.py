"""Keys for the CURVE mechanism, which is not there yet."""

from .constants import Errno
from .error import ZMQError

KEY_LENGTH = 40
"""Of a key in Z85."""


def curve_keypair() -> tuple[bytes, bytes]:
    """A new (public, secret) pair, each 40 octets of Z85. ZMQError (ENOTSUP) without CURVE."""
    raise ZMQError(Errno.ENOTSUP)


def curve_public(secret_key: bytes | str) -> bytes:
    """The public key of a secret one. ValueError unless 40 long; ENOTSUP without CURVE."""
    if isinstance(secret_key, str):
        secret_key = secret_key.encode()
    if len(secret_key) != KEY_LENGTH:
        raise ValueError("secret key must be a 40 byte z85 encoded string")
    raise ZMQError(Errno.ENOTSUP)
