"""What a peer of ZMTP 3 sees of us, and what it may do, where no other test looks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import Monitor, differs_from_libzmq, last_endpoint, readable, zmq
from tests.raw_zmtp import RawListener, command, frame, greeting, message, prop, ready

TCP = "tcp://127.0.0.1:*"


def test_nothing_is_sent_in_front_of_the_peers_ready(sock: Any, raw_listener: RawListener) -> None:
    """libzmq takes a frame that comes before it has sent its own READY for a second one."""
    push = sock("PUSH", connect=raw_listener.endpoint)
    push.send(b"waiting")
    wire = raw_listener.accept()
    wire.send(greeting())
    assert len(wire.read(64)) == 64
    assert wire.read_command()[0] == b"READY"
    assert not wire.has_input(0.05)
    wire.send(ready(b"PULL"))
    assert wire.read_message() == [b"waiting"]


def test_ready_and_traffic_in_one_piece(sock: Any, raw: Any) -> None:
    pull = sock("PULL", bind=TCP)
    wire = raw(last_endpoint(pull))
    wire.send(greeting())
    wire.read(64)
    wire.read_command()
    wire.send(ready(b"PUSH") + message(b"a", b"b") + message(b"c"))
    assert pull.recv_multipart() == [b"a", b"b"]
    assert pull.recv() == b"c"


def test_a_subscription_in_words_is_a_message(sock: Any, raw: Any) -> None:
    """Without the COMMAND flag it is nobody's command."""
    xpub = sock("XPUB", bind=TCP)
    wire = raw(last_endpoint(xpub))
    wire.handshake(b"XSUB")
    wire.send(frame(b"\x09SUBSCRIBEt"))
    assert xpub.recv() == b"\x09SUBSCRIBEt"
    wire.subscribe(b"u")
    assert xpub.recv() == b"\x01u"
    xpub.send(b"t")
    xpub.send(b"u")
    assert wire.read_message() == [b"u"]


def test_commands_subscribe_on_a_3_0_link_as_well(sock: Any, raw: Any) -> None:
    xpub = sock("XPUB", bind=TCP)
    wire = raw(last_endpoint(xpub))
    wire.handshake(b"SUB", minor=0)
    wire.send(command(b"SUBSCRIBE", b"t"))
    assert xpub.recv() == b"\x01t"
    xpub.send(b"t1")
    assert wire.read_message() == [b"t1"]
    wire.send(command(b"CANCEL", b"t"))
    assert xpub.recv() == b"\x00t"


@differs_from_libzmq
@pytest.mark.parametrize(("kind", "theirs"), [("PULL", b"PUSH"), ("DEALER", b"DEALER")])
def test_subscriptions_to_who_does_not_publish(
    sock: Any, raw: Any, kind: str, theirs: bytes
) -> None:
    """libzmq gives them to the application."""
    mine = sock(kind, bind=TCP)
    wire = raw(last_endpoint(mine))
    wire.handshake(theirs)
    wire.send(command(b"SUBSCRIBE", b"t") + command(b"CANCEL", b"t") + message(b"hi"))
    assert mine.recv() == b"hi"


def test_every_subscribe_is_said_and_one_cancel(sock: Any, raw_listener: RawListener) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"PUB")
    for topic in (b"A", b"A", b"B"):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
        assert wire.read_command() == (b"SUBSCRIBE", topic)
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"B")
    assert wire.read_command() == (b"CANCEL", b"B")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    assert wire.read_command() == (b"CANCEL", b"A")


def test_properties_of_a_message(sock: Any, raw: Any) -> None:
    """What the peer's READY said, and from where it came."""
    router = sock("ROUTER", bind=TCP)
    wire = raw(last_endpoint(router))
    wire.send(greeting())
    wire.read(64)
    wire.read_command()
    properties = prop(b"Socket-Type", b"DEALER") + prop(b"Identity", b"me")
    wire.send(command(b"READY", properties + prop(b"X-Colour", b"blue")) + message(b"a", b"b"))
    for part in router.recv_multipart(copy=False):
        assert part.get("Socket-Type") == "DEALER"
        assert part.get("Identity") == "me"
        assert part.get("X-Colour") == "blue"
        assert part.get("Peer-Address") == "127.0.0.1"


def test_metadata_is_announced(sock: Any, raw: Any) -> None:
    """By name, behind what we are."""
    push = sock("PUSH")
    push.setsockopt(zmq.METADATA, b"X-k:v")
    push.setsockopt(zmq.METADATA, b"X-a:hello")
    push.bind(TCP)
    wire = raw(last_endpoint(push))
    body = wire.handshake(b"PULL")
    assert body == (
        b"\x05READY" + prop(b"Socket-Type", b"PUSH") + prop(b"X-a", b"hello") + prop(b"X-k", b"v")
    )


@pytest.mark.parametrize("status", [300, 400, 500])
def test_an_error_with_a_status_ends_it_for_good(
    sock: Any, raw_listener: RawListener, status: int
) -> None:
    push = sock("PUSH", reconnect_ivl=10)
    watch = Monitor(push)
    push.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.send(greeting())
    wire.read(64)
    wire.read_command()
    wire.send(command(b"ERROR", b"\x03%d" % status))
    wire.expect_closed()
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_AUTH)[1] == status
    with pytest.raises(TimeoutError):
        raw_listener.accept(0.15)
    watch.close()


def test_more_on_a_command_means_nothing(sock: Any, raw: Any) -> None:
    pull = sock("PULL", bind=TCP)
    wire = raw(last_endpoint(pull))
    wire.handshake(b"PUSH")
    wire.send(frame(b"\x03FLY", 0x05) + message(b"hi"))
    assert pull.recv_multipart() == [b"hi"]
    assert not readable(pull, 1)
