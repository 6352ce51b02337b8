"""Threads, locks, sockets and epolls of the operating system, also where gevent replaces them.

The control plane works beside the application, whatever that waits for. `gevent.monkey.patch_all`
makes greenlets of threads, and of everything that blocks a way to other greenlets: what runs in
threads of ours must not take part in that. These are the originals, as gevent has kept them.
"""

from __future__ import annotations

import os
import sys
import threading as _threading
import time
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

__all__ = [
    "Condition",
    "Event",
    "Lock",
    "RLock",
    "Thread",
    "accept",
    "get_ident",
    "getaddrinfo",
    "in_own_thread",
    "new_epoll",
    "new_socket",
    "socketpair",
]


def _gevent() -> Any:
    """gevent's record of what it replaced, if it is there to replace anything."""
    return sys.modules.get("gevent.monkey")


def _original(module: str, name: str) -> Any:
    monkey = _gevent()
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(sys.modules.get(module) or import_module(module), name)


# Wanted often, and by whoever locks first: as they are now.
Lock = _original("_thread", "allocate_lock")
get_ident: Callable[[], int] = _original("_thread", "get_ident")
if TYPE_CHECKING:
    RLock = _threading.RLock
else:
    RLock = _original("_thread", "RLock")


def new_epoll() -> Any:
    """`select.epoll`."""
    return _original("select", "epoll")()


def new_socket(*args: Any, **kwargs: Any) -> socket.socket:
    """`socket.socket`."""
    made: socket.socket = _original("socket", "socket")(*args, **kwargs)
    return made


def getaddrinfo(*args: Any) -> list[Any]:
    """`socket.getaddrinfo`."""
    found: list[Any] = _original("socket", "getaddrinfo")(*args)
    return found


def accept(listening: socket.socket, kind: tuple[int, int, int]) -> socket.socket:
    """The next connection. kind: the socket's family, type and protocol. Raises OSError."""
    # accept() would make gevent's, and find out about the kind each time
    descriptor, _ = listening._accept()  # type: ignore[attr-defined]
    return new_socket(*kind, descriptor)


def socketpair() -> tuple[socket.socket, socket.socket]:
    """Two connected stream sockets, as `socket.socketpair` makes them."""
    one, other = import_module("_socket").socketpair()
    return new_socket(fileno=one.detach()), new_socket(fileno=other.detach())


class Condition:
    """What `threading.Condition` is with an RLock, as far as it is needed."""

    def __init__(self, lock: Any = None) -> None:
        self._lock: Any = RLock() if lock is None else lock
        self._waiters: deque[Any] = deque()

    def __enter__(self) -> Condition:
        self._lock.acquire()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Until `notify_all`, or for `timeout` seconds, which makes it False. Signals interrupt."""
        waiter = Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        state = self._lock._release_save()
        told: bool = False
        try:
            told = waiter.acquire(True, -1 if timeout is None else max(timeout, 0.0))
        finally:
            self._lock._acquire_restore(state)
            if not told and waiter in self._waiters:
                self._waiters.remove(waiter)
        return told

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Until it holds, for `timeout` seconds at the most; whether it does."""
        end = None if timeout is None else time.monotonic() + timeout
        while not predicate():
            left = None if end is None else end - time.monotonic()
            if (left is not None and left <= 0) or not self.wait(left):
                return predicate()
        return True

    def notify_all(self) -> None:
        """Wake all who wait, when the caller releases the lock."""
        while self._waiters:
            self._waiters.popleft().release()


class Event:
    """A `threading.Event` that is set once."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._set = False

    def set(self) -> None:
        with self._changed:
            self._set = True
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """For `timeout` seconds at the most; whether it is set."""
        with self._changed:
            return self._changed.wait_for(lambda: self._set, timeout)


_own: set[int] = set()
os.register_at_fork(after_in_child=_own.clear)


def in_own_thread() -> bool:
    """Whether the caller runs in a `Thread` of this module."""
    return get_ident() in _own


class Thread:
    """A daemon thread of the operating system; one of `threading`'s, unless that is patched."""

    def __init__(self, target: Callable[[], None], name: str) -> None:
        self.ident: int | None = None
        self._target = target
        self._begun = Lock()
        self._ended = Lock()
        self._thread: _threading.Thread | None = None
        self._name = name

    def start(self) -> None:
        """Begin. Raises RuntimeError if the system has no more threads."""
        monkey = _gevent()
        self._begun.acquire()
        self._ended.acquire()
        if monkey is not None and monkey.is_module_patched("threading"):
            _original("_thread", "start_new_thread")(self._main, ())
        else:
            self._thread = _threading.Thread(target=self._main, name=self._name, daemon=True)
            self._thread.start()
        self._begun.acquire()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, for `timeout` seconds at the most."""
        if self._ended.acquire(True, -1 if timeout is None else timeout):
            self._ended.release()
            if self._thread is not None:
                self._thread.join()

    def _main(self) -> None:
        self.ident = get_ident()
        _own.add(self.ident)
        self._begun.release()
        try:
            self._target()
        finally:
            _own.discard(self.ident)
            self._ended.release()
