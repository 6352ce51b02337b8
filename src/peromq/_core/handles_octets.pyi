"""Octets to and from a non-blocking connection, with the GIL held."""

def receive(descriptor: int) -> bytes:
    """What there is, 8 KiB at the most; b"" at the end.

    BlockingIOError if there is nothing yet, OSError.
    """

def send(descriptor: int, octets: bytes) -> int:
    """How many of them the kernel took. BlockingIOError if it takes none now, OSError."""
