"""What is promised of messages holds in boxes, too; who touches a box ends the connection."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nacl.bindings as sodium
import pytest

from tests.helpers import (
    differs_from_libzmq,
    drain,
    last_endpoint,
    subscription_arrives,
    tcp_address,
    together,
    try_send,
    wait_until,
    zmq,
)

CRYPTOGRAPHIC = 0x11000001
INVALID_SEQUENCE = 0x10000002

SERVER_SECRET, CLIENT_SECRET = (bytes([n]) * 32 for n in b"sc")
SERVER = {"curve_server": 1, "curve_secretkey": SERVER_SECRET}
CLIENT = {
    "curve_serverkey": sodium.crypto_scalarmult_base(SERVER_SECRET),
    "curve_publickey": sodium.crypto_scalarmult_base(CLIENT_SECRET),
    "curve_secretkey": CLIENT_SECRET,
}


def pair(sock: Any, first: str, second: str, **options: Any) -> tuple[Any, Any]:
    bound = sock(first, bind="tcp://127.0.0.1:*", **SERVER, **options)
    return bound, sock(second, connect=last_endpoint(bound), **CLIENT, **options)


def body(number: int, size: int) -> bytes:
    return (b"%d," % number * (size // 2 + 1))[:size]


@pytest.mark.parametrize("size", [0, 100, 20_000, 65_536, 1_000_000])
@pytest.mark.parametrize("copy", [True, False])
def test_rows_of_one_size(sock: Any, size: int, copy: bool) -> None:
    """Blank objects are left for the bodies that are expected, and messages become these."""
    pull, push = pair(sock, "PULL", "PUSH", sndhwm=4, rcvhwm=4)
    count = 12 if size > 100_000 else 60

    def send() -> None:
        for number in range(count):
            push.send(body(number, size))

    def receive() -> None:
        for number in range(count):
            found = pull.recv(copy=copy)
            assert bytes(found) == body(number, size)

    together(send, receive)


def test_sizes_and_parts_mixed(sock: Any) -> None:
    pull, push = pair(sock, "PULL", "PUSH")
    sizes = [0, 70_000, 1, 222, 223, 16_384, 16_383, 300_000, 5, 65_536, 65_536, 40]
    messages = [
        [body(number * 7 + part, size) for part, size in enumerate(sizes[number % 5 :])]
        for number in range(25)
    ]

    def send() -> None:
        for message in messages:
            push.send_multipart(message)

    def receive() -> None:
        assert [pull.recv_multipart() for _ in messages] == messages

    together(send, receive)


def test_subscribers_share_what_is_published(sock: Any) -> None:
    """One encoding for many peers, and a box for each."""
    pub = sock("PUB", bind="tcp://127.0.0.1:*", sndhwm=0, **SERVER)
    subs = [
        sock("SUB", connect=last_endpoint(pub), rcvhwm=0, subscribe=b"m", **CLIENT)
        for _ in range(6)
    ]
    subscription_arrives(pub, *subs)
    messages = [[b"m", body(n, size)] for n in range(40) for size in (3, 300, 20_000)]
    for message in messages:
        pub.send_multipart(message)
    for sub in subs:
        assert [sub.recv_multipart() for _ in messages] == messages


def test_threads_share_a_socket(sock: Any) -> None:
    """Boxes leave in the order of their nonces, whoever writes."""
    pull, push = pair(sock, "PULL", "PUSH")
    count = 2000

    def send(name: int) -> None:
        for number in range(count):
            push.send(b"%d %d" % (name, number))

    def receive() -> None:
        due = [0, 0, 0]
        for _ in range(3 * count):
            name, number = map(int, pull.recv().split())
            assert number == due[name]
            due[name] += 1

    together(receive, *(lambda name=name: send(name) for name in range(3)))


def test_requests(sock: Any) -> None:
    """The caller writes and reads itself."""
    rep, req = pair(sock, "REP", "REQ")

    def answer() -> None:
        for _ in range(500):
            rep.send(rep.recv() + b"!")

    def ask() -> None:
        for number in range(500):
            req.send(b"%d" % number)
            assert req.recv() == b"%d!" % number

    together(answer, ask)


def test_both_ways_at_once(sock: Any) -> None:
    first, second = pair(sock, "DEALER", "DEALER")

    def talk(mine: Any) -> None:
        for number in range(300):
            mine.send(body(number, 5000))
        for number in range(300):
            assert mine.recv() == body(number, 5000)

    together(lambda: talk(first), lambda: talk(second))


@pytest.mark.parametrize(("count", "size"), [(3000, 100), (20, 200_000)])
def test_what_was_sent_before_close_arrives(sock: Any, count: int, size: int) -> None:
    pull, push = pair(sock, "PULL", "PUSH", sndhwm=0, rcvhwm=10)
    for number in range(count):
        push.send(body(number, size))
    push.close(linger=10_000)
    for number in range(count):
        assert pull.recv() == body(number, size)


def test_the_high_water_mark(sock: Any) -> None:
    pull, push = pair(sock, "PULL", "PUSH", sndhwm=5, rcvhwm=5)
    message = b"x" * 100_000
    wait_until(lambda: try_send(push, message))
    sent = 1
    while push.poll(200, zmq.POLLOUT):
        push.send(message)
        sent += 1
    assert sent < 1000
    assert [pull.recv() for _ in range(sent)] == [message] * sent
    assert push.poll(10_000, zmq.POLLOUT)


def test_conflate(sock: Any) -> None:
    pull, push = pair(sock, "PULL", "PUSH", conflate=1)
    for number in range(2000):
        push.send(b"%d" % number)
    wait_until(lambda: pull.recv() == b"1999")


def test_heartbeats_are_answered_in_boxes(sock: Any, monitor: Any) -> None:
    pull, push = pair(sock, "PULL", "PUSH", heartbeat_ivl=20, heartbeat_timeout=2000)
    watch = monitor(push)
    push.send(b"first")
    assert pull.recv() == b"first"
    assert not pull.poll(300)  # a dozen heartbeats
    push.send(b"second")
    assert pull.recv() == b"second"
    assert zmq.EVENT_DISCONNECTED not in [event for event, _, _ in watch.seen]


@differs_from_libzmq  # which counts what the box adds
def test_maxmsgsize_is_that_of_the_message(sock: Any, monitor: Any) -> None:
    pull, push = pair(sock, "PULL", "PUSH", maxmsgsize=1000)
    watch = monitor(pull)
    push.send(b"x" * 1000)
    assert pull.recv() == b"x" * 1000
    push.send(b"x" * 1001)
    watch.wait(zmq.EVENT_DISCONNECTED)
    assert drain(pull) == []


# ---------------------------------------------------------------- somebody on the way


class Middle:
    """Passes on what a client and a server say, until it is told to touch what the client says."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.touch: Any = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        near, _ = self.listener.accept()
        with near, socket.create_connection(self.server) as far:
            while not self.stopping.is_set():
                for ready in select.select([near, far], [], [], 0.05)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is near and self.touch:
                        data = self.touch(data)
                    (far if ready is near else near).sendall(data)

    def close(self) -> None:
        self.stopping.set()
        self.thread.join()
        self.listener.close()


