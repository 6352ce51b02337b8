"""Deprecated: str and bytes by the names they had while Python 2 was about."""

from __future__ import annotations

import builtins
from warnings import warn

bytes = builtins.bytes
unicode = str
basestring = (str,)

_TEXT = "peromq.utils.strtypes is deprecated, as it is in pyzmq: use str.encode and bytes.decode"


def cast_bytes(
    s: str | builtins.bytes, encoding: str = "utf8", errors: str = "strict"
) -> builtins.bytes:
    """Text encoded; bytes as they are. TypeError for anything else."""
    warn(_TEXT, DeprecationWarning, stacklevel=2)
    if isinstance(s, builtins.bytes):
        return s
    if isinstance(s, str):
        return s.encode(encoding, errors)
    raise TypeError(f"Expected unicode or bytes, got {s!r}")


def cast_unicode(s: str | builtins.bytes, encoding: str = "utf8", errors: str = "strict") -> str:
    """Bytes decoded; text as it is. TypeError for anything else."""
    warn(_TEXT, DeprecationWarning, stacklevel=2)
    if isinstance(s, builtins.bytes):
        return s.decode(encoding, errors)
    if isinstance(s, str):
        return s
    raise TypeError(f"Expected unicode or bytes, got {s!r}")


b = asbytes = cast_bytes
u = cast_unicode

__all__ = [
    "asbytes",
    "b",
    "basestring",
    "bytes",
    "cast_bytes",
    "cast_unicode",
    "u",
    "unicode",
]
