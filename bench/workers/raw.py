"""The same on plain blocking sockets of the standard library: no framing, no queue, no thread.

What any messaging library that makes one system call per message could at best reach.
"""

import socket
import time
from argparse import Namespace
from itertools import repeat

from bench.workers.common import hear, quantiles, say
from bench.workers.reqrep import WARM_UP

LARGEST_READ = 1 << 20


def listen(endpoint: str) -> socket.socket:
    """Bind where the harness says, tell it, take the one connection."""
    if endpoint.startswith("ipc://"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(endpoint.removeprefix("ipc://"))
        server.listen()
        say(endpoint=endpoint)
    else:
        server = socket.create_server(("127.0.0.1", 0))
        host, port = server.getsockname()
        say(endpoint=f"tcp://{host}:{port}")
    sock, _ = server.accept()
    server.close()
    return no_delay(sock)


def dial(endpoint: str) -> socket.socket:
    """Connect to what `listen` told."""
    scheme, _, address = endpoint.partition("://")
    if scheme == "ipc":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address)
        return sock
    host, _, port = address.rpartition(":")
    return no_delay(socket.create_connection((host, int(port))))


def no_delay(sock: socket.socket) -> socket.socket:
    """As every ZeroMQ does it."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def pull(options: Namespace) -> None:
    """Read `count` times `size` bytes, however they come."""
    sock = listen(options.endpoint)
    say(ready=True)
    buffer = bytearray(max(LARGEST_READ, options.size))
    left = options.size * (1 + options.count) - sock.recv_into(buffer)
    start = time.perf_counter()
    while left > 0:
        read = sock.recv_into(buffer)
        if not read:
            raise ConnectionError("the sender went away")
        left -= read
    say(seconds=time.perf_counter() - start, count=options.count)
    hear()


def push(options: Namespace) -> None:
    """One `sendall` a message."""
    sock = dial(options.endpoint)
    hear()
    body = b"x" * options.size
    sendall = sock.sendall
    for _ in repeat(None, 1 + options.count):
        sendall(body)
    hear()


def rep(options: Namespace) -> None:
    """Echo."""
    sock = listen(options.endpoint)
    recv, sendall, size = sock.recv, sock.sendall, options.size
    for _ in repeat(None, WARM_UP + options.count):
        sendall(recv(size))
    hear()


def req(options: Namespace) -> None:
    """`count` round trips, each on the clock."""
    sock = dial(options.endpoint)
    hear()
    body = b"x" * options.size
    recv, sendall, size, clock = sock.recv, sock.sendall, options.size, time.perf_counter
    for _ in repeat(None, WARM_UP):
        sendall(body)
        recv(size)
    times = []
    begin = clock()
    for _ in repeat(None, options.count):
        start = clock()
        sendall(body)
        recv(size)
        times.append(clock() - start)
    say(seconds=clock() - begin, count=options.count, quantiles=quantiles(times))
    hear()