@contextmanager
def middle(server: Any) -> Iterator[Middle]:
    made = Middle(tcp_address(last_endpoint(server)))
    try:
        yield made
    finally:
        made.close()


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@differs_from_libzmq  # which hangs up without DISCONNECTED, and takes any flag
@pytest.mark.parametrize(
    ("touch", "reason", "arrives"),
    [
        (flip, CRYPTOGRAPHIC, []),
        (lambda data: data * 2, INVALID_SEQUENCE, [[b"touched"]]),
        (lambda data: b"\x00\x05plain" + data, 0x10000011, []),
        (lambda data: b"\x01" + data[1:], 0x10000012, []),
    ],
    ids=["a flipped bit", "a replay", "a plain message", "another flag"],
)
def test_touched_boxes_end_the_connection(
    sock: Any, monitor: Any, touch: Any, reason: int, arrives: list[list[bytes]]
) -> None:
    """As libzmq tells it: a failed handshake by the event's name, long after the handshake."""
    pull = sock("PULL", bind="tcp://127.0.0.1:*", **SERVER)
    watch = monitor(pull)
    with middle(pull) as between:
        push = sock("PUSH", connect=between.endpoint, **CLIENT)
        push.send(b"untouched")
        assert pull.recv() == b"untouched"
        between.touch = touch
        push.send(b"touched")
        assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)[1] == reason
        watch.wait(zmq.EVENT_DISCONNECTED)
        assert drain(pull) == arrives
        push.close(linger=0)
