"""The process that 10,000 connections come to: a ROUTER that answers, or a PUB.

A line on stdin asks for something: `figures` for numbers, `publish` for one message to everybody.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import os
import resource
import struct
import sys
import threading
import time
from typing import Any

from bench.workers.common import live_briefly, say
from bench.workers.memory import allow_many_descriptors, resident


class Entrances:
    """Counts finished and failed handshakes by a monitor, in a thread of its own."""

    def __init__(self, zmq: Any, sock: Any) -> None:
        self.count = self.failed = 0
        self.last = 0.0
        self._success = zmq.EVENT_HANDSHAKE_SUCCEEDED
        self._failures = (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_ACCEPT_FAILED)
        self._events = sock.get_monitor_socket(self._success | sum(self._failures))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            event, _ = struct.unpack("=HI", self._events.recv_multipart()[0])
            if event == self._success:
                self.last = time.monotonic()
                self.count += 1
            elif event in self._failures:
                self.failed += 1
            else:
                return


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser("bench.scale.server")
    parser.add_argument("kind", choices=("ROUTER", "PUB"))
    parser.add_argument("endpoint")
    parser.add_argument("--library", dest="name", default="peromq")
    parser.add_argument("--profile", default="", help="file for the control thread's profile")
    options = parser.parse_args()
    live_briefly()
    allow_many_descriptors()
    zmq: Any = importlib.import_module(options.name)
    profiler = cProfile.Profile() if options.profile else None
    if profiler is not None:
        _profile_threads(profiler)
    context = zmq.Context()
    sock = context.socket(getattr(zmq, options.kind))
    sock.linger = 0
    entrances = Entrances(zmq, sock)
    sock.bind(options.endpoint)
    last = sock.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    say(endpoint=last, bound=time.monotonic())
    served = [0]
    if options.kind == "ROUTER":
        threading.Thread(target=_answer, args=(zmq, sock, served), daemon=True).start()
    for line in sys.stdin:
        if line.strip() == "publish":
            sock.send(b"news")
            continue
        usage = resource.getrusage(resource.RUSAGE_SELF)
        say(
            rss=resident(),
            cpu=usage.ru_utime + usage.ru_stime,
            served=served[0],
            entered=entrances.count,
            failed=entrances.failed,
            last=entrances.last,
        )
    if profiler is not None:
        profiler.dump_stats(options.profile)
    os._exit(0)  # with thousands of peers, politeness takes its time


def _profile_threads(profiler: cProfile.Profile) -> None:
    """What the control thread does (the profiler knows one thread at a time)."""
    from peromq.control import loop

    run = loop.Loop._main

    def main(self: Any) -> None:
        profiler.enable()
        run(self)

    loop.Loop._main = main  # type: ignore[method-assign]


def _answer(zmq: Any, sock: Any, served: list[int]) -> None:
    try:
        while True:
            sock.send_multipart(sock.recv_multipart())
            served[0] += 1
    except zmq.ZMQError:
        return  # closed


if __name__ == "__main__":
    main()
