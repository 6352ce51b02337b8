"""CONFLATE_TOPICS: a SUB or XSUB keeps the newest message of each topic, multipart ones too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    drain,
    each_transport,
    last_endpoint,
    raises_errno,
    readable,
    wait_until,
    zmq,
)
from tests.raw_zmtp import message

pytestmark = differs_from_libzmq


def subscriber(sock: Any, raw: Any, *topics: bytes, **options: int) -> tuple[Any, Any]:
    """A SUB that conflates, and its publisher, by hand."""
    sub = sock("SUB", conflate_topics=1, bind="tcp://127.0.0.1:*", **options)
    for topic in topics or (b"",):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    wire = raw(last_endpoint(sub))
    wire.handshake(b"PUB")
    for _ in topics or (b"",):
        assert wire.read_command()[0] == b"SUBSCRIBE"
    return sub, wire


def fence(wire: Any) -> None:
    """All that was sent has been read."""
    wire.ping(b"fence")
    assert wire.read_command() == (b"PONG", b"fence")


def test_the_newest_of_each_topic_in_order_of_first_arrival(sock: Any, raw: Any) -> None:
    sub, wire = subscriber(sock, raw)
    for number in range(100):
        for topic in (b"a", b"b", b"c"):
            wire.send(message(topic, b"%d" % number))
    wire.send(message(b"d", b"once", b"three parts"))
    fence(wire)
    assert readable(sub, 10_000)
    assert drain(sub) == [
        [b"a", b"99"],
        [b"b", b"99"],
        [b"c", b"99"],
        [b"d", b"once", b"three parts"],
    ]
    assert not readable(sub)
    wire.send(message(b"a", b"100"))
    assert sub.recv_multipart() == [b"a", b"100"]


def test_what_was_shown_to_poll_is_replaced_too(sock: Any, raw: Any) -> None:
    sub, wire = subscriber(sock, raw)
    wire.send(message(b"a", b"old"))
    assert readable(sub, 10_000)
    wire.send(message(b"b", b"new") + message(b"a", b"new"))
    fence(wire)
    assert sorted(drain(sub)) == [[b"a", b"new"], [b"b", b"new"]]


def test_a_message_being_received_is_not_touched(sock: Any, raw: Any) -> None:
    sub, wire = subscriber(sock, raw)
    wire.send(message(b"a", b"1", b"one"))
    assert sub.recv() == b"a"
    wire.send(message(b"a", b"2", b"two") + message(b"a", b"3", b"three"))
    fence(wire)
    assert sub.recv() == b"1"
    assert sub.recv() == b"one"
    assert sub.recv_multipart() == [b"a", b"3", b"three"]
    assert not readable(sub)


def test_only_what_is_subscribed(sock: Any, raw: Any) -> None:
    sub, wire = subscriber(sock, raw, b"a")
    for number in range(10):
        wire.send(message(b"a%d" % (number % 2)) + message(b"b"))
    fence(wire)
    assert drain(sub, 50) == [[b"a0"], [b"a1"]]


def test_large_messages(sock: Any, raw: Any) -> None:
    sub, wire = subscriber(sock, raw)
    for letter in b"xyz":
        wire.send(message(b"large", bytes([letter]) * 300_000))
    fence(wire)
    assert sub.recv_multipart() == [b"large", b"z" * 300_000]
    assert not readable(sub)


def test_more_topics_than_the_mark_wait(sock: Any, raw: Any) -> None:
    """Nothing is lost, and memory stays bounded: the publisher is not read further."""
    sub, wire = subscriber(sock, raw, rcvhwm=10)
    for number in range(200):
        wire.send(message(b"%d" % number, b"value"))
    got = [sub.recv_multipart() for _ in range(200)]
    assert got == [[b"%d" % number, b"value"] for number in range(200)]


def test_what_was_sent_before_the_end_is_received(sock: Any, raw: Any, monitor: Any) -> None:
    sub, wire = subscriber(sock, raw)
    watch = monitor(sub)
    for number in range(50):
        wire.send(message(b"%d" % (number % 5), b"%d" % number))
    wire.close()
    watch.wait(zmq.EVENT_DISCONNECTED)
    got = [sub.recv_multipart() for _ in range(5)]
    assert got == [[b"%d" % n, b"%d" % (45 + n)] for n in range(5)]


@each_transport
def test_with_a_publisher_of_ours(sock: Any, endpoints: Any, transport: str) -> None:
    pub = sock("XPUB", bind=endpoints.any(transport))
    sub = sock("SUB", conflate_topics=1)
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    sub.connect(last_endpoint(pub))
    assert pub.recv() == b"\x01"
    for number in range(1000):
        pub.send_multipart([b"%d" % (number % 3), b"%d" % number])
    pub.send_multipart([b"last", b""])
    got: list[Any] = []
    while not got or got[-1] != [b"last", b""]:
        got.append(sub.recv_multipart())
    newest = dict(got)
    assert newest == {b"0": b"999", b"1": b"997", b"2": b"998", b"last": b""}
    if transport == "inproc":
        assert len(got) == 4
    # values of one topic come in order
    for topic in (b"0", b"1", b"2"):
        numbers = [int(value) for name, value in got if name == topic]
        assert numbers == sorted(set(numbers))


def test_xsub(sock: Any, endpoints: Any) -> None:
    """As in front of a proxy; what it is subscribed to comes as it is."""
    xsub = sock("XSUB", conflate_topics=1, bind="tcp://127.0.0.1:*")
    pub = sock("XPUB", connect=last_endpoint(xsub))
    xsub.send(b"\x01")
    assert pub.recv() == b"\x01"
    for number in range(100):
        for topic in (b"a", b"b"):
            pub.send_multipart([topic, b"%d" % number])
    wait_until(lambda: xsub.statistics().messages_replaced == 198)
    assert xsub.statistics().receive_queue == 2
    assert sorted(drain(xsub)) == [[b"a", b"99"], [b"b", b"99"]]


def test_each_message_is_in_one_of_the_numbers(sock: Any, raw: Any) -> None:
    """Also what was about to be received when something newer came."""
    sub, wire = subscriber(sock, raw)
    for number in range(1, 51):
        for topic in (b"a", b"b", b"c"):
            wire.send(message(topic, b"%d" % number))
        fence(wire)
        assert readable(sub, 10_000)
        found = sub.statistics()
        assert found.messages_received + found.messages_replaced + found.receive_queue == 3 * number
        assert (found.messages_received, found.receive_queue) == (0, 3)
    drain(sub)
    found = sub.statistics()
    assert (found.messages_received, found.messages_replaced) == (3, 147)
    assert (found.bytes_received, found.receive_queue) == (3 * (3 + 4), 0)


@pytest.mark.parametrize("kind", ["PUB", "XPUB", "PULL", "DEALER"])
def test_only_for_subscribers(sock: Any, kind: str) -> None:
    other = sock(kind)
    with raises_errno(zmq.EINVAL):
        other.setsockopt(zmq.CONFLATE_TOPICS, 1)
    assert other.getsockopt(zmq.CONFLATE_TOPICS) == 0


def test_read_back_and_switched_off(sock: Any, raw: Any) -> None:
    sub = sock("SUB", conflate_topics=1)
    assert sub.getsockopt(zmq.CONFLATE_TOPICS) == 1
    sub.setsockopt(zmq.CONFLATE_TOPICS, 0)
    sub.bind("tcp://127.0.0.1:*")
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    wire = raw(last_endpoint(sub))
    wire.handshake(b"PUB")
    wire.send(message(b"a") * 3)
    assert [sub.recv() for _ in range(3)] == [b"a"] * 3
