"""libsodium's boxes: X25519, XSalsa20 and Poly1305. Keys have 32 octets, nonces 24.

ImportError without PyNaCl, which brings libsodium along; ValueError for octets of another number.
"""

def public_key(secret: bytes) -> bytes: ...
def shared_keys(public: bytes, *secrets: bytes) -> list[bytes]: ...
def random(size: int) -> bytes:
    """From the system, by libsodium; with the GIL held, which os.urandom lets go of."""

def seal(plain: bytes, nonce: bytes, key: bytes) -> bytes: ...
def unseal(box: bytes, nonce: bytes, key: bytes) -> bytes: ...
def wipe(*secrets: bytes) -> None:
    """Make zeros of them, in place: for octets made for one purpose, that nobody else has.

    What is shorter than a key is left alone: Python may share it.
    """
