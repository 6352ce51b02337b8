"""XSUB: subscriptions are messages the application sends; nothing is filtered on the way in."""

from __future__ import annotations

from typing import Any

from tests.helpers import (
    differs_from_libzmq,
    each_transport,
    last_endpoint,
    needs_draft,
    readable,
    writable,
    zmq,
)
from tests.raw_zmtp import COMMAND, message


@each_transport
def test_subscribing_by_message(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", bind=endpoints.any(transport))
    xsub = sock("XSUB", connect=last_endpoint(xpub))
    xsub.send(b"\x01t")
    assert xpub.recv() == b"\x01t"
    xpub.send(b"other")
    xpub.send(b"topic")
    assert xsub.recv() == b"topic"
    xsub.send(b"\x00t")
    assert xpub.recv() == b"\x00t"
    xpub.send(b"topic")
    assert not readable(xsub)


@each_transport
def test_subscribing_before_connecting(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    xsub = sock("XSUB")
    xsub.send(b"\x01b")
    xsub.send(b"\x01a")
    xsub.connect(endpoint)
    xpub = sock("XPUB", bind=endpoint)
    readable(xsub, 0)

    assert [xpub.recv() for _ in range(2)] == [b"\x01a", b"\x01b"]


def test_it_does_not_filter(sock: Any, raw: Any) -> None:
    xsub = sock("XSUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(xsub))
    wire.handshake(b"PUB")
    wire.send(message(b"never asked for"))

    assert xsub.recv() == b"never asked for"


@each_transport
def test_user_messages_go_to_all_publishers(sock: Any, endpoints: Any, transport: str) -> None:
    xpubs = [sock("XPUB", bind=endpoints.any(transport)) for _ in range(3)]
    xsub = sock("XSUB")
    for xpub in xpubs:
        xsub.connect(last_endpoint(xpub))
    xsub.send(b"\x01t")
    for xpub in xpubs:
        assert xpub.recv() == b"\x01t"
    xsub.send_multipart([b"to", b"all"])
    for xpub in xpubs:
        assert xpub.recv_multipart() == [b"to", b"all"]


def test_it_is_always_writable(sock: Any, endpoints: Any) -> None:
    xsub = sock("XSUB", bind=endpoints.any("tcp"), sndhwm=1)
    assert writable(xsub)
    for _ in range(100):
        xsub.send(b"to nobody", zmq.DONTWAIT)


def test_a_cancel_is_sent_at_the_last_only(sock: Any, raw_listener: Any) -> None:
    xsub = sock("XSUB", connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"XPUB")
    wire.settle()
    xsub.send(b"\x01t")
    xsub.send(b"\x01t")
    xsub.send(b"\x00t")
    xsub.send(b"\x00never")
    xsub.send(b"\x01fence")
    xsub.send(b"\x00t")
    xsub.send(b"user")
    seen = [seen_as(wire) for _ in range(5)]

    assert seen == [b"\x01t", b"\x01t", b"\x01fence", b"\x00t", b"user"]


@needs_draft
def test_verbose_unsubscribe_sends_every_cancel(sock: Any, raw_listener: Any) -> None:
    xsub = sock("XSUB", xsub_verbose_unsubscribe=1, connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"XPUB")
    wire.settle()
    for body in (b"\x01t", b"\x01t", b"\x00t", b"\x00never", b"\x00t"):
        xsub.send(body)
    seen = [seen_as(wire) for _ in range(5)]

    assert seen == [b"\x01t", b"\x01t", b"\x00t", b"\x00never", b"\x00t"]


def seen_as(wire: Any) -> bytes:
    """A subscription in either style, or a user message, as the application wrote it."""
    flags, body = wire.read_frame()
    if not flags & COMMAND:
        return bytes(body)
    name, data = body[1 : 1 + body[0]], body[1 + body[0] :]
    return {b"SUBSCRIBE": b"\x01", b"CANCEL": b"\x00"}[bytes(name)] + bytes(data)


def test_distinct_topics_come_again_sorted(sock: Any, raw_listener: Any) -> None:
    xsub = sock("XSUB", connect=raw_listener.endpoint, reconnect_ivl=5)
    raw_listener.accept().reset()
    for topic in (b"b", b"c", b"a", b"b", b"ab", b""):
        xsub.send(b"\x01" + topic)
    xsub.send(b"\x00c")
    xsub.send(b"user messages do not come again")
    for _ in range(2):
        wire = raw_listener.accept()
        wire.handshake(b"XPUB")
        readable(xsub)
        got: list[bytes] = []
        while len(got) < 4:
            seen = seen_as(wire)
            if seen in (b"\x01", b"\x01a", b"\x01ab", b"\x01b"):
                got.append(seen)
        wire.reset()
    assert got == [b"\x01", b"\x01a", b"\x01ab", b"\x01b"]


@differs_from_libzmq
def test_an_idle_xsub_subscribes_again_by_itself(sock: Any, raw_listener: Any) -> None:
    xsub = sock("XSUB", connect=raw_listener.endpoint, reconnect_ivl=5)
    xsub.send(b"\x01t")
    for _ in range(2):
        wire = raw_listener.accept()
        wire.handshake(b"XPUB")
        assert seen_as(wire) == b"\x01t"
        wire.reset()


@each_transport
def test_a_forwarder_of_xsub_and_xpub(sock: Any, endpoints: Any, transport: str) -> None:
    """Subscriptions travel up through it, messages down."""
    xsub = sock("XSUB", bind=endpoints.any(transport))
    xpub = sock("XPUB", bind=endpoints.any(transport))
    pub = sock("XPUB", connect=last_endpoint(xsub))
    sub = sock("SUB", connect=last_endpoint(xpub))
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    xsub.send(xpub.recv())
    assert pub.recv() == b"\x01t"
    pub.send_multipart([b"topic", b"body"])
    xpub.send_multipart(xsub.recv_multipart())
    assert sub.recv_multipart() == [b"topic", b"body"]
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
    xsub.send(xpub.recv())
    assert pub.recv() == b"\x00t"
