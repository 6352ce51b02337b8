"""Z85 (RFC 32): 4 octets as 5 printable characters. The text form of CURVE keys."""

from __future__ import annotations

from ._core import handles_z85 as _z85

Z85CHARS = _z85.DIGITS
"""The digits of base 85, from 0 to 84."""

Z85MAP = {character: value for value, character in enumerate(Z85CHARS)}
"""The value of each digit."""


def encode(rawbytes: bytes | bytearray | memoryview) -> bytes:
    """Octets as Z85. ValueError unless their number is a multiple of 4."""
    return _z85.encode(bytes(rawbytes))


def decode(z85bytes: str | bytes | bytearray | memoryview) -> bytes:
    """What `encode` encoded. ValueError for what it cannot have made."""
    try:
        text = z85bytes.encode("ascii") if isinstance(z85bytes, str) else bytes(z85bytes)
    except UnicodeEncodeError:
        raise ValueError("string argument should contain only ASCII characters") from None
    return _z85.decode(text)
