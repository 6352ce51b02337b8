"""PUSH to PULL inside one process, in one context: by two threads, or by one in turn."""

import threading
import time
from argparse import Namespace
from itertools import repeat

from bench.workers.common import Side, hear, say
from bench.workers.pushpull import take_each


def inproc(options: Namespace) -> None:
    """A thread sends 1 + `count` messages, the main thread receives them."""
    side = Side(options)
    receiver = side.open("PULL")
    receiver.bind("inproc://bench")
    sender = side.open("PUSH")
    sender.connect("inproc://bench")
    body = b"x" * options.size

    def give() -> None:
        send = sender.send
        for _ in repeat(None, 1 + options.count):
            send(body)

    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    say(seconds=take_each(receiver, options.count, 0), count=options.count)
    thread.join()
    hear()
    side.close()


BURST = 100


def inproc_bursts(options: Namespace) -> None:
    """One thread sends a hundred messages and receives them, until it is `count`: nobody waits."""
    side = Side(options)
    receiver, sender = side.open("PULL"), side.open("PUSH")
    receiver.bind("inproc://bench")
    sender.connect("inproc://bench")
    body = b"x" * options.size
    send, recv = sender.send, receiver.recv
    start = time.perf_counter()
    for _ in repeat(None, options.count // BURST):
        for _ in repeat(None, BURST):
            send(body)
        for _ in repeat(None, BURST):
            recv()
    say(seconds=time.perf_counter() - start, count=options.count)
    hear()
    side.close()
