"""What the tests of reader.pyx and writer.pyx share: a window with a far end, and the oracle."""

import select
import socket
from typing import Any

from peromq._core._window_wire import WireWindow
from peromq._core.handles_codec import Codec
from tests.oracle import zmtp

Seen = tuple[bytes, bool, bool]  # body, more, command

PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB = range(11)
PROTOCOL_ERROR = 0x10000000
PIECE = 32768  # octets that a socketpair surely takes
UNLIMITED = 2**63 - 1


class Wire:
    """A WireWindow and the far end of its connection."""

    def __init__(
        self,
        socket_type: int = PULL,
        *,
        leftover: bytes = b"",
        codec: Codec | None = None,
        **options: Any,
    ) -> None:
        self.window = WireWindow(socket_type, **options)
        self.peer: socket.socket
        self.fd = -1
        self.connect(leftover, codec=codec)

    def connect(self, leftover: bytes = b"", buffer: int = 0, codec: Codec | None = None) -> None:
        """A new connection; `buffer`: of about so many octets in the kernel."""
        near, self.peer = socket.socketpair()
        for end in (near, self.peer):
            end.setblocking(False)
            if buffer:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.fd = near.detach()
        self.window.attach(self.fd, leftover, codec)

    def cut(self) -> None:
        """The connection ends; the window stays."""
        self.window.teardown()
        self.peer.close()

    def close(self) -> None:
        self.peer.close()
        del self.window

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def readable(self) -> bool:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    def feed(self, data: bytes) -> None:
        """The peer sends, we read: until all is read, or some must be received first."""
        for start in range(0, len(data), PIECE):
            self.peer.sendall(data[start : start + PIECE])
            self.read()
            if self.readable():  # paused or failed: there is no use in sending more
                return

    def read(self) -> None:
        while self.readable() and not self.window.paused and self.window.failed is None:
            self.window.read()

    def drain(self) -> bytes:
        """What the peer can read now."""
        found = []
        while True:
            try:
                piece = self.peer.recv(65536)
            except BlockingIOError:
                piece = b""
            if not piece:
                return b"".join(found)
            found.append(piece)


def read_with(
    codec: Codec, pieces: list[bytes], *, socket_type: int = PULL, **options: Any
) -> tuple[list[Seen], int | None, bytes]:
    """What the application sees, why the connection failed, and what the peer was told."""
    with Wire(socket_type, codec=codec, **options) as wire:
        for piece in pieces:
            wire.feed(piece)
            if wire.window.failed is not None:
                break
        seen, failed = wire.window.receive(), wire.window.failed
        wire.window.write()
        if failed is not None:
            wire.window.teardown()
        return seen, failed, wire.drain()


def expected(
    stream: bytes, *, limit: int = UNLIMITED, subscriptions: bool = False
) -> tuple[list[Seen], bool]:
    """The frames a receiver shows for a stream, and whether it refuses the stream.

    Whole messages only; no commands but subscriptions, those between messages.
    """
    frames, rest = zmtp.decode(stream, limit=2**64)
    good = []
    for frame in frames:
        if len(frame.body) > limit:
            return whole(good, subscriptions), True
        good.append(frame)
    header = 9 if rest and rest[0] & 2 else 2
    size = int.from_bytes(rest[1:header], "big") if len(rest) >= header else 0
    return whole(good, subscriptions), size > limit


def whole(frames: list[zmtp.Frame], subscriptions: bool) -> list[Seen]:
    shown: list[Seen] = []
    message: list[Seen] = []
    for frame in frames:
        if not frame.command:
            message.append((frame.body, frame.more, False))
            if not frame.more:
                shown += message
                message = []
        elif subscriptions and not message and is_subscription(frame.body):
            shown.append((frame.body, False, True))
    return shown


def is_subscription(body: bytes) -> bool:
    return body.startswith((b"\x09SUBSCRIBE", b"\x06CANCEL"))


def pattern(number: int, size: int) -> bytes:
    """A body that tells which it is, and where one is cut."""
    unit = b"%d," % number
    return (unit * (size // len(unit) + 1))[:size]
