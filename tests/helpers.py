"""What the pattern, promise and interop suites share: sockets, endpoints, monitors, bounded waits.

`PEROMQ_TEST_AGAINST=zmq` runs the same tests against pyzmq: a test that libzmq fails is a wrong
test, unless it says that we differ on purpose.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import itertools
import os
import signal
import socket as stdsocket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

LIB = os.environ.get("PEROMQ_TEST_AGAINST", "peromq")
AGAINST_LIBZMQ = LIB == "zmq"
zmq: Any = importlib.import_module(LIB)
if AGAINST_LIBZMQ:  # what pyzmq needs to free what was not copied lasts as long as the process
    with zmq.Context() as _context, _context.socket(zmq.PUB) as _pub:
        _pub.send(bytes(100_000), copy=False)

TIMEOUT = 10.0  # seconds: no wait in these suites is longer, unless it says so
QUIET_MS = 50  # how long "nothing arrives" is watched where no later message can prove it
TRANSPORTS = ("inproc", "tcp", "ipc")
ON_TCP = ("tcp", "tls", "ws", "wss")

differs_from_libzmq = pytest.mark.skipif(
    AGAINST_LIBZMQ, reason="PeroMQ differs from libzmq here on purpose"
)
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)
needs_draft = pytest.mark.skipif(
    AGAINST_LIBZMQ and not zmq.has("draft"), reason="libzmq was built without its draft API"
)

Sock = Any  # zmq.Socket of the library under test


class Deadline:
    """One time limit for several waits."""

    def __init__(self, seconds: float = TIMEOUT) -> None:
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.end - time.monotonic())


def wait_until(condition: Callable[[], Any], seconds: float = TIMEOUT, what: str = "") -> Any:
    """Poll `condition` until it holds and return its value; fail after `seconds`."""
    deadline = Deadline(seconds)
    while not (value := condition()):
        if not deadline.left:
            pytest.fail(f"not within {seconds} s: {what or condition}")
        time.sleep(0.002)
    return value


def together(*works: Callable[[], Any]) -> None:
    """Call all of them at once, each in a thread; the first error of any is ours."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            barrier.wait(TIMEOUT)
            work()
        except BaseException as problem:
            errors.append(problem)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * TIMEOUT)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


# -- sockets and endpoints


class Sockets:
    """Makes sockets with finite timeouts and LINGER 0, and closes them all."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.made: list[Sock] = []

    def __call__(
        self,
        kind: str,
        *,
        bind: str | None = None,
        connect: str | None = None,
        **options: Any,
    ) -> Sock:
        sock = self.context.socket(getattr(zmq, kind))
        self.made.append(sock)
        settings = {"linger": 0, "rcvtimeo": int(TIMEOUT * 1000), "sndtimeo": int(TIMEOUT * 1000)}
        for name, value in (settings | options).items():
            sock.setsockopt(getattr(zmq, name.upper()), value)
        if bind is not None:
            sock.bind(bind)
        if connect is not None:
            sock.connect(connect)
        return sock

    def close(self) -> None:
        for sock in self.made:
            sock.close(linger=0)


@contextlib.contextmanager
def new_context(**options: Any) -> Iterator[Any]:
    """A context whose end must come within TIMEOUT, or the test fails."""
    context = zmq.Context(**options)
    try:
        yield context
    finally:
        terminate(context)


def terminate(context: Any, seconds: float = TIMEOUT) -> None:
    """`destroy(linger=0)` in a thread: if it hangs, the test fails instead of hanging too."""
    thread = threading.Thread(target=lambda: context.destroy(linger=0), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"Context.destroy(linger=0) hangs for {seconds} s"


_names = itertools.count()


class Endpoints:
    """Endpoints nobody else uses: `any("tcp")` to bind to, `fixed("tcp")` to connect to first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._held: list[stdsocket.socket] = []

    def any(self, transport: str) -> str:
        return f"{transport}://127.0.0.1:*" if transport in ON_TCP else self.fixed(transport)

    def fixed(self, transport: str) -> str:
        """An endpoint known before anybody binds it."""
        if transport in ON_TCP:
            return f"{transport}://127.0.0.1:{self.hold_port()}"
        if transport == "ipc":
            return f"ipc://{self.directory}/{next(_names)}"
        return f"inproc://test-{next(_names)}"

    def hold_port(self) -> int:
        """A TCP port nobody gets by chance: bound without listen(), shared by SO_REUSEADDR."""
        holder = stdsocket.socket()
        holder.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        self._held.append(holder)
        port: int = holder.getsockname()[1]
        return port

    def close(self) -> None:
        for holder in self._held:
            holder.close()


def last_endpoint(sock: Sock) -> str:
    """LAST_ENDPOINT as text, with a wildcard host made connectable."""
    endpoint: str = sock.getsockopt(zmq.LAST_ENDPOINT).decode()
    return endpoint.replace("0.0.0.0", "127.0.0.1")


def tcp_address(endpoint: str) -> tuple[str, int]:
    """Host and port of an endpoint on tcp, tls, ws or wss."""
    host, _, port = endpoint.partition("://")[2].partition("/")[0].rpartition(":")
    return host, int(port)


def dial(endpoint: str) -> stdsocket.socket:
    """A TCP connection to an endpoint, with a time limit for each of its calls."""
    return stdsocket.create_connection(tcp_address(endpoint), TIMEOUT)


# -- receiving and sending within bounds


def readable(sock: Sock, ms: int = QUIET_MS) -> bool:
    return bool(sock.poll(ms, zmq.POLLIN))


