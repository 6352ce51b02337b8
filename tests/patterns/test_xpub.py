"""XPUB: subscriptions seen by the application, and how it may take a hand in them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    each_transport,
    fill,
    last_endpoint,
    raises_errno,
    readable,
    receive,
    writable,
    zmq,
)
from tests.raw_zmtp import message


def subscriber(sock: Any, xpub: Any, *topics: bytes) -> Any:
    sub = sock("SUB", connect=last_endpoint(xpub))
    for topic in topics:
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    return sub


@each_transport
def test_subscriptions_are_reported(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", bind=endpoints.any(transport))
    sub = subscriber(sock, xpub, b"", b"a")
    assert xpub.recv() == b"\x01"
    assert xpub.recv() == b"\x01a"
    sub.setsockopt(zmq.UNSUBSCRIBE, b"a")
    assert xpub.recv() == b"\x00a"


@each_transport
@pytest.mark.parametrize("option", [None, "XPUB_VERBOSE", "XPUB_VERBOSER"])
def test_what_is_reported_of_two_subscribers(
    sock: Any, endpoints: Any, transport: str, option: str | None
) -> None:
    """The first and the last; all subscribes with VERBOSE; all of both with VERBOSER."""
    xpub = sock("XPUB", bind=endpoints.any(transport))
    if option:
        xpub.setsockopt(getattr(zmq, option), 1)
    one = subscriber(sock, xpub, b"t")
    assert xpub.recv() == b"\x01t"
    two = subscriber(sock, xpub, b"t", b"z fence")
    reports = until(xpub, b"\x01z fence")
    assert reports == ([b"\x01t"] if option else [])
    one.setsockopt(zmq.UNSUBSCRIBE, b"t")
    one.setsockopt(zmq.SUBSCRIBE, b"z fence 2")
    reports = until(xpub, b"\x01z fence 2")
    assert reports == ([b"\x00t"] if option == "XPUB_VERBOSER" else [])
    two.setsockopt(zmq.UNSUBSCRIBE, b"t")
    assert xpub.recv() == b"\x00t"


def until(xpub: Any, last: bytes) -> list[bytes]:
    got = []
    while (report := xpub.recv()) != last:
        got.append(report)
    return got


def test_verbose_reports_repeated_subscribes_of_one_connection(sock: Any, raw: Any) -> None:
    xpub = sock("XPUB", xpub_verbose=1, bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(xpub))
    wire.handshake(b"SUB")
    for _ in range(3):
        wire.subscribe(b"t")
    assert [xpub.recv() for _ in range(3)] == [b"\x01t"] * 3


def test_verbose_switches_verboser_off(sock: Any, raw: Any) -> None:
    xpub = sock("XPUB", xpub_verboser=1, bind="tcp://127.0.0.1:*")
    xpub.setsockopt(zmq.XPUB_VERBOSE, 1)
    wires = [raw(last_endpoint(xpub)) for _ in range(2)]
    for wire in wires:
        wire.handshake(b"SUB")
        wire.subscribe(b"t")
        assert xpub.recv() == b"\x01t"
    wires[0].cancel(b"t")
    wires[0].subscribe(b"z fence")
    assert xpub.recv() == b"\x01z fence"


def test_cancelling_the_unknown_is_reported(sock: Any, raw: Any) -> None:
    xpub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(xpub))
    wire.handshake(b"SUB")
    wire.cancel(b"never")

    assert xpub.recv() == b"\x00never"


@each_transport
def test_leaving_unsubscribes_what_vanishes(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", bind=endpoints.any(transport))
    stays = subscriber(sock, xpub, b"shared")
    assert xpub.recv() == b"\x01shared"
    goes = subscriber(sock, xpub, b"shared", b"a", b"b")
    assert [xpub.recv() for _ in range(2)] == [b"\x01a", b"\x01b"]
    goes.close()

    assert sorted(xpub.recv() for _ in range(2)) == [b"\x00a", b"\x00b"]
    assert not readable(xpub)
    stays.close()
    assert xpub.recv() == b"\x00shared"


@each_transport
def test_user_messages_come_up(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", bind=endpoints.any(transport))
    xsub = sock("XSUB", connect=last_endpoint(xpub))
    xsub.send_multipart([b"from below", b"two"])
    assert xpub.recv_multipart() == [b"from below", b"two"]
    xsub.send(b"")
    assert xpub.recv_multipart() == [b""]


@each_transport
def test_a_later_frame_may_be_a_subscription(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", bind=endpoints.any(transport))
    xsub = sock("XSUB", connect=last_endpoint(xpub))
    xsub.send_multipart([b"user", b"\x01topic"])
    xsub.send(b"end")
    got = []
    while (parts := xpub.recv_multipart()) != [b"end"]:
        got.append(parts)

    assert b"\x01topic" in [part for parts in got for part in parts]
    xpub.send(b"topic!")
    assert xsub.recv() == b"topic!"


@each_transport
def test_only_first_subscribe(sock: Any, endpoints: Any, transport: str) -> None:
    if not hasattr(zmq, "ONLY_FIRST_SUBSCRIBE"):
        pytest.skip("no such option")
    xpub = sock("XPUB", only_first_subscribe=1, bind=endpoints.any(transport))
    xsub = sock("XSUB", only_first_subscribe=1, connect=last_endpoint(xpub))
    xsub.send_multipart([b"user", b"\x01topic"])
    assert xpub.recv_multipart() == [b"user", b"\x01topic"]
    xsub.send(b"\x01end")
    assert xpub.recv() == b"\x01end"
    xpub.send(b"topic!")
    xpub.send(b"end")
    assert xsub.recv() == b"end"


@each_transport
def test_nodrop_would_block_at_the_mark(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_nodrop=1, sndhwm=3, sndbuf=8192, bind=endpoints.any(transport))
    sub = sock("SUB", rcvhwm=3, rcvbuf=8192, connect=last_endpoint(xpub))
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    assert xpub.recv() == b"\x01"
    body = b"x" * 300_000

    sent = fill(xpub, body, wait_ms=50)  # the last one would have blocked

    receive(sub, sent)
    assert writable(xpub, 10_000)
    assert fill(xpub, body, wait_ms=50) > 0


@each_transport
def test_nodrop_waits_for_those_concerned_only(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_nodrop=1, sndhwm=1, sndbuf=8192, bind=endpoints.any(transport))
    full = sock("SUB", rcvhwm=1, rcvbuf=8192, connect=last_endpoint(xpub))
    full.setsockopt(zmq.SUBSCRIBE, b"full")
    free = sock("SUB", connect=last_endpoint(xpub))
    free.setsockopt(zmq.SUBSCRIBE, b"free")
    assert sorted(xpub.recv() for _ in range(2)) == [b"\x01free", b"\x01full"]
    fill(xpub, b"full" * 100_000, wait_ms=50)
    for number in range(20):
        xpub.send(b"free %d" % number)
        assert free.recv() == b"free %d" % number


@each_transport
def test_welcome_is_the_first_message(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_welcome_msg=b"W", bind=endpoints.any(transport))
    for _ in range(2):
        sub = subscriber(sock, xpub, b"W")
        assert xpub.recv() == b"\x01W"  # libzmq welcomes only when looked at
        assert sub.recv() == b"W"
        xpub.send(b"W next")
        assert sub.recv() == b"W next"
        sub.close()
        assert xpub.recv() == b"\x00W"


@each_transport
def test_manual_the_application_decides(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_manual=1, bind=endpoints.any(transport))
    sub = subscriber(sock, xpub, b"wish")
    assert xpub.recv() == b"\x01wish"
    sub.setsockopt(zmq.SUBSCRIBE, b"given")
    assert xpub.recv() == b"\x01given"
    xpub.setsockopt(zmq.SUBSCRIBE, b"given")
    xpub.send(b"wish")
    xpub.send(b"given")
    assert sub.recv() == b"given"
    sub.setsockopt(zmq.UNSUBSCRIBE, b"wish")
    assert xpub.recv() == b"\x00wish"
    xpub.setsockopt(zmq.UNSUBSCRIBE, b"given")
    xpub.setsockopt(zmq.SUBSCRIBE, b"given too")
    xpub.send(b"given")
    xpub.send(b"given too")
    assert sub.recv() == b"given too"


@each_transport
def test_manual_applies_to_the_one_last_heard(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_manual=1, bind=endpoints.any(transport))
    one = subscriber(sock, xpub, b"1")
    assert xpub.recv() == b"\x011"
    xpub.setsockopt(zmq.SUBSCRIBE, b"1")
    two = subscriber(sock, xpub, b"2")
    assert xpub.recv() == b"\x012"
    xpub.setsockopt(zmq.SUBSCRIBE, b"2")
    xpub.send(b"1")
    xpub.send(b"2")
    assert one.recv() == b"1"
    assert two.recv() == b"2"
    assert not readable(one, 20)


@each_transport
def test_manual_reports_every_wish(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_manual=1, bind=endpoints.any(transport))
    subs = [subscriber(sock, xpub, b"t") for _ in range(3)]
    assert [xpub.recv() for _ in subs] == [b"\x01t"] * 3


@each_transport
def test_manual_leaving_is_reported(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", xpub_manual=1, bind=endpoints.any(transport))
    sub = subscriber(sock, xpub, b"wish")
    assert xpub.recv() == b"\x01wish"
    xpub.setsockopt(zmq.SUBSCRIBE, b"given")
    sub.close()
    assert xpub.recv() == b"\x00wish"
    xpub.send(b"given")  # to nobody


@each_transport
def test_manual_last_value_goes_to_the_newcomer_only(
    sock: Any, endpoints: Any, transport: str
) -> None:
    xpub = sock("XPUB", xpub_manual_last_value=1, bind=endpoints.any(transport))
    old = subscriber(sock, xpub, b"t")
    assert xpub.recv() == b"\x01t"
    xpub.setsockopt(zmq.SUBSCRIBE, b"t")
    xpub.send(b"t: for the first")
    assert old.recv() == b"t: for the first"
    new = subscriber(sock, xpub, b"t")
    assert xpub.recv() == b"\x01t"
    xpub.setsockopt(zmq.SUBSCRIBE, b"t")
    xpub.send(b"t: cached")
    assert new.recv() == b"t: cached"
    xpub.send(b"t: for all")
    assert new.recv() == b"t: for all"
    assert old.recv() == b"t: for all"


def test_manual_options_only_in_manual_mode(sock: Any) -> None:
    with raises_errno(zmq.EINVAL):
        sock("XPUB").setsockopt(zmq.SUBSCRIBE, b"t")


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="its getter is for SUB and XSUB in 4.3.5's numbering")
def test_topics_count_of_a_publisher(sock: Any, endpoints: Any) -> None:
    xpub = sock("XPUB", bind=endpoints.any("tcp"))
    subs = [subscriber(sock, xpub, b"t"), subscriber(sock, xpub, b"t", b"u")]
    assert sorted(xpub.recv() for _ in range(2)) == [b"\x01t", b"\x01u"]
    assert xpub.getsockopt(zmq.TOPICS_COUNT) == 2
    del subs


@each_transport
def test_messages_are_filtered_per_subscriber(sock: Any, endpoints: Any, transport: str) -> None:
    xpub = sock("XPUB", bind=endpoints.any(transport))
    subs = {topic: subscriber(sock, xpub, topic) for topic in (b"a", b"b", b"c")}
    for _ in subs:
        xpub.recv()
    for number in range(10):
        for topic in subs:
            xpub.send_multipart([topic, b"%d" % number])
    for topic, sub in subs.items():
        assert [sub.recv_multipart() for _ in range(10)] == [[topic, b"%d" % n] for n in range(10)]


def test_a_user_message_between_subscriptions_keeps_its_place(sock: Any, raw: Any) -> None:
    xpub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(xpub))
    wire.handshake(b"XSUB")
    wire.subscribe(b"a")
    wire.send(message(b"user", b"message"))
    wire.subscribe(b"b")

    got = [xpub.recv_multipart() for _ in range(3)]
    assert got == [[b"\x01a"], [b"user", b"message"], [b"\x01b"]]
