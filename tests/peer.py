"""A second process with sockets of its own, told by the test what to do.

The parent calls `Peer.call("recv", …)`; this file, run as a script, is the other end.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import operator
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import repeat
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_MS = 10_000


class Peer:
    """Handle of one such process. `start()` and `result()` let it work while the test goes on."""

    def __init__(self, lib: str | None = None) -> None:
        self.pipe, theirs = Pipe()
        lib = lib or os.environ.get("PEROMQ_TEST_AGAINST", "peromq")
        command = [sys.executable, __file__, lib, str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT)
        theirs.close()

    def start(self, name: str, *args: Any, **options: Any) -> None:
        self.pipe.send((name, args, options))

    def result(self, seconds: float = 20.0) -> Any:
        assert self.pipe.poll(seconds), f"the peer process does not answer within {seconds} s"
        kind, value = self.pipe.recv()
        assert kind == "ok", f"the peer process failed: {value}"
        return value

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        self.start(name, *args, **options)
        return self.result()

    def socket(self, kind: str, **options: Any) -> str:
        """Make the peer's socket; returns the endpoint it is bound to, if it is."""
        endpoint: str = self.call("socket", kind, **options)
        return endpoint

    def kill(self) -> None:
        """SIGKILL, by pid: nothing is flushed, nothing said goodbye to."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.pipe.close()


class Operations:
    """What a peer can be asked to do. Every blocking call ends after ten seconds."""

    def __init__(self, lib: str, pipe: Connection) -> None:
        self.zmq: Any = importlib.import_module(lib)
        self.pipe = pipe
        self.context = self.zmq.Context()
        self.sockets: dict[str, Any] = {}

    def socket(
        self,
        kind: str,
        name: str = "main",
        bind: str | None = None,
        connect: str | None = None,
        **options: Any,
    ) -> str:
        sock = self.context.socket(getattr(self.zmq, kind))
        self.sockets[name] = sock
        settings = {"linger": 0, "rcvtimeo": TIMEOUT_MS, "sndtimeo": TIMEOUT_MS}
        for option, value in (settings | options).items():
            sock.setsockopt(getattr(self.zmq, option.upper()), value)
        if bind:
            sock.bind(bind)
        if connect:
            sock.connect(connect)
        endpoint: str = sock.getsockopt(self.zmq.LAST_ENDPOINT).decode()
        return endpoint

    def set(self, option: str, value: Any, name: str = "main") -> None:
        self.sockets[name].setsockopt(getattr(self.zmq, option.upper()), value)

    def close(self, name: str = "main") -> None:
        self.sockets.pop(name).close()

    def term(self) -> float:
        """Close everything, terminate; seconds that took."""
        began = time.monotonic()
        for name in list(self.sockets):
            self.close(name)
        self.context.term()
        return time.monotonic() - began

    def send(self, *parts: bytes, name: str = "main") -> None:
        self.sockets[name].send_multipart(parts)

    def recv(self, name: str = "main") -> list[bytes]:
        parts: list[bytes] = self.sockets[name].recv_multipart()
        return parts

    def recv_sizes(self, count: int, name: str = "main") -> list[list[int]]:
        """Frame sizes of the next `count` messages."""
        return [[len(part) for part in self.recv(name)] for _ in range(count)]

    def echo(self, count: int, name: str = "main") -> None:
        """Send each of the next `count` messages back as it came."""
        for _ in range(count):
            self.send(*self.recv(name), name=name)

    def send_numbered(self, source: int, first: int, last: int, size: int = 5) -> None:
        from tests.helpers import numbered

        for number in range(first, last):
            self.sockets["main"].send(numbered(source, number, size))

    def recv_numbered(self, count: int, size: int = 5) -> dict[int, list[int]]:
        """Per source, the numbers of the next `count` messages in the order they came."""
        from tests.helpers import check_numbered

        got: dict[int, list[int]] = {}
        for _ in range(count):
            source, number = check_numbered(self.sockets["main"].recv(), size)
            got.setdefault(source, []).append(number)
        return got

    def raw_connections(self, endpoint: str, count: int, kind: bytes, per_connection: int) -> int:
        """Open `count` raw ZMTP connections, all stay open, send numbered messages on each."""
        from tests.helpers import numbered
        from tests.raw_zmtp import RawPeer, message

        self.raw = [RawPeer.connect(endpoint) for _ in range(count)]
        for number, peer in enumerate(self.raw):
            peer.handshake(kind, b"peer%05d" % number if kind == b"DEALER" else None)
        for round_number in range(per_connection):
            for number, peer in enumerate(self.raw):
                peer.send(message(b"%05d" % number + numbered(0, round_number)))
        return len(self.raw)

    def raw_replies(self, per_connection: int) -> int:
        """Read `per_connection` messages on each raw connection; each must name it."""
        for number, peer in enumerate(self.raw):
            for _ in range(per_connection):
                (body,) = peer.read_message()
                assert body.startswith(b"%05d" % number), (number, body)
        return len(self.raw) * per_connection

    def tally(self, count: int) -> Counter[bytes]:
        return Counter(b"\0".join(self.recv()) for _ in range(count))

    def hold_gil(self, seconds: float, how: str) -> tuple[bool, int]:
        """Keep the GIL in one C call until something comes on the pipe, at most so long.

        Whether it came, and ticks of another thread meanwhile. Says so on the pipe first: the
        answer is the second message.
        """
        ticks = itertools.count()
        stop = threading.Event()
        last = 0

        def tick() -> None:
            nonlocal last
            while not stop.is_set():
                last = next(ticks)
                time.sleep(0.005)

        # PyDLL: the GIL is not released
        poll, pipe = ctypes.PyDLL(None).poll, ctypes.create_string_buffer(8)
        struct.pack_into("=ihh", pipe, 0, self.pipe.fileno(), select.POLLIN, 0)
        thread = threading.Thread(target=tick)
        thread.start()
        while last < 3:  # it does run
            time.sleep(0.005)
        self.pipe.send(("ok", "holding"))
        before = last
        if how == "asleep":
            came = bool(poll(pipe, 1, int(seconds * 1000)))
        else:
            looked = map(poll, repeat(pipe), repeat(1), repeat(0, int(20_000 * seconds)))
            computed = map(bytes(1 << 20).count, repeat(b"x"))  # 0; some 50 µs each
            came = any(map(operator.or_, looked, computed))
        after = last
        stop.set()
        thread.join()
        if came:
            self.pipe.recv()
        return came, after - before

    def block(self, what: str, name: str = "main") -> None:
        """A call that would last for ever; says so first. Returns how it ended."""
        sock = self.sockets[name]
        sock.setsockopt(self.zmq.RCVTIMEO, -1)
        sock.setsockopt(self.zmq.SNDTIMEO, -1)
        calls = {
            "recv": sock.recv,
            "recv_multipart": sock.recv_multipart,
            "send": lambda: [sock.send(b"x") for _ in range(10_000_000)],
            "poll": sock.poll,
            "poller": self._poller(sock).poll,
            "select": lambda: self.zmq.select([sock], [], []),
            "proxy": lambda: self.zmq.proxy(sock, sock),
            "iterate": lambda: next(iter(sock)),
            "term": self.context.term,
        }
        try:
            self.pipe.send(("ok", "blocking"))
            calls[what]()
        except KeyboardInterrupt:
            self.pipe.send(("ok", "KeyboardInterrupt"))
            return
        raise AssertionError(f"{what} came back")

    def _poller(self, sock: Any) -> Any:
        poller = self.zmq.Poller()
        poller.register(sock, self.zmq.POLLIN)
        return poller

    def python(self, code: str) -> Any:
        """Run statements with `zmq`, `context`, `sockets`, `pipe`; `result` is the answer."""
        scope = {
            "zmq": self.zmq,
            "context": self.context,
            "sockets": self.sockets,
            "pipe": self.pipe,
            "result": None,
        }
        exec(code, scope)
        return scope["result"]


def main() -> None:
    sys.path.insert(0, str(ROOT))
    lib, fd = sys.argv[1], int(sys.argv[2])
    os.environ["PEROMQ_TEST_AGAINST"] = lib
    pipe = Connection(fd)
    operations = Operations(lib, pipe)
    while True:
        try:
            name, args, options = pipe.recv()
        except (EOFError, ConnectionError):
            os._exit(0)  # the test is over; do not linger
        try:
            pipe.send(("ok", getattr(operations, name)(*args, **options)))
        except Exception as problem:
            pipe.send(("error", repr(problem)))


if __name__ == "__main__":
    main()
