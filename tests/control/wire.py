"""The other end of a connection, octet by octet."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.control.fakes import TIMEOUT
from tests.raw_zmtp import RawPeer


@contextlib.contextmanager
def raw(peer: RawPeer) -> Iterator[RawPeer]:
    """Closed at the end."""
    with contextlib.closing(peer):
        yield peer


class Server:
    """A listening socket, on an ephemeral port by default; closed at the end of a `with`."""

    def __init__(self, port: int = 0) -> None:
        self.sock = socket.create_server(("127.0.0.1", port))
        self.sock.settimeout(TIMEOUT)
        self.port: int = self.sock.getsockname()[1]
        self.endpoint = f"tcp://127.0.0.1:{self.port}"

    def accept(self) -> contextlib.AbstractContextManager[RawPeer]:
        """The next connection; accepted now, not on entering the `with`."""
        return raw(RawPeer(self.sock.accept()[0]))

    def drop(self) -> None:
        """Accept the next connection and close it."""
        with self.accept():
            pass

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()


def dial(endpoint: str) -> contextlib.AbstractContextManager[RawPeer]:
    """Connected now, closed at the end of the `with`."""
    return raw(RawPeer.connect(endpoint))


@contextlib.contextmanager
def refused() -> Iterator[tuple[int, str]]:
    """A port where connects are refused and nobody else can listen, and its endpoint."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port, f"tcp://127.0.0.1:{port}"
