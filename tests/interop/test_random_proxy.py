"""Random steps of a steered proxy, the same with libzmq (4.3.4 was the last to have it)."""

from __future__ import annotations

import ctypes
import random
import struct
import threading
from typing import Any

import pytest

import peromq
from tests.interop import libzmq_ctypes

ENDS = {  # frontend, backend, their peers, and which way messages go
    "queue": ("ROUTER", "DEALER", "DEALER", "DEALER", (1, 1)),
    "forwarder": ("XSUB", "XPUB", "PUB", "SUB", (1, 0)),
    "pipeline": ("PULL", "PUSH", "PUSH", "PULL", (1, 0)),
    "pairs": ("PAIR", "PAIR", "PAIR", "PAIR", (1, 1)),
}
WAIT = 10_000  # ms

pytestmark = [pytest.mark.debian_libzmq, pytest.mark.no_sanitizer]


class Libzmq:
    """As much of `peromq` as Run needs."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self.lib = lib
        lib.zmq_proxy_steerable.argtypes = [ctypes.c_void_p] * 4

    def Context(self) -> libzmq_ctypes.Context:
        return libzmq_ctypes.Context(self.lib)

    def proxy_steerable(self, *sockets: Any) -> int:
        return int(self.lib.zmq_proxy_steerable(*(each.handle for each in sockets)))


class Run:
    """A proxy in a thread; `log` has what its neighbours saw."""

    def __init__(self, seed: int, library: Any) -> None:
        self.choose = random.Random(seed)
        front, back, client, worker, ways = ENDS[self.choose.choice(list(ENDS))]
        self.ways = [way for way in (0, 1) if ways[way]]
        self.context = library.Context()
        self.sockets: list[Any] = []
        self.frontend = self.made(front, bind="inproc://front")
        self.backend = self.made(back, bind="inproc://back")
        self.capture = self.made("PAIR", bind="inproc://capture")
        self.steered = self.made("PAIR", bind="inproc://control")
        self.client = self.made(client, connect="inproc://front", identity=b"client")
        self.worker = self.made(worker, connect="inproc://back", identity=b"worker")
        self.seen = self.made("PAIR", connect="inproc://capture")
        self.control = self.made("PAIR", connect="inproc://control")
        if worker == "SUB":
            self.worker.setsockopt(peromq.SUBSCRIBE, b"")
        self.routed = front == "ROUTER"
        self.paused = False
        self.held: list[Any] = []  # sent and not yet forwarded: which way
        self.log: list[Any] = []
        self.outcome: list[int] = []
        proxied = (self.frontend, self.backend, self.capture, self.steered)
        self.thread = threading.Thread(
            target=lambda: self.outcome.append(library.proxy_steerable(*proxied)), daemon=True
        )
        self.thread.start()
        self.statistics()
        if worker == "SUB":  # the subscription is a message, too: it is through
            while self.statistics()[4] == 0:
                pass
            self.log.clear()
            self.captured()

    def made(self, kind: str, bind: str = "", connect: str = "", identity: bytes = b"") -> Any:
        made = self.context.socket(getattr(peromq, kind).value)
        self.sockets.append(made)
        made.setsockopt(peromq.LINGER, 0)
        if identity:
            made.setsockopt(peromq.ROUTING_ID, identity)
        if bind:
            made.bind(bind)
        else:
            made.connect(connect)
        return made

    def recv(self, socket: Any) -> list[bytes]:
        assert socket.poll(WAIT), "nothing comes"
        found: list[bytes] = socket.recv_multipart()
        return found

    def statistics(self) -> list[int]:
        self.control.send(b"STATISTICS")
        return [struct.unpack("=Q", part)[0] for part in self.recv(self.control)]

    def captured(self) -> list[list[bytes]]:
        """In no order: which end is looked at first is left open."""
        found = []
        while self.seen.poll(0):
            found.append(self.seen.recv_multipart())
        return sorted(found)

    def play(self) -> list[Any]:
        for _ in range(self.choose.randint(5, 25)):
            what = self.choose.choice(("send", "send", "send", "pause", "resume", "look"))
            getattr(self, what)()
        self.log.append((self.paused, self.statistics(), self.captured()))
        self.control.send(b"TERMINATE")
        self.thread.join(WAIT / 1000)
        assert not self.thread.is_alive()
        self.log.append((self.outcome, self.captured()))
        for each in (self.client, self.worker, self.frontend, self.backend):
            while each.poll(0):  # what is left where the proxy was paused
                self.log.append(each.recv_multipart())
        return self.log

    def send(self) -> None:
        way = self.choose.choice(self.ways)
        for _ in range(self.choose.choice((1, 1, 2, 5))):
            sizes = [
                self.choose.choice((0, 1, 30, 300)) for _ in range(self.choose.choice((1, 2, 3)))
            ]
            parts = [bytes([self.choose.randrange(256)]) * size for size in sizes]
            if way and self.routed:
                if self.choose.random() < 0.2:  # the next one tells when this is through
                    self.worker.send_multipart([b"nobody", *parts])
                parts.insert(0, b"client")
            (self.worker if way else self.client).send_multipart(parts)
            self.held.append(way)
        self.heard()

    def heard(self) -> None:
        if self.paused:
            return
        for way in self.held:
            self.log.append(self.recv(self.client if way else self.worker))
        self.held.clear()

    def pause(self) -> None:
        self.look()  # what was under way is through
        self.control.send(b"PAUSE")
        self.paused = True
        self.look()

    def resume(self) -> None:
        self.control.send(b"RESUME")
        self.paused = False
        self.heard()

    def look(self) -> None:
        self.log.append(self.statistics())
        if self.paused:
            self.log.append([each.poll(0) for each in (self.client, self.worker)])

    def end(self) -> None:
        if self.thread.is_alive():
            self.control.send(b"TERMINATE")
            self.thread.join(WAIT / 1000)
        for each in self.sockets:
            each.close(0)
        self.context.destroy(0)


@pytest.fixture
def theirs() -> Libzmq:
    lib = libzmq_ctypes.load()
    if lib is None:
        pytest.skip("libzmq.so.5 is not installed")
    numbers = [ctypes.c_int() for _ in range(3)]
    lib.zmq_version(*map(ctypes.byref, numbers))
    if tuple(number.value for number in numbers) >= (4, 3, 5):
        pytest.skip("this libzmq has no proxy_steerable")
    return Libzmq(lib)


@pytest.mark.parametrize("seed", range(30))
def test_both_proxies_do_the_same(seed: int, theirs: Libzmq) -> None:
    logs = []
    for library in (theirs, peromq):
        run = Run(seed, library)
        try:
            logs.append(run.play())
        finally:
            run.end()
    assert logs[1] == logs[0]
