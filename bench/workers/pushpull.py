"""PUSH to PULL: throughput, measured at the receiver from its first message to its last."""

import time
from argparse import Namespace
from itertools import repeat
from typing import Any

from bench.workers.common import Side, hear, say, skip


def pull(options: Namespace) -> None:
    """Receive one message that starts the clock, then `count` more."""
    side = Side(options)
    sock = side.open("PULL")
    say(endpoint=side.attach(sock))
    for _ in range(options.peers):
        sock.recv()
    say(ready=True)
    take = take_many if options.batch else take_each
    say(seconds=take(sock, options.count, options.batch), count=options.count)
    hear()
    side.close()


def take_each(sock: Any, count: int, batch: int) -> float:
    """Seconds that `count` calls of recv took, after the first."""
    recv = sock.recv
    recv()
    start = time.perf_counter()
    for _ in repeat(None, count):
        recv()
    return time.perf_counter() - start


def take_many(sock: Any, count: int, batch: int) -> float:
    """As take_each, by recv_many."""
    if not hasattr(sock, "recv_many"):
        skip("no recv_many")
    recv_many = sock.recv_many
    recv_many(1)
    start = time.perf_counter()
    left = count
    while left > 0:
        left -= len(recv_many(batch))
    return time.perf_counter() - start


def push(options: Namespace) -> None:
    """Greet from every socket, wait for the word, then send 1 + `count` messages in turn."""
    side = Side(options)
    sockets = [side.open("PUSH") for _ in range(options.sockets)]
    for sock in sockets:
        sock.connect(options.endpoint)
        sock.send(b"hello")
    hear()
    body = b"x" * options.size
    if options.batch:
        give_many(sockets[0], body, options.count, options.batch)
    elif len(sockets) == 1:
        send = sockets[0].send
        for _ in repeat(None, 1 + options.count):
            send(body)
    else:
        give_in_turn([sock.send for sock in sockets], body, options.count)
    hear()
    side.close()


def give_many(sock: Any, body: bytes, count: int, batch: int) -> None:
    """Send the first message alone, then lists of `batch`."""
    if not hasattr(sock, "send_many"):
        skip("no send_many")
    sock.send(body)
    messages = [body] * batch
    for _ in repeat(None, count // batch):
        sock.send_many(messages)
    sock.send_many(messages[: count % batch])


def give_in_turn(sends: list[Any], body: bytes, count: int) -> None:
    """`count` messages over all sockets, one each in turn. The receiver's first is among them."""
    for _ in repeat(None, count // len(sends)):
        for send in sends:
            send(body)
    for send in sends[: count % len(sends)]:
        send(body)
