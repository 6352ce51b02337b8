"""REQ to REP: the round trip."""

import time
from argparse import Namespace
from itertools import repeat

from bench.workers.common import Side, hear, quantiles, say

WARM_UP = 300
"""Round trips before the clock counts: handshake, first-time paths, the spin's adaptation."""


def rep(options: Namespace) -> None:
    """Echo until the harness ends us."""
    side = Side(options)
    sock = side.open("REP")
    say(endpoint=side.attach(sock))
    for _ in repeat(None, WARM_UP + options.count):
        sock.send(sock.recv())
    hear()
    side.close()


def req(options: Namespace) -> None:
    """`count` round trips, each on the clock."""
    side = Side(options)
    sock = side.open("REQ")
    sock.connect(options.endpoint)
    hear()
    body = b"x" * options.size
    send, recv, clock = sock.send, sock.recv, time.perf_counter
    for _ in repeat(None, WARM_UP):
        send(body)
        recv()
    times = []
    begin = clock()
    for _ in repeat(None, options.count):
        start = clock()
        send(body)
        recv()
        times.append(clock() - start)
    say(seconds=clock() - begin, count=options.count, quantiles=quantiles(times))
    hear()
    side.close()
