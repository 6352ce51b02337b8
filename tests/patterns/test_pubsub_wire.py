"""PUB and SUB as a peer on the wire sees them: the octets of subscriptions, and whom they bind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    last_endpoint,
    readable,
    zmq,
)
from tests.raw_zmtp import frame, message


def test_sub_filters_what_a_publisher_does_not(sock: Any, raw: Any) -> None:
    """Multicast and careless publishers send everything."""
    sub = sock("SUB", bind="tcp://127.0.0.1:*")
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    wire = raw(last_endpoint(sub))
    wire.handshake(b"PUB")
    wire.send(message(b"other", b"t") + message(b"x") + message(b"topic", b"x") + message(b"tt"))

    assert sub.recv_multipart() == [b"topic", b"x"]
    assert sub.recv_multipart() == [b"tt"]
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
    wire.send(message(b"topic"))
    assert not readable(sub)


def test_the_octets_of_subscriptions_on_3_1(sock: Any, raw_listener: Any) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"PUB")
    wire.settle()
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    assert wire.read(12) == bytes.fromhex("040a09535542534352494245")
    sub.setsockopt(zmq.SUBSCRIBE, b"A")
    assert wire.read(13) == bytes.fromhex("040b0953554253435249424541")
    sub.setsockopt(zmq.SUBSCRIBE, b"A")
    assert wire.read_command() == (b"SUBSCRIBE", b"A")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    assert wire.read(10) == bytes.fromhex("04080643414e43454c41")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"")
    assert wire.read_command() == (b"CANCEL", b"")


def test_the_octets_of_subscriptions_on_3_0(sock: Any, raw_listener: Any) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    sub.setsockopt(zmq.SUBSCRIBE, b"A")
    wire = raw_listener.accept()
    wire.handshake(b"PUB", minor=0)
    assert wire.read(4) == bytes.fromhex("00020141")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    assert wire.read(4) == bytes.fromhex("00020041")


@pytest.mark.parametrize("length", [244, 245, 246, 247, 254, 255, 256, 1000])
def test_topics_around_the_size_of_a_short_frame(sock: Any, raw_listener: Any, length: int) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    sub.setsockopt(zmq.SUBSCRIBE, b"t" * length)
    wire = raw_listener.accept()
    wire.handshake(b"PUB")
    assert wire.read_command() == (b"SUBSCRIBE", b"t" * length)
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t" * length)
    assert wire.read_command() == (b"CANCEL", b"t" * length)


@differs_from_libzmq
@pytest.mark.parametrize("length", [254, 255, 256])
def test_such_topics_towards_a_3_0_publisher(sock: Any, raw_listener: Any, length: int) -> None:
    """At 255 libzmq writes a long size under a short frame's flags."""
    sub = sock("SUB", connect=raw_listener.endpoint)
    sub.setsockopt(zmq.SUBSCRIBE, b"t" * length)
    wire = raw_listener.accept()
    wire.handshake(b"PUB", minor=0)
    assert wire.read_message() == [b"\x01" + b"t" * length]


@pytest.mark.parametrize("style", ["command", "message"])
def test_a_publisher_honours_both_styles(sock: Any, raw: Any, style: str) -> None:
    """Also messages on a 3.1 link: that is what XSUB.send() and old proxies produce."""
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    wire.minor = 1 if style == "command" else 0
    wire.subscribe(b"t")
    wire.ping(b"fence")
    assert wire.read_command() == (b"PONG", b"fence")
    subscribed(pub, wire)
    wire.cancel(b"t")
    wire.subscribe(b"end")
    subscribed(pub, wire, b"end")
    pub.send(b"topic")
    pub.send(b"end")
    assert wire.read_message() == [b"end"]


def subscribed(pub: Any, wire: Any, topic: bytes = b"topic") -> None:
    """Publish until the raw subscriber hears it, and once more for the end."""
    wire.sock.settimeout(0.05)
    for _ in range(200):
        pub.send(topic)
        try:
            assert wire.read_message() == [topic]
            break
        except TimeoutError:
            continue
    wire.sock.settimeout(10)
    pub.send(topic + b", the last")
    while wire.read_message() != [topic + b", the last"]:
        pass


def test_one_cancel_ends_many_subscribes_of_one_connection(sock: Any, raw: Any) -> None:
    """A set per connection, not a count: libzmq's SUB subscribes often and cancels once."""
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    for _ in range(5):
        wire.subscribe(b"t")
    wire.cancel(b"t")
    wire.subscribe(b"end")
    while pub.recv() != b"\x01end":
        pass
    pub.send(b"topic")
    pub.send(b"end")
    assert wire.read_message() == [b"end"]


@pytest.mark.parametrize(
    "traffic",
    [
        frame(b"user message"),
        frame(b"\x02t"),
        frame(b""),
        frame(b"SUBSCRIBEt"),
        message(b"a", b"b"),
    ],
)
def test_a_publisher_ignores_user_messages(sock: Any, raw: Any, traffic: bytes) -> None:
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    wire.send(traffic)
    wire.subscribe(b"t")
    subscribed(pub, wire)
    assert not readable(pub)


@differs_from_libzmq
def test_an_idle_subscriber_subscribes_again_by_itself(sock: Any, raw_listener: Any) -> None:
    """libzmq waits until the application touches the socket."""
    sub = sock("SUB", connect=raw_listener.endpoint, reconnect_ivl=5)
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    for _ in range(3):
        wire = raw_listener.accept()
        wire.handshake(b"PUB")
        assert wire.read_command() == (b"SUBSCRIBE", b"t")
        wire.reset()


def test_a_message_begun_before_a_subscriber_came_is_not_for_him(sock: Any, raw: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    pub.send(b"begun", zmq.SNDMORE)
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    wire.subscribe(b"")
    assert pub.recv() == b"\x01"
    pub.send(b"middle", zmq.SNDMORE)
    pub.send(b"end")
    pub.send(b"next")

    assert wire.read_message() == [b"next"]
