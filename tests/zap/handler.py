"""A ZAP handler that the test answers for."""

from __future__ import annotations

from tests.helpers import Sock

ENDPOINT = "inproc://zeromq.zap.01"
DOMAIN = b"test.domain"


class Handler:
    """A bound REP or ROUTER."""

    def __init__(self, sock: Sock) -> None:
        self.sock = sock
        self.sock.bind(ENDPOINT)
        self._return: list[bytes] = []

    def next(self) -> list[bytes]:
        """The next request, from its version on."""
        frames: list[bytes] = self.sock.recv_multipart()
        start = frames.index(b"1.0")
        self._return = frames[:start]
        assert self._return in ([], [*self._return[:-1], b""])
        return frames[start:]

    def send(self, *frames: bytes) -> None:
        """Answer the last request with these frames."""
        self.sock.send_multipart([*self._return, *frames])

    def answer(
        self, status: bytes = b"200", user: bytes = b"somebody", metadata: bytes = b""
    ) -> None:
        self.send(b"1.0", b"1", status, b"because", user, metadata)
