"""ZMTP 3.0 peers (libzmq 4.0 to 4.3.2): subscriptions are messages, the rest is the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import last_endpoint, readable, wait_until, zmq
from tests.raw_zmtp import MORE, frame, message


@pytest.fixture
def old(raw: Any) -> Any:
    """old(sock, kind): a raw 3.0 peer connected to `sock`."""

    def make(bound: Any, kind: bytes, identity: bytes | None = None) -> Any:
        wire = raw(last_endpoint(bound))
        wire.handshake(kind, identity, minor=0)
        return wire

    return make


def test_an_old_subscriber(sock: Any, old: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = old(pub, b"SUB")
    wire.send(bytes.fromhex("00020141"))
    assert pub.recv() == b"\x01A"
    pub.send_multipart([b"B", b"no"])
    pub.send_multipart([b"AB", b"yes"])
    assert wire.read_message() == [b"AB", b"yes"]
    wire.send(bytes.fromhex("00020041"))
    assert pub.recv() == b"\x00A"


def test_an_old_publisher(sock: Any, old: Any) -> None:
    sub = sock("SUB", bind="tcp://127.0.0.1:*")
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    wire = old(sub, b"PUB")
    readable(sub)  # a bound SUB of libzmq subscribes only when looked at
    assert wire.read_frame() == (0, b"\x01t")
    wire.send(message(b"topic", b"x"))
    assert sub.recv_multipart() == [b"topic", b"x"]
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
    assert wire.read_frame() == (0, b"\x00t")


def test_old_and_new_subscribers_together(sock: Any, old: Any, raw: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    one = old(pub, b"SUB")
    two = raw(last_endpoint(pub))
    two.handshake(b"SUB")
    one.subscribe(b"t")
    assert pub.recv() == b"\x01t"
    two.subscribe(b"tt")
    assert pub.recv() == b"\x01tt"
    pub.send(b"t1")
    pub.send(b"tt2")
    assert [one.read_message(), one.read_message()] == [[b"t1"], [b"tt2"]]
    assert two.read_message() == [b"tt2"]


def test_an_old_xsubs_user_message(sock: Any, old: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = old(pub, b"XSUB")
    wire.send(message(b"user", b"message"))
    assert pub.recv_multipart() == [b"user", b"message"]


@pytest.mark.parametrize("length", [0, 1, 245, 246, 253, 254, 256, 1000])
def test_topics_of_old_subscribers(sock: Any, old: Any, length: int) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = old(pub, b"SUB")
    wire.subscribe(b"t" * length)
    assert pub.recv() == b"\x01" + b"t" * length
    pub.send(b"t" * 1000)
    assert wire.read_message() == [b"t" * 1000]


def test_old_request_and_reply(sock: Any, old: Any) -> None:
    rep = sock("REP", bind="tcp://127.0.0.1:*")
    wire = old(rep, b"REQ", b"")
    wire.send(message(b"", b"?"))
    assert rep.recv() == b"?"
    rep.send(b"!")
    assert wire.read_message() == [b"", b"!"]


def test_old_dealer_and_router(sock: Any, old: Any) -> None:
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    wire = old(router, b"DEALER", b"elder")
    wire.send(message(b"a", b"b"))
    assert router.recv_multipart() == [b"elder", b"a", b"b"]
    router.send_multipart([b"elder", b"c"])
    assert wire.read_message() == [b"c"]


def test_the_octets_of_a_message(sock: Any, old: Any) -> None:
    """zmtp 3: flags, size, body; MORE on all but the last; LONG from 256 octets on."""
    push = sock("PUSH", bind="tcp://127.0.0.1:*")
    wire = old(push, b"PULL")
    wait_until(lambda: push.poll(10, zmq.POLLOUT))
    push.send_multipart([b"a", b"", b"ccc"])
    push.send(b"")
    push.send(b"x" * 255)
    push.send(b"y" * 256)

    assert wire.read(10) == bytes.fromhex("01016101000003636363")
    assert wire.read(2) == bytes.fromhex("0000")
    assert wire.read(257) == b"\x00\xff" + b"x" * 255
    assert wire.read(265) == bytes.fromhex("020000000000000100") + b"y" * 256


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1000])
def test_a_stream_in_pieces(sock: Any, old: Any, piece: int) -> None:
    """Where the octets are cut has no meaning."""
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    wire = old(pull, b"PUSH")
    messages = [[b"m" * size, b"", b"%d" % size] for size in (0, 1, 100, 255, 256, 300, 3000)]
    data = b"".join(message(*parts) for parts in messages)
    data += frame(b"long for short", MORE).replace(b"\x01\x0e", b"\x03" + bytes(7) + b"\x0e")
    data += frame(b"end")
    for start in range(0, len(data), piece):
        wire.send(data[start : start + piece])

    assert [pull.recv_multipart() for _ in messages] == messages
    assert pull.recv_multipart() == [b"long for short", b"end"]


def test_greeting_octets(sock: Any, raw: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pull))
    assert wire.read(10) == bytes.fromhex("ff00000000000000017f")
    wire.send(b"\xff" + bytes(8) + b"\x7f\x03")
    assert wire.read(54) == b"\x03\x01NULL" + bytes(48)


def test_greeting_octet_by_octet(sock: Any, raw: Any) -> None:
    from tests.raw_zmtp import greeting, ready

    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pull))
    for octet in greeting():
        wire.send(bytes([octet]))
    wire.read(64)
    for octet in ready(b"PUSH"):
        wire.send(bytes([octet]))
    assert wire.read_command()[0] == b"READY"
    for octet in message(b"hello", b"", b"w" * 300):
        wire.send(bytes([octet]))
    assert pull.recv_multipart() == [b"hello", b"", b"w" * 300]
