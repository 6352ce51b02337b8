"""Waiting while nothing happens: how much processor time it takes."""

import time
from argparse import Namespace
from itertools import repeat
from typing import Any

from bench.workers.common import Side, hear, say

PRIMING = 2000
"""Round trips just before the silence, so that whoever spins adaptively is in the mood."""


def idle(options: Namespace) -> None:
    """Exchange messages, then wait `seconds` in recv or in a Poller."""
    side = Side(options)
    sock = side.open("DEALER")
    endpoint = side.attach(sock)
    say(endpoint=endpoint)
    if options.attach == "connect":
        for _ in repeat(None, PRIMING):
            sock.send(b"x")
            sock.recv()
    else:
        for _ in repeat(None, PRIMING):
            sock.send(sock.recv())
    wait = wait_in_recv if options.how == "recv" else wait_in_poll
    cpu, start = time.process_time(), time.perf_counter()
    wait(side.zmq, sock, int(1000 * options.seconds))
    seconds = time.perf_counter() - start
    if seconds < 0.9 * options.seconds:
        raise RuntimeError(f"woke up after {seconds:.3f} s")
    say(seconds=seconds, cpu=time.process_time() - cpu)
    hear()
    side.close()


def wait_in_recv(zmq: Any, sock: Any, milliseconds: int) -> None:
    """A blocking recv that times out."""
    sock.setsockopt(zmq.RCVTIMEO, milliseconds)
    try:
        sock.recv()
    except zmq.Again:
        return
    raise RuntimeError("a message, in the silence")


def wait_in_poll(zmq: Any, sock: Any, milliseconds: int) -> None:
    """A poll that times out."""
    poller = zmq.Poller()
    poller.register(sock, zmq.POLLIN)
    if poller.poll(milliseconds):
        raise RuntimeError("an event, in the silence")
