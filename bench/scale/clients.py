"""A process of thousands of clients, each a socket of its own.

Lines on stdin: `connect`; `ask` has each send a request and wait for its own reply, `hear` wait for
what is published: both say how many were served, and when the last one was; `drain` forgets what
is left of it; from `work` to `rest` the first of them makes round trips.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
import time
from typing import Any

from bench.workers.common import live_briefly, say
from bench.workers.memory import allow_many_descriptors

LONGEST = 150.0
"""Seconds to wait for all to be served."""


class Work:
    """Round trips, one after another, in a thread."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._trips: list[float] = []
        self._goes_on = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> list[float]:
        """Stop; what each took, in seconds."""
        self._goes_on = False
        self._thread.join()
        return self._trips

    def _run(self) -> None:
        while self._goes_on:
            began = time.perf_counter()
            self._sock.send(b"work")
            self._sock.recv()
            self._trips.append(time.perf_counter() - began)
            time.sleep(0.002)


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser("bench.scale.clients")
    parser.add_argument("kind", choices=("DEALER", "SUB"))
    parser.add_argument("endpoint")
    parser.add_argument("count", type=int)
    parser.add_argument("--library", dest="name", default="peromq")
    options = parser.parse_args()
    live_briefly()
    allow_many_descriptors()
    zmq: Any = importlib.import_module(options.name)
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, options.count + 10)
    socks = []
    for _ in range(options.count):
        sock = context.socket(getattr(zmq, options.kind))
        sock.linger = 0
        if options.kind == "SUB":
            sock.subscribe(b"")
        socks.append(sock)
    say(ready=True)
    rounds = 0
    work: Work | None = None
    for line in sys.stdin:
        word = line.strip()
        if word == "work":
            work = Work(socks[0])
            say(working=True)
            continue
        if word == "rest" and work is not None:
            say(trips=work.end())
            continue
        if word == "connect":
            for sock in socks:
                sock.connect(options.endpoint)
            say(connected=time.monotonic())
            continue
        if word == "drain":
            say(drained=sum(_drain(zmq, sock) for sock in socks))
            continue
        rounds += 1
        if word == "ask":
            for number, sock in enumerate(socks):
                sock.send(b"%d %d" % (rounds, number))
        served, last = _collect(zmq, socks, b"%d %%d" % rounds if word == "ask" else b"news")
        say(served=served, last=last)
    os._exit(0)


def _drain(zmq: Any, sock: Any) -> int:
    """Forget what came; how much it was."""
    count = 0
    while sock.getsockopt(zmq.EVENTS) & 1:
        sock.recv()
        count += 1
    return count


def _collect(zmq: Any, socks: list[Any], expected: bytes) -> tuple[int, float]:
    """How many got exactly what is theirs, and when the last one did."""
    deadline = time.monotonic() + LONGEST
    waiting = dict(enumerate(socks))
    last = 0.0
    while waiting and time.monotonic() < deadline:
        here = [number for number, sock in waiting.items() if sock.getsockopt(zmq.EVENTS) & 1]
        for number in here:
            got = waiting.pop(number).recv(zmq.DONTWAIT)
            mine = expected % number if b"%d" in expected else expected
            if got != mine:
                raise AssertionError(f"client {number} got {got!r} instead of {mine!r}")
            last = time.monotonic()
        if not here:
            time.sleep(0.02)
    return len(socks) - len(waiting), last


if __name__ == "__main__":
    main()
