"""PUSH to PULL inside one process: two threads, one context."""

import threading
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
