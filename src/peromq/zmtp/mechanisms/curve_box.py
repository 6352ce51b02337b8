"""The boxes of CURVE (RFC 26) on libsodium: X25519, XSalsa20 and Poly1305, the MAC in front.

Keys are 32 octets each. A box that does not open is the peer's fault: ProtocolError. The cookie is
a box as well: a key that is random makes crypto_secretbox of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import ProtocolError, ProtocolErrorCode

if TYPE_CHECKING:
    from types import ModuleType

NAME = "CURVE"
KEY_SIZE = 32
LONG_NONCE_SIZE = 16
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


class Sodium(Protocol):
    """What is needed of libsodium. ValueError for a key that yields none, a box that does not open.

    Keys have 32 octets, nonces 24; the MAC stands in front of a box's contents.
    """

    def public_key(self, secret: bytes, /) -> bytes:
        """The public key of a secret one."""

    def shared_keys(self, public: bytes, /, *secrets: bytes) -> list[bytes]:
        """The keys of all boxes between `public` and each of the secret ones."""

    def seal(self, plain: bytes, nonce: bytes, key: bytes, /) -> bytes:
        """A box of 16 octets more than `plain`."""

    def unseal(self, box: bytes, nonce: bytes, key: bytes, /) -> bytes:
        """What is in the box."""

    def wipe(self, *secrets: bytes) -> None:
        """Nobody needs these octets any more, and nobody else has them."""


class PyNaCl:
    """libsodium by PyNaCl's own functions. ImportError without it, at the first call."""

    def public_key(self, secret: bytes, /) -> bytes:
        key: bytes = _bindings().crypto_scalarmult_base(secret)
        return key

    def shared_keys(self, public: bytes, /, *secrets: bytes) -> list[bytes]:
        with _value_errors():
            return [_bindings().crypto_box_beforenm(public, secret) for secret in secrets]

    def seal(self, plain: bytes, nonce: bytes, key: bytes, /) -> bytes:
        box: bytes = _bindings().crypto_box_afternm(plain, nonce, key)
        return box

    def unseal(self, box: bytes, nonce: bytes, key: bytes, /) -> bytes:
        with _value_errors():
            plain: bytes = _bindings().crypto_box_open_afternm(box, nonce, key)
        return plain

    def wipe(self, *secrets: bytes) -> None:
        """Python cannot."""


PYNACL: Sodium = PyNaCl()


def shared_keys(sodium: Sodium, public: bytes, *secrets: bytes) -> list[bytes]:
    """ProtocolError for a public key that yields none."""
    try:
        return sodium.shared_keys(public, *secrets)
    except ValueError:
        raise _broken("a public key that is none") from None


def unseal(sodium: Sodium, box: bytes, nonce: bytes, key: bytes, what: str) -> bytes:
    """What is in the box, which came from the peer. ProtocolError if it does not open."""
    try:
        return sodium.unseal(box, nonce, key)
    except ValueError:
        raise _broken(f"{what} that does not open") from None


@contextlib.contextmanager
def _value_errors() -> Iterator[None]:
    """PyNaCl's CryptoError as ValueError."""
    from nacl.exceptions import CryptoError

    try:
        yield
    except CryptoError as error:
        raise ValueError(str(error)) from None


def _bindings() -> ModuleType:
    import nacl.bindings  # when it is wanted: it costs more than all of ours

    return nacl.bindings


def _broken(what: str) -> ProtocolError:
    return ProtocolError(f"peer sent {what}", ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC)
