"""A naive ZMTP 3 peer on a blocking socket: each test writes the octets it wants to see sent."""

from __future__ import annotations

import select
import socket
import struct

from tests.helpers import TIMEOUT, tcp_address

MORE, LONG, COMMAND = 1, 2, 4
CURVE_HELLO_SIZE = 2 + 200
"""Octets of the frame, which goes with a client's greeting."""


def greeting(minor: int = 1, mechanism: bytes = b"NULL", major: int = 3) -> bytes:
    head = b"\xff" + bytes(8) + b"\x7f" + bytes([major, minor])
    return head + mechanism.ljust(20, b"\0") + bytes(32)


def frame(body: bytes, flags: int = 0) -> bytes:
    if len(body) > 255:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return struct.pack(">BB", flags, len(body)) + body


def message(*parts: bytes) -> bytes:
    return b"".join(frame(part, MORE) for part in parts[:-1]) + frame(parts[-1])


def command(name: bytes, data: bytes = b"") -> bytes:
    return frame(bytes([len(name)]) + name + data, COMMAND)


def prop(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def ready(socket_type: bytes, identity: bytes | None = None) -> bytes:
    properties = prop(b"Socket-Type", socket_type)
    if identity is not None:
        properties += prop(b"Identity", identity)
    return command(b"READY", properties)


class RawPeer:
    """One connection. Every read ends after TIMEOUT at the latest."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(TIMEOUT)
        self.minor = 1

    @classmethod
    def connect(cls, endpoint: str) -> RawPeer:
        if endpoint.startswith("ipc://"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(endpoint.removeprefix("ipc://"))
            return cls(sock)
        return cls(socket.create_connection(tcp_address(endpoint), TIMEOUT))

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with RST, so that the other side sees an error and not an end of file."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            got = self.sock.recv(count - len(data))
            if not got:
                raise EOFError(f"closed after {len(data)} of {count} octets")
            data += got
        return bytes(data)

    def has_input(self, seconds: float = 0.0) -> bool:
        """Something to read is there, or comes within so long."""
        return bool(select.select([self.sock], [], [], seconds)[0])

    def handshake(self, socket_type: bytes, identity: bytes | None = None, minor: int = 1) -> bytes:
        """Greeting and READY by the book (NULL); returns the body of the peer's READY."""
        self.minor = minor
        self.send(greeting(minor))
        self.read(64)
        self.send(ready(socket_type, identity))
        flags, body = self.read_frame()
        assert flags & COMMAND
        assert body.startswith(b"\x05READY")
        return body

    def read_frame(self) -> tuple[int, bytes]:
        """(flags without LONG, body)"""
        flags, size = self.read(2)
        if flags & LONG:
            size = struct.unpack(">Q", bytes([size]) + self.read(7))[0]
        return flags & ~LONG, self.read(size)

    def read_message(self) -> list[bytes]:
        """The next message; commands before or in it are skipped, PING is answered."""
        parts = []
        while True:
            flags, body = self.read_frame()
            if flags & COMMAND:
                if body.startswith(b"\x04PING"):
                    self.send(command(b"PONG", body[7:]))
                continue
            parts.append(body)
            if not flags & MORE:
                return parts

    def read_command(self) -> tuple[bytes, bytes]:
        """The next frame, which must be a command: (name, data)."""
        flags, body = self.read_frame()
        assert flags & COMMAND, (flags, body[:40])
        return body[1 : 1 + body[0]], body[1 + body[0] :]

    def ping(self, context: bytes = b"", ttl: int = 0) -> None:
        self.send(command(b"PING", struct.pack(">H", ttl) + context))

    def settle(self) -> None:
        """Until the other side's socket itself, not only its handshake, has this connection."""
        self.ping(b"settle")
        while self.read_command() != (b"PONG", b"settle"):
            pass

    def subscribe(self, topic: bytes) -> None:
        if self.minor:
            self.send(command(b"SUBSCRIBE", topic))
        else:
            self.send(frame(b"\x01" + topic))

    def cancel(self, topic: bytes) -> None:
        self.send(command(b"CANCEL", topic) if self.minor else frame(b"\0" + topic))

    def expect_closed(self, seconds: float = TIMEOUT) -> bytes:
        """Read until the other side closes; what came before."""
        self.sock.settimeout(seconds)
        data = bytearray()
        try:
            while got := self.sock.recv(65536):
                data += got
        except ConnectionError:
            pass
        return bytes(data)


class RawListener:
    """Accepts connections to speak ZMTP on by hand."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(TIMEOUT)
        self.endpoint = f"tcp://127.0.0.1:{self.sock.getsockname()[1]}"
        self.accepted: list[RawPeer] = []

    def accept(self, seconds: float = TIMEOUT) -> RawPeer:
        self.sock.settimeout(seconds)
        self.accepted.append(RawPeer(self.sock.accept()[0]))
        return self.accepted[-1]

    def close(self) -> None:
        for peer in self.accepted:
            peer.close()
        self.sock.close()
