"""A data plane for tests: it owns descriptors and tells of their end, but moves no messages.

Tests say when something is queued for a peer (`queue`), when a peer goes (`lose`), and look at what
the control plane did (`attached`, `events`).
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from peromq.constants import Event, SocketType
from peromq.control import Control
from peromq.links import Links
from peromq.options import Options

TIMEOUT = 10.0  # seconds; no wait in these tests is longer

EV_DISCONNECTED = 1
EV_FLUSHED = 2


class FakeEngine:
    """Events by hand."""

    def __init__(self) -> None:
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._events: deque[tuple[int, int, int]] = deque()

    def post(self, kind: int, token: int, value: int = 0) -> None:
        self._events.append((kind, token, value))
        os.eventfd_write(self.event_fd, 1)

    def poll_events(self) -> list[tuple[int, int, int]]:
        try:
            os.eventfd_read(self.event_fd)
        except BlockingIOError:
            pass
        found = list(self._events)
        for _ in found:
            self._events.popleft()
        return found

    def stop(self) -> None:
        os.close(self.event_fd)


@dataclass
class Pipe:
    """A token as the data plane sees it."""

    connection: socket.socket | None = None
    pending: bytes = b""
    closing: bool = False
    bound: bool = False
    cut: bool = False  # the connection is gone, and the socket has not looked yet


@dataclass
class Attached:
    """One call of attach()."""

    token: int
    leftover: bytes
    connection: socket.socket | None
    facts: dict[str, Any] = field(default_factory=dict)


class FakeSocket:
    """SocketCore and Socket in one."""

    def __init__(self, engine: FakeEngine, kind: SocketType, **options: Any) -> None:
        self.options = Options(kind)
        for name, value in options.items():
            assert hasattr(self.options, name), name
            setattr(self.options, name, value)
        self.links = Links()
        self.pipes: dict[int, Pipe] = {}
        self.attach_status = 0
        self.looks_late = False  # a cut pipe is there until somebody calls
        self.attached: queue.Queue[Attached] = queue.Queue()
        self.seen: list[tuple[Event, int, str]] = []
        self.released = threading.Event()
        self._engine = engine
        self._events: queue.Queue[tuple[Event, int, str]] = queue.Queue()
        self._lock = threading.RLock()

    # -- what the control plane calls

    def emit(self, event: int, value: int, endpoint: str, details: Any = None, **pair: Any) -> None:
        self._events.put((Event(event), value, endpoint))

    def name_core(self, token: int) -> tuple[bytes, int]:
        return b"", 0

    def retire_pipe(self, token: int) -> None:
        pass

    def open_pipe(self, token: int, routing_id: bytes = b"") -> None:
        with self._lock:
            assert token not in self.pipes
            self.pipes[token] = Pipe()

    def attach(
        self, token: int, fd: int, leftover: bytes, *, bound: bool, terms: None = None, **facts: Any
    ) -> int:
        with self._lock:
            status = self.attach_status
            connection = None
            if status == 0:
                connection = socket.socket(fileno=fd)
                connection.settimeout(TIMEOUT)
                pipe = self.pipes.setdefault(token, Pipe())
                assert pipe.connection is None
                pipe.connection, pipe.bound = connection, bound
                if pipe.closing:
                    self._flush(token, pipe)
        self.attached.put(Attached(token, leftover, connection, facts | {"bound": bound}))
        return status

    def terms(self) -> None:
        """Nobody looks into them."""

    def close_pipe(self, token: int) -> None:
        with self._lock:
            pipe = self.pipes[token]
            assert not pipe.closing
            pipe.closing = True
            self._flush(token, pipe)

    def abort_pipe(self, token: int) -> None:
        with self._lock:
            self._drop(token)

    def token_of_name(self, routing_id: bytes) -> int:
        return 0

    def has_pending(self, token: int) -> bool:
        with self._lock:
            pipe = self.pipes.get(token)
            if pipe is None:
                return False
            if pipe.cut:
                self._drop(token)
            return bool(pipe.pending)

    def release_core(self) -> None:
        assert not self.released.is_set()
        self.released.set()

    # -- what tests call

    def queue(self, data: bytes) -> None:
        """Messages that are sent when the queue is closed and connected, to every peer."""
        with self._lock:
            for pipe in self.pipes.values():
                pipe.pending += data

    def lose(self, token: int, value: int = 0) -> None:
        """The connection ends; a bound pipe goes with it."""
        with self._lock:
            pipe = self.pipes[token]
            assert pipe.connection is not None
            pipe.connection.close()
            pipe.connection = None
            if pipe.bound:
                del self.pipes[token]
        self._engine.post(EV_DISCONNECTED, token, value)

    def next_attached(self) -> Attached:
        return self.attached.get(timeout=TIMEOUT)

    def wait_for(self, event: Event) -> tuple[int, str]:
        """(value, endpoint) of the next event of that kind; what came before is in `seen`."""
        while True:
            found = self._events.get(timeout=TIMEOUT)
            self.seen.append(found)
            if found[0] == event:
                return found[1:]

    def events(self) -> list[Event]:
        """The kinds of all events so far."""
        while not self._events.empty():
            self.seen.append(self._events.get_nowait())
        return [event for event, _, _ in self.seen]

    def close_connections(self) -> None:
        with self._lock:
            for pipe in self.pipes.values():
                if pipe.connection is not None:
                    pipe.connection.close()

    def _flush(self, token: int, pipe: Pipe) -> None:
        if pipe.pending and pipe.connection is None:
            return
        if pipe.connection is not None:
            pipe.connection.sendall(pipe.pending)
        self._drop(token)

    def _drop(self, token: int) -> None:
        pipe = self.pipes.get(token)
        if pipe is None:
            return
        if pipe.connection is not None:
            pipe.connection.close()
            pipe.connection, pipe.pending, pipe.cut = None, b"", True
            self._engine.post(EV_DISCONNECTED, token)
            if self.looks_late:
                return
        del self.pipes[token]
        self._engine.post(EV_FLUSHED, token)


class Plane:
    """A control plane over a fake data plane, and the sockets made for it."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.control = Control(self.engine)
        self.sockets: list[FakeSocket] = []
        self.may_log_errors = False  # a test that breaks something on purpose

    def socket(self, kind: SocketType, **options: Any) -> FakeSocket:
        made = FakeSocket(self.engine, kind, **options)
        self.sockets.append(made)
        return made

    def fence(self) -> None:
        """Return when the control thread has done what it was asked so far."""
        done = threading.Event()
        self.control._hub.loop.post(done.set)
        assert done.wait(TIMEOUT)

    def stop(self) -> None:
        self.control.stop()
        self.engine.stop()
        for made in self.sockets:
            made.close_connections()
