"""Z85 of octets; see `peromq.z85`."""

DIGITS: bytes
"""The digits of base 85, from 0 to 84."""

def encode(octets: bytes) -> bytes:
    """ValueError unless their number is a multiple of 4."""

def decode(text: bytes) -> bytes:
    """ValueError for what `encode` cannot have made. No digit is in its text."""
