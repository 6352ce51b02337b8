"""Many idle connections: what the process that holds them pays for each."""

import gc
import resource
import socket
import time
from argparse import Namespace
from itertools import repeat

from bench.workers.common import Side, hear, say
from bench.workers.raw import dial

WARM_UP = 8
"""Connections made, and used, before the first reading."""
STEADY = 5
"""Equal readings in a row that count as settled."""
LONGEST_SETTLING = 5.0

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
READY_BODY = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH"
READY = bytes([0x04, len(READY_BODY)]) + READY_BODY


def allow_many_descriptors() -> None:
    """As many as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def resident() -> int:
    """This process's resident memory in bytes, once it no longer changes."""
    gc.collect()
    deadline = time.monotonic() + LONGEST_SETTLING
    last, steady = -1, 0
    while steady < STEADY and time.monotonic() < deadline:
        time.sleep(0.05)
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
        last, steady = pages, steady + 1 if pages == last else 0
    return last * resource.getpagesize()


def hold(options: Namespace) -> None:
    """A PULL with `peers` peers: resident memory before them, with them, after their messages."""
    allow_many_descriptors()
    side = Side(options)
    sock = side.open("PULL")
    say(endpoint=side.attach(sock))
    for _ in range(WARM_UP):
        sock.recv()
    say(rss=resident())
    hear()
    say(rss=resident())
    hear()
    for _ in repeat(None, options.peers):
        sock.recv()
    say(rss=resident())
    hear()
    side.close()


def crowd(options: Namespace) -> None:
    """`peers` PUSH peers made by hand: plain sockets that speak just enough ZMTP 3.1."""
    allow_many_descriptors()
    message = bytes([0, options.size]) + b"x" * options.size
    warm = [shake_hands(dial(options.endpoint)) for _ in range(WARM_UP)]
    for sock in warm:
        sock.sendall(message)
    say(warm=True)
    hear()
    peers = [shake_hands(dial(options.endpoint)) for _ in range(options.peers)]
    say(ready=True)
    hear()
    for sock in peers:
        sock.sendall(message)
    say(sent=True)
    hear()


def shake_hands(sock: socket.socket) -> socket.socket:
    """Both greetings, both READYs (RFC 37, NULL mechanism)."""
    sock.sendall(GREETING + READY)
    read_exactly(sock, len(GREETING))
    _, length = read_exactly(sock, 2)
    read_exactly(sock, length)
    return sock


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """`size` bytes, or an error."""
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the peer hung up in the handshake")
        data += more
    return data
