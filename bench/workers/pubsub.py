"""PUB to many SUBs. The marks are higher than the count: nothing is dropped, all get it all."""

import select
import sys
import time
from argparse import Namespace
from itertools import repeat
from typing import Any

from bench.workers.common import Side, hear, say, skip

PROBE, START = b"probe", b"start"
PROBE_INTERVAL = 0.005
LONGEST_SILENCE_MS = 10_000


def pub(options: Namespace) -> None:
    """Probe until everybody hears us, then publish `count` messages."""
    side = Side(options)
    sock = side.open("PUB")
    say(endpoint=side.attach(sock))
    while not select.select([sys.stdin], [], [], PROBE_INTERVAL)[0]:
        sock.send(PROBE)
    hear()
    send, body = sock.send, b"x" * options.size
    send(START)
    for _ in repeat(None, options.count):
        send(body)
    hear()
    side.close()


def sub(options: Namespace) -> None:
    """`sockets` subscribers, read in turn; the clock starts when each has its first message."""
    side = Side(options)
    sockets = [side.open("SUB") for _ in range(options.sockets)]
    for sock in sockets:
        sock.setsockopt(side.zmq.RCVTIMEO, LONGEST_SILENCE_MS)
        sock.setsockopt(side.zmq.SUBSCRIBE, b"")
        sock.connect(options.endpoint)
    try:
        seconds = take_in_turn([sock.recv for sock in sockets], options.count)
    except side.zmq.Again:
        skip(f"a subscriber waited {LONGEST_SILENCE_MS / 1000:g} s: messages were dropped")
    say(seconds=seconds, count=(options.count - 1) * len(sockets))
    hear()
    side.close()


def take_in_turn(receives: list[Any], count: int) -> float:
    """Seconds from when everybody has the first of the messages to the last of the last."""
    for recv in receives:
        recv()
    say(ready=True)
    for recv in receives:
        while recv() != START:
            pass
    for recv in receives:
        recv()
    start = time.perf_counter()
    for _ in repeat(None, count - 1):
        for recv in receives:
            recv()
    return time.perf_counter() - start
