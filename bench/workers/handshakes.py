"""Connections that come, shake hands, have one message answered, and go."""

import time
from argparse import Namespace
from typing import Any

from bench.workers.common import Side, hear, quantiles, say

WARM_UP = 64
"""Connections before the clock counts."""


def admit(options: Namespace) -> None:
    """Answer the one message of each connection, of all peers."""
    side = Side(options)
    sock = side.open("ROUTER")
    sock.setsockopt(side.zmq.BACKLOG, 1000)
    say(endpoint=side.attach(sock))
    for number in range(options.peers * (WARM_UP + options.count)):
        if number == options.peers * WARM_UP:
            begin = time.process_time()
        sock.send_multipart(sock.recv_multipart())
    spent = time.process_time() - begin
    say(cpu=spent / (options.peers * options.count))
    hear()
    side.close()


def knock(options: Namespace) -> None:
    """`count` connections, `sockets` at once; the time from connect to answer, and the rate."""
    side = Side(options)
    _connections(side, WARM_UP, [])
    say(ready=True)
    hear()
    times: list[float] = []
    begin, spent = time.perf_counter(), time.process_time()
    _connections(side, options.count, times)
    seconds, spent = time.perf_counter() - begin, time.process_time() - spent
    say(seconds=seconds, cpu=spent / options.count, quantiles=quantiles(times))
    hear()
    side.close()


def _connections(side: Side, count: int, times: list[float]) -> None:
    clock = time.perf_counter
    while count > 0:
        sockets: list[tuple[Any, float]] = []
        for _ in range(min(count, side.options.sockets)):
            sock = side.open("DEALER")
            start = clock()
            sock.connect(side.options.endpoint)
            sock.send(b"x")
            sockets.append((sock, start))
        for sock, start in sockets:
            sock.recv()
            times.append(clock() - start)
            sock.close(0)
        count -= len(sockets)
        side.sockets.clear()
