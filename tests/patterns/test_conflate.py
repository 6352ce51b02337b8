"""CONFLATE: a queue of one, the newest message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    Deadline,
    drain,
    last_endpoint,
    readable,
    subscription_arrives,
    zmq,
)
from tests.raw_zmtp import message

each_wire = pytest.mark.parametrize("transport", ["tcp", "ipc"])


def test_a_receiver_keeps_the_last_of_many(sock: Any, raw: Any) -> None:
    pull = sock("PULL", conflate=1, bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pull))
    wire.handshake(b"PUSH")
    for number in range(20):
        wire.send(message(b"%d" % number))
    wire.ping(b"fence")
    assert wire.read_command() == (b"PONG", b"fence")
    assert readable(pull, 10_000)

    assert last_of(pull) == b"19"


@each_wire
def test_a_sender_keeps_the_last_of_many(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", conflate=1, connect=endpoint, reconnect_ivl=10)
    for number in range(20):
        push.send(b"%d" % number)
    pull = sock("PULL", bind=endpoint)

    assert pull.recv() == b"19"
    assert not readable(pull)


@each_wire
@pytest.mark.parametrize("kind", ["SUB", "PULL", "DEALER"])
def test_the_newest_arrives_in_the_end(
    sock: Any, endpoints: Any, transport: str, kind: str
) -> None:
    other = {"SUB": "PUB", "PULL": "PUSH", "DEALER": "DEALER"}[kind]
    sender = sock(other, bind=endpoints.any(transport))
    receiver = sock(kind, conflate=1)
    if kind == "SUB":
        receiver.setsockopt(zmq.SUBSCRIBE, b"")
    receiver.connect(last_endpoint(sender))
    if kind == "SUB":
        deadline = Deadline()
        while not readable(receiver, 5):
            assert deadline.left
            sender.send(b"settle")
    for number in range(200):
        sender.send(b"%d" % number)

    got: list[bytes] = []
    while not got or got[-1] != b"199":
        got.append(receiver.recv())
    numbers = [int(body) for body in got if body != b"settle"]
    assert numbers == sorted(set(numbers))


def test_the_mark_is_ignored(sock: Any, endpoints: Any) -> None:
    push = sock("PUSH", conflate=1, sndhwm=1, connect=endpoints.fixed("tcp"))
    for _ in range(100):
        push.send(b"x", zmq.DONTWAIT)


def test_a_publisher_conflates_per_subscriber(sock: Any, endpoints: Any) -> None:
    pub = sock("PUB", bind=endpoints.any("tcp"))
    plain = sock("SUB", connect=last_endpoint(pub))
    plain.setsockopt(zmq.SUBSCRIBE, b"")
    subscription_arrives(pub, plain)
    for number in range(100):
        pub.send(b"%d" % number)
    assert [plain.recv() for _ in range(100)] == [b"%d" % n for n in range(100)]


def test_the_option_is_kept_where_it_has_no_meaning(sock: Any) -> None:
    for kind in ("REQ", "ROUTER", "PAIR"):
        made = sock(kind)
        made.setsockopt(zmq.CONFLATE, 1)
        assert made.getsockopt(zmq.CONFLATE) == 1


def last_of(pull: Any) -> bytes:
    body: bytes = drain(pull, 20)[-1][0]
    return body
