"""pyzmq's collector of buffers that libzmq is done with.

PeroMQ has no need of it: here the data plane lets go of Python objects itself, so `gc.refs` is
empty and `gc.thread` None. It works all the same, for code that stores objects of its own.
"""

from __future__ import annotations

import atexit
import os
import struct
import threading
from typing import Any, NamedTuple
from warnings import warn

import peromq as zmq

_KEY = struct.Struct("=Q")


class gcref(NamedTuple):
    """An object to keep alive, and an event to set when it is let go."""

    obj: Any
    event: threading.Event | None


class GarbageCollectorThread(threading.Thread):
    """Receives keys of `refs`, packed as 64 bit integers, and drops what they stand for."""

    def __init__(self, gc: GarbageCollector) -> None:
        super().__init__(daemon=True)
        self.gc = gc
        self.pid = os.getpid()
        self.ready = threading.Event()

    def run(self) -> None:
        with self.gc.context.socket(zmq.PULL) as pull:
            pull.linger = 0
            pull.bind(self.gc.url)
            self.ready.set()
            while (message := pull.recv()) != b"DIE":
                ref = self.gc.refs.pop(_KEY.unpack(message)[0], None)
                if ref is not None and ref.event is not None:
                    ref.event.set()
                del ref


class GarbageCollector:
    """Keeps objects alive until their keys are sent to a PULL socket at `url`.

    The thread, and a context of its own, begin with the first `store`.
    """

    url = "inproc://pyzmq.gc.01"
    refs: dict[int, gcref]

    def __init__(self, context: zmq.Context[Any] | None = None) -> None:
        self.refs = {}
        self.pid: int | None = None
        self.thread: GarbageCollectorThread | None = None
        self._context = context
        self._lock = threading.Lock()
        self._stay_down = False
        self._push: zmq.Socket[bytes] | None = None
        atexit.register(self._atexit)

    @property
    def context(self) -> zmq.Context[Any]:
        """The context of the collector's sockets. Replacing it stops the thread."""
        if self._context is None:
            self._context = zmq.Context()
        return self._context

    @context.setter
    def context(self, ctx: zmq.Context[Any] | None) -> None:
        if self.is_alive():
            if self.refs:
                warn("Replacing gc context while gc is running", RuntimeWarning, stacklevel=2)
            self.stop()
        self._context = ctx

    def start(self) -> None:
        """Start the thread; `store` does it when needed."""
        if self.thread is not None and self.pid != os.getpid():
            self._clear()  # all of it was the parent's
        self.pid = os.getpid()
        self.thread = GarbageCollectorThread(self)
        self.thread.start()
        self.thread.ready.wait()

    def stop(self) -> None:
        """End the thread and the context, and let go of all objects. Idempotent."""
        thread = self.thread
        if thread is None or not self.is_alive():
            return
        self._push_socket.send(b"DIE")
        self._push_socket.close()
        thread.join()
        self.context.term()
        self._clear()

    def is_alive(self) -> bool:
        """Does the thread run, in this process?"""
        return self.thread is not None and self.thread.is_alive() and self.pid == os.getpid()

    def store(self, obj: Any, event: threading.Event | None = None) -> int:
        """Keep an object; its key. 0 while the interpreter ends, and then nothing is kept."""
        if not self.is_alive():
            if self._stay_down:
                return 0
            with self._lock:
                if not self.is_alive():
                    self.start()
        ref = gcref(obj, event)
        self.refs[id(ref)] = ref
        return id(ref)

    @property
    def _push_socket(self) -> zmq.Socket[bytes]:
        """A socket for keys of objects to let go."""
        if self._push is None or self._push.closed:
            self._push = self.context.socket(zmq.PUSH)
            self._push.connect(self.url)
        return self._push

    def _clear(self) -> None:
        self.refs.clear()
        self.thread = self._push = self._context = None

    def _atexit(self) -> None:
        self._stay_down = True
        self.stop()


gc = GarbageCollector()
