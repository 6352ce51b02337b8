"""What is said before the peer is there, or while he is away: in which order it reaches him."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    drain,
    each_transport,
    last_endpoint,
    needs_draft,
    new_context,
    raises_errno,
    readable,
    try_send,
    wait_until,
    zmq,
)
from tests.raw_zmtp import COMMAND, message

each_wire = pytest.mark.parametrize("transport", ["tcp", "ipc"])


def said(wire: Any, count: int) -> list[bytes]:
    """Subscriptions and messages as XSUB writes them."""
    got: list[bytes] = []
    for _ in range(count):
        flags, body = wire.read_frame()
        if flags & COMMAND:
            name, body = body[1 : 1 + body[0]], body[1 + body[0] :]
            body = {b"SUBSCRIBE": b"\x01", b"CANCEL": b"\x00"}[name] + body
        got.append(body)
    return got


@pytest.mark.parametrize("minor", [0, 1])
def test_xsub_keeps_the_order(sock: Any, raw_listener: Any, minor: int) -> None:
    xsub = sock("XSUB", connect=raw_listener.endpoint)
    spoken = [b"\x01b", b"user", b"\x01a", b"\x00b", b"x" * 20_000, b"\x01" + b"t" * 20_000]
    for body in spoken:
        xsub.send(body)
    wire = raw_listener.accept()
    wire.handshake(b"XPUB", minor=minor)

    assert said(wire, len(spoken)) == spoken


@pytest.mark.parametrize("minor", [0, 1])
def test_sub_keeps_the_order(sock: Any, raw_listener: Any, minor: int) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    long = b"t" * 20_000
    for topic in (b"b", b"a", long, b"b"):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.setsockopt(zmq.UNSUBSCRIBE, b"a")
    wire = raw_listener.accept()
    wire.handshake(b"PUB", minor=minor)

    spoken = [b"\x01b", b"\x01a", b"\x01" + long, b"\x01b", b"\x00a"]
    assert said(wire, len(spoken)) == spoken


@differs_from_libzmq
def test_the_style_follows_the_publisher(sock: Any, raw_listener: Any) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint, reconnect_ivl=5)
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    for minor in (1, 0, 1, 0):
        wire = raw_listener.accept()
        wire.handshake(b"PUB", minor=minor)
        flags, body = wire.read_frame()
        assert (flags & COMMAND, body) == ((COMMAND, b"\x09SUBSCRIBEt") if minor else (0, b"\x01t"))
        wire.reset()


@differs_from_libzmq
def test_changing_ones_mind_takes_no_memory(sock: Any, raw_listener: Any) -> None:
    """libzmq drops subscriptions at the mark."""
    sub = sock("SUB", connect=raw_listener.endpoint)
    for number in range(20_000):
        sub.setsockopt(zmq.SUBSCRIBE, b"t%d" % number)
        sub.setsockopt(zmq.UNSUBSCRIBE, b"t%d" % number)
    sub.setsockopt(zmq.SUBSCRIBE, b"kept")
    wire = raw_listener.accept()
    wire.handshake(b"PUB")
    count = 0
    while said(wire, 1) != [b"\x01kept"]:
        count += 1
    assert count < 2000


@pytest.mark.parametrize("kind", ["SUB", "XSUB"])
@differs_from_libzmq
def test_nobody_waits_to_subscribe(endpoints: Any, kind: str) -> None:
    """An endless LINGER is for messages, not for saying what one wants to hear."""
    with new_context() as context:
        with context.socket(getattr(zmq, kind)) as sub:
            sub.setsockopt(zmq.LINGER, -1)
            sub.connect(endpoints.fixed("tcp"))
            if kind == "SUB":
                sub.setsockopt(zmq.SUBSCRIBE, b"t")
            else:
                sub.send(b"\x01t")
        context.term()


@each_wire
def test_a_connecting_publisher_keeps_messages_for_who_returns(
    sock: Any, endpoints: Any, monitor: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    pub = sock("PUB", reconnect_ivl=5)
    watch = monitor(pub)
    sub = sock("SUB", bind=endpoint, subscribe=b"")
    pub.connect(endpoint)
    wait_until(lambda: pub.send(b"settle") or readable(sub, 5))
    sub.close()
    watch.wait(zmq.EVENT_DISCONNECTED)
    pub.send(b"meanwhile")
    sub = sock("SUB", bind=endpoint, subscribe=b"")
    got: list[bytes] = []
    while not got or got[-1] != b"meanwhile":
        got.append(sub.recv())
    assert got == [b"meanwhile"]


@each_wire
def test_a_connecting_router_keeps_messages_for_who_returns(
    sock: Any, endpoints: Any, monitor: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    router = sock("ROUTER", reconnect_ivl=5, router_mandatory=1, connect_routing_id=b"peer")
    watch = monitor(router)
    router.connect(endpoint)
    for life in range(3):
        router.send_multipart([b"peer", b"%d" % life])
        dealer = sock("DEALER", bind=endpoint)
        assert dealer.recv() == b"%d" % life
        dealer.send(b"thanks")
        assert router.recv_multipart() == [b"peer", b"thanks"]
        dealer.close()
        watch.wait(zmq.EVENT_DISCONNECTED)


@each_transport
def test_a_name_for_the_next_peer_is_good_before_he_binds(
    sock: Any, endpoints: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    router = sock("ROUTER", connect_routing_id=b"server", router_mandatory=1, connect=endpoint)
    router.send_multipart([b"server", b"early"])
    server = sock("DEALER", bind=endpoint)
    assert server.recv() == b"early"
    server.send(b"late")
    assert router.recv_multipart() == [b"server", b"late"]


@differs_from_libzmq
def test_a_name_that_is_taken_inproc(sock: Any, endpoints: Any) -> None:
    """libzmq aborts the process."""
    endpoint = endpoints.fixed("inproc")
    router = sock("ROUTER", connect_routing_id=b"same", connect=endpoint)
    router.setsockopt(zmq.CONNECT_ROUTING_ID, b"same")
    with raises_errno(zmq.EADDRINUSE):
        router.connect(endpoint)


@needs_draft
@each_wire
def test_each_connection_begins_with_hello(
    sock: Any, endpoints: Any, monitor: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    dealer = sock("DEALER", hello_msg=b"hello", reconnect_ivl=5)
    watch = monitor(dealer)
    dealer.connect(endpoint)
    for life in range(3):
        dealer.send(b"early %d" % life)
        dealer.send(b"x" * 20_000, zmq.SNDMORE)  # a message under way while the connection is made
        other = sock("DEALER", bind=endpoint)
        assert other.recv() == b"hello"
        assert other.recv() == b"early %d" % life
        dealer.send(b"end")
        assert other.recv_multipart() == [b"x" * 20_000, b"end"]
        other.close()
        watch.wait(zmq.EVENT_DISCONNECTED)


@needs_draft
def test_hello_of_a_binder_that_comes_late(sock: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("inproc")
    early = sock("DEALER", hello_msg=b"I connect", connect=endpoint)
    early.send(b"first")
    late = sock("ROUTER", hello_msg=b"I bind", bind=endpoint)
    assert early.recv() == b"I bind"
    assert [late.recv_multipart()[1] for _ in range(2)] == [b"I connect", b"first"]


@needs_draft
@each_transport
def test_notices_keep_their_places(sock: Any, endpoints: Any, transport: str) -> None:
    """Who comes is announced before what he says, who goes after it, all unread so far."""
    router = sock("ROUTER", router_notify=3, disconnect_msg=b"gone", bind=endpoints.any(transport))
    for name in (b"one", b"two"):
        dealer = sock("DEALER", routing_id=name, linger=-1, connect=last_endpoint(router))
        for number in range(5):
            dealer.send_multipart([b"%d" % number, b"tail"])
        dealer.close(linger=-1)
    got: dict[bytes, list[list[bytes]]] = {b"one": [], b"two": []}
    for _ in range(2 * 8):
        name, *parts = router.recv_multipart()
        got[name].append(parts)

    told = [[b""], *([b"%d" % n, b"tail"] for n in range(5)), [b""], [b"gone"]]
    assert got == {b"one": told, b"two": told}
    assert not readable(router)


@needs_draft
@each_wire
def test_notices_of_a_peer_we_connect_to(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    router = sock("ROUTER", router_notify=3, disconnect_msg=b"no", reconnect_ivl=5)
    router.setsockopt(zmq.CONNECT_ROUTING_ID, b"peer")
    router.connect(endpoint)
    for _ in range(3):
        dealer = sock("DEALER", bind=endpoint)
        assert router.recv_multipart() == [b"peer", b""]
        dealer.close()
        assert router.recv_multipart() == [b"peer", b""]
    assert not readable(router)


@each_transport
def test_a_duplicates_turn_comes_in_its_next_life(
    sock: Any, endpoints: Any, transport: str
) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    for life in range(3):
        first = sock("DEALER", routing_id=b"same", connect=last_endpoint(router))
        first.send(b"first")
        assert router.recv_multipart() == [b"same", b"first"]
        second = sock("DEALER", routing_id=b"same", connect=last_endpoint(router))
        second.send(b"second")
        assert not readable(router, 20)
        first.send(b"bye")
        assert router.recv_multipart() == [b"same", b"bye"]
        first.close()
        second.close()
        wait_until(lambda: gone(router, b"same"))
        assert not readable(router, 0), life


def gone(router: Any, name: bytes) -> bool:
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    try:
        router.send_multipart([name, b"?"], zmq.DONTWAIT)
    except zmq.ZMQError as error:
        return bool(error.errno == zmq.EHOSTUNREACH)
    finally:
        router.setsockopt(zmq.ROUTER_MANDATORY, 0)
    return False


def test_a_pair_that_connects_twice_has_one_peer(sock: Any, endpoints: Any) -> None:
    one = sock("PAIR", connect=endpoints.fixed("tcp"))
    first = sock("PAIR", bind=last_endpoint(one))
    one.send(b"1")
    assert first.recv() == b"1"
    second = sock("PAIR", bind=endpoints.any("tcp"))
    one.connect(last_endpoint(second))
    for number in range(10):
        one.send(b"%d" % number)
        assert first.recv() == b"%d" % number
    assert not readable(second)


@each_transport
@pytest.mark.parametrize("kind", ["DEALER", "PUB", "ROUTER"])
def test_disconnect_holds_at_once(sock: Any, endpoints: Any, transport: str, kind: str) -> None:
    """What is sent after it returns does not arrive."""
    other = sock("SUB" if kind == "PUB" else "DEALER", bind=endpoints.any(transport))
    if kind == "PUB":
        other.setsockopt(zmq.SUBSCRIBE, b"")
    sender = sock(kind)
    if kind == "ROUTER":
        sender.setsockopt(zmq.CONNECT_ROUTING_ID, b"it")
    head = [b"it"] if kind == "ROUTER" else []
    sender.connect(last_endpoint(other))
    wait_until(lambda: sender.send_multipart([*head, b"settle"]) or readable(other, 5))
    sender.disconnect(last_endpoint(other))
    for _ in range(10):
        try_send(sender, [*head, b"late"])
    assert [b"late"] not in drain(other, 30)


def test_a_message_under_way_ends_with_its_connection(sock: Any, monitor: Any, raw: Any) -> None:
    """An accepted peer goes in the middle of a message to him: the rest goes to nobody."""
    dealer = sock("DEALER")
    watch = monitor(dealer)
    dealer.bind("tcp://127.0.0.1:*")
    wire = raw(last_endpoint(dealer))
    wire.handshake(b"DEALER")
    wire.send(message(b"here"))
    assert dealer.recv() == b"here"
    dealer.send(b"head", zmq.SNDMORE)
    wire.close()
    watch.wait(zmq.EVENT_DISCONNECTED)
    other = raw(last_endpoint(dealer))
    other.handshake(b"DEALER")
    other.send(message(b"here"))
    assert dealer.recv() == b"here"
    dealer.send(b"middle", zmq.SNDMORE)
    dealer.send(b"tail")
    dealer.send(b"whole")
    assert other.read_message() == [b"whole"]