def writable(sock: Sock, ms: int = 0) -> bool:
    return bool(sock.poll(ms, zmq.POLLOUT))


def comes(sock: Sock, event: int, ms: int) -> bool:
    """Whether the socket is ready within `ms`, counted in looks of 1 ms.

    The time for which the machine runs others than us counts as one look: a machine that stood
    still for a while has not shown that nothing comes.
    """
    return any(sock.poll(1, event) for _ in range(ms)) or bool(sock.poll(0, event))


def try_send(sock: Sock, message: bytes | list[bytes]) -> bool:
    """Send without blocking; False if the socket would block."""
    try:
        if isinstance(message, bytes):
            sock.send(message, zmq.DONTWAIT)
        else:
            sock.send_multipart(message, zmq.DONTWAIT)
    except zmq.Again:
        return False
    return True


def fill(
    sock: Sock, message: bytes | list[bytes] = b"x", *, wait_ms: int = 0, at_least: int = 0
) -> int:
    """Send until the socket would block for `wait_ms`; how many messages went in.

    So many as `at_least` are waited for as long as any wait here may last.
    """
    for count in range(1_000_000):
        patience = Deadline(wait_ms / 1000 if count >= at_least else TIMEOUT)
        looks = wait_ms  # see comes(); wherever a look takes its time: an XPUB always says yes
        while not try_send(sock, message):
            if not patience.left and looks <= 0:
                return count
            writable(sock, 1)
            looks -= 1
    return pytest.fail("this queue has no end")


def drain(sock: Sock, quiet_ms: int = 0) -> list[list[bytes]]:
    """All messages that are there, until none came for `quiet_ms`."""
    messages = []
    while comes(sock, zmq.POLLIN, quiet_ms):
        messages.append(sock.recv_multipart())
    return messages


def receive(sock: Sock, count: int) -> list[list[bytes]]:
    """So many messages, however long they take to come; and there must be no more."""
    messages = [sock.recv_multipart() for _ in range(count)]
    assert not readable(sock), f"more than {count} messages came"
    return messages


def subscription_arrives(pub: Sock, *subs: Sock) -> None:
    """Publish a token until each subscriber has got it, and take the tokens out again.

    A SUB's commands travel in order: what it subscribed to before is active as well.
    """
    for sub in subs:
        token = b"~settle%d." % next(_names)  # never the same: a cancel may be late
        end = token + b"end"
        sub.setsockopt(zmq.SUBSCRIBE, token)
        deadline = Deadline()
        pub.send(token)
        while not readable(sub, 5):
            assert deadline.left, "the subscription never arrives"
            pub.send(token)
        pub.send(end)
        while sub.recv() != end:
            pass
        sub.setsockopt(zmq.UNSUBSCRIBE, token)


# -- numbered messages: nothing lost, doubled, reordered, cut or mixed up goes unseen


def numbered(source: int, number: int, size: int = 5) -> bytes:
    """`size` octets (at least 5) that say who sent them, as which one, and what they should be."""
    return struct.pack(">BI", source, number) + bytes([(source + number) % 251]) * (size - 5)


def check_numbered(message: bytes, size: int = 5) -> tuple[int, int]:
    """(source, number) of an intact message."""
    source, number = struct.unpack_from(">BI", message)
    assert message == numbered(source, number, size), f"message {number} of {source} is damaged"
    return source, number


# -- monitors


class Monitor:
    """A socket's monitor events, as (event, value, endpoint)."""

    def __init__(self, sock: Sock) -> None:
        self.sock = sock
        self.feed = sock.get_monitor_socket()
        self.feed.setsockopt(zmq.LINGER, 0)
        self.seen: list[tuple[int, int, str]] = []

    def next(self, seconds: float = TIMEOUT) -> tuple[int, int, str] | None:
        if not self.feed.poll(int(seconds * 1000)):
            return None
        head, endpoint = self.feed.recv_multipart()
        event, value = struct.unpack("=HI", head)
        self.seen.append((event, value, endpoint.decode()))
        return self.seen[-1]

    def wait(self, *events: int, seconds: float = TIMEOUT) -> tuple[int, int, str]:
        """The next event that is one of `events`; those before it are kept in `seen`."""
        deadline = Deadline(seconds)
        while (got := self.next(deadline.left)) is not None:
            if got[0] in events:
                return got
        names = [zmq.Event(event).name for event, _, _ in self.seen]
        return pytest.fail(
            f"no {[zmq.Event(event).name for event in events]} within {seconds} s, only {names}"
        )

    def close(self) -> None:
        if not self.sock.closed:
            self.sock.disable_monitor()
        self.feed.close(linger=0)


# -- processes


def signal_main(number: int) -> None:
    """Not to the process: a thread of pytest's that has just begun, and blocks nothing yet, might
    take it, and then it interrupts nobody."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, number)


def signal_soon(number: int, seconds: float) -> threading.Timer:
    """Started: `signal_main` after so long."""
    timer = threading.Timer(seconds, signal_main, (number,))
    timer.start()
    return timer


def asleep(pid: int) -> bool:
    """Whether its main thread waits in the kernel; a signal just before that may be missed."""
    return Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def kill_and_reap(process: Any) -> None:
    """SIGKILL one process by its pid and wait for its end."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait(TIMEOUT)


@contextlib.contextmanager
def raises_errno(*numbers: int) -> Iterator[pytest.ExceptionInfo[Any]]:
    """A ZMQError with one of these errno values."""
    with pytest.raises(zmq.ZMQError) as caught:
        yield caught
    names = [errno.errorcode.get(n, n) for n in numbers]
    assert caught.value.errno in numbers, f"{caught.value!r} is none of {names}"
