"""Z85 (RFC 32): 4 octets as 5 printable characters. The text form of CURVE keys."""

from __future__ import annotations

import struct

Z85CHARS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
"""The digits of base 85, from 0 to 84."""

Z85MAP = {character: value for value, character in enumerate(Z85CHARS)}
"""The value of each digit."""

_NO_DIGIT = 255
_DIGITS = bytes(Z85MAP.get(octet, _NO_DIGIT) for octet in range(256))


def encode(rawbytes: bytes | bytearray | memoryview) -> bytes:
    """Octets as Z85. ValueError unless their number is a multiple of 4."""
    raw = bytes(rawbytes)
    if len(raw) % 4:
        raise ValueError(f"length must be multiple of 4, not {len(raw)}")
    text = bytearray()
    for start in range(0, len(raw), 4):
        value = int.from_bytes(raw[start : start + 4], "big")
        digits = bytearray(5)
        for place in reversed(range(5)):
            value, digit = divmod(value, 85)
            digits[place] = Z85CHARS[digit]
        text += digits
    return bytes(text)


def decode(z85bytes: str | bytes | bytearray | memoryview) -> bytes:
    """What `encode` encoded. ValueError for what it cannot have made."""
    try:
        text = z85bytes.encode("ascii") if isinstance(z85bytes, str) else bytes(z85bytes)
    except UnicodeEncodeError:
        raise ValueError("string argument should contain only ASCII characters") from None
    if len(text) % 5:
        raise ValueError(f"Z85 length must be multiple of 5, not {len(text)}")
    digits = text.translate(_DIGITS)
    if digits and max(digits) == _NO_DIGIT:  # not shown: the text may be a secret key
        raise ValueError(f"not a Z85 character at position {digits.index(_NO_DIGIT)}")
    fives = zip(*[iter(digits)] * 5, strict=True)
    values = [(((a * 85 + b) * 85 + c) * 85 + d) * 85 + e for a, b, c, d, e in fives]
    if values and max(values) > 0xFFFFFFFF:
        start = 5 * next(i for i, value in enumerate(values) if value > 0xFFFFFFFF)
        raise ValueError(f"not Z85, as it stands for no 4 octets at position {start}")
    return struct.pack(f">{len(values)}I", *values)
