"""A SOCKS5 proxy for tests: it keeps what clients said, and relays to where they ask for."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

OK = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"
WAIT = 10.0  # seconds


class SocksProxy:
    """Each connection is served by a thread of its own.

    login: (user, password) to insist on. reply: what to answer a CONNECT with, if not OK. silent:
    take connections and say nothing. nowhere: say yes to everything, and connect to nothing.
    names: what host names stand for here.
    """

    def __init__(
        self,
        login: tuple[bytes, bytes] | None = None,
        reply: bytes = OK,
        silent: bool = False,
        nowhere: bool = False,
        names: dict[bytes, str] | None = None,
        family: int = socket.AF_INET,
    ) -> None:
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._listener = socket.create_server((host, 0), family=family)
        self._listener.settimeout(0.05)
        port = self._listener.getsockname()[1]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.said: queue.Queue[list[bytes]] = queue.Queue()
        self.reply = reply
        self._login = login
        self._silent = silent
        self._nowhere = nowhere
        self._names = names or {}
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> SocksProxy:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(WAIT)
        self._listener.close()

    def next_said(self) -> list[bytes]:
        """What the next client said: greeting, login if any, request."""
        return self.said.get(timeout=WAIT)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            client.settimeout(WAIT)
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._silent:
                self._stopping.wait(WAIT)
                return
            said: list[bytes] = []
            try:
                address = self._converse(client, said)
            finally:
                self.said.put(said)
            if address is not None:
                self._relay(client, address)

    def _converse(self, client: socket.socket, said: list[bytes]) -> tuple[str, int] | None:
        head = read(client, 2)
        said.append(head + read(client, head[1]))
        if self._login is not None:
            if b"\x02" not in said[0][2:]:
                client.sendall(b"\x05\xff")
                return None
            client.sendall(b"\x05\x02")
            head = read(client, 2)
            user = read(client, head[1])
            size = read(client, 1)
            password = read(client, size[0])
            said.append(head + user + size + password)
            if (user, password) != self._login:
                client.sendall(b"\x01\x01")
                return None
            client.sendall(b"\x01\x00")
        else:
            client.sendall(b"\x05\x00")
        head = read(client, 5)
        sizes = {1: 4, 3: 1 + head[4], 4: 16}
        rest = read(client, sizes[head[3]] - 1 + 2)
        said.append(head + rest)
        host, port = (head[4:] + rest)[:-2], int.from_bytes(rest[-2:], "big")
        if self.reply[1]:
            client.sendall(self.reply)
            return None
        if self._nowhere:
            client.sendall(self.reply)
            client.recv(1)
            return None
        if head[3] == 3:
            return self._names[host[1:]], port
        return socket.inet_ntop(socket.AF_INET if head[3] == 1 else socket.AF_INET6, host), port

    def _relay(self, client: socket.socket, address: tuple[str, int]) -> None:
        with socket.create_connection(address, WAIT) as server:
            # The peer's first octets may come in one segment with our answer.
            first = server.recv(65536) if select.select([server], [], [], 0.05)[0] else b""
            client.sendall(self.reply + first)
            ends = {client: server, server: client}
            while not self._stopping.is_set():
                for end in select.select(list(ends), [], [], 0.05)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


def read(sock: socket.socket, size: int) -> bytes:
    """Exactly so many octets; OSError if the peer goes before."""
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the peer has gone")
        data += more
    return data


@contextlib.contextmanager
def answering(*answers: bytes) -> Iterator[Any]:
    """A proxy that says these octets to each client, whatever that says, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        stopping = threading.Event()

        def serve() -> None:
            while not stopping.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                with client, contextlib.suppress(OSError):
                    client.settimeout(WAIT)
                    for answer in answers:
                        client.recv(4096)
                        client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        stopping.set()
        thread.join(WAIT)
