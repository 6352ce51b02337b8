"""A naive peer older than ZMTP 3, on a blocking socket: ZMTP 1.0 (RFC 13) and 2.0 (RFC 15)."""

from __future__ import annotations

import struct

import pytest

from tests.oracle import zmtp_old
from tests.oracle.zmtp import Frame
from tests.raw_zmtp import RawPeer

UNVERSIONED, REVISION_0, REVISION_1 = "unversioned", "revision 0", "revision 1"
OLD = (UNVERSIONED, REVISION_0, REVISION_1)
"""libzmq 2; nobody known; libzmq 3.2."""

KINDS = (
    *("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH"),
    *("XPUB", "XSUB"),
)
"""By their numbers, as libzmq sends them."""

PARTNER = {
    "PAIR": "PAIR",
    "PUB": "SUB",
    "SUB": "PUB",
    "REQ": "REP",
    "REP": "REQ",
    "DEALER": "ROUTER",
    "ROUTER": "DEALER",
    "PULL": "PUSH",
    "PUSH": "PULL",
    "XPUB": "XSUB",
    "XSUB": "XPUB",
}
"""Of each of them, one that it can talk to."""


both_ends = pytest.mark.parametrize("end", ["bind", "connect"], indirect=True)
"""The socket binds and the peer connects, then the other way round."""


def signature(identity: bytes = b"") -> bytes:
    """The first ten octets of whoever speaks more than 1.0, as libzmq fills them."""
    return b"\xff" + struct.pack(">Q", len(identity) + 1) + b"\x7f"


class OldPeer:
    """One connection of that dialect. `kind`: its socket type."""

    def __init__(self, raw: RawPeer, dialect: str, kind: str, identity: bytes = b"") -> None:
        self.raw = raw
        self.dialect, self.kind, self.identity = dialect, kind, identity
        self.version = 2 if dialect == REVISION_1 else 1

    # -- what goes over the wire

    @property
    def hello(self) -> bytes:
        """Everything before our first message."""
        greeting = b""
        if self.dialect != UNVERSIONED:
            revision = int(self.dialect == REVISION_1)
            greeting = signature(self.identity) + bytes((revision, KINDS.index(self.kind)))
        return greeting + self.frame(self.identity)

    def answer(self, kind: str, identity: bytes = b"") -> bytes:
        """What libzmq, a socket of that type and identity, sends before its first message."""
        if self.dialect == UNVERSIONED:
            return signature(identity) + identity
        return signature(identity) + bytes((3, KINDS.index(kind))) + self.frame(identity)

    def frame(self, body: bytes, more: bool = False) -> bytes:
        return zmtp_old.encode_frame(self.version, Frame(body, more=more))

    def message(self, *parts: bytes) -> bytes:
        return zmtp_old.encode_message(self.version, parts)

    # -- and over this connection

    def shake(self, kind: str, identity: bytes = b"") -> OldPeer:
        """Say hello to a socket of that type and identity, and hear its answer."""
        self.raw.send(self.hello)
        expected = self.answer(kind, identity)
        assert self.raw.read(len(expected)) == expected
        return self

    def send(self, *parts: bytes) -> None:
        self.raw.send(self.message(*parts))

    def read_frame(self) -> tuple[bytes, bool]:
        if self.version == 2:
            flags, body = self.raw.read_frame()
            assert flags in (0, 1), "there are no commands"
            return body, bool(flags)
        size = self.raw.read(1)[0]
        if size == 255:
            size = struct.unpack(">Q", self.raw.read(8))[0]
            assert size >= 255
        flags = self.raw.read(1)[0]
        assert flags in (0, 1)
        return self.raw.read(size - 1), bool(flags)

    def read(self) -> list[bytes]:
        """The next message."""
        parts = []
        more = True
        while more:
            body, more = self.read_frame()
            parts.append(body)
        return parts
