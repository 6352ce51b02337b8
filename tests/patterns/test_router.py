"""ROUTER (RFC 28): routing ids, where messages go, and what happens when they cannot."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    drain,
    each_transport,
    fill,
    last_endpoint,
    needs_draft,
    raises_errno,
    receive,
    wait_until,
    writable,
    zmq,
)
from tests.patterns.routers import router_and_dealer
from tests.raw_zmtp import message

each_wire = pytest.mark.parametrize("transport", ["tcp", "ipc"])


@each_transport
@pytest.mark.parametrize("name", [b"a", b"n" * 255, b"\xff\x00\x01"])
def test_the_routing_id_comes_first(sock: Any, endpoints: Any, transport: str, name: bytes) -> None:
    router, dealer = router_and_dealer(sock, endpoints, transport, name)
    router.send_multipart([name, b"a", b"", b"b"])

    assert dealer.recv_multipart() == [b"a", b"", b"b"]


@each_transport
def test_a_peer_without_a_name_is_given_one(sock: Any, endpoints: Any, transport: str) -> None:
    """Five octets: zero and a counter."""
    router = sock("ROUTER", bind=endpoints.any(transport))
    dealers = [sock("DEALER", connect=last_endpoint(router)) for _ in range(3)]
    names = []
    for dealer in dealers:
        dealer.send(b"hello")
        name, hello = router.recv_multipart()
        assert hello == b"hello"
        names.append(name)
        router.send_multipart([name, name])
        assert dealer.recv() == name

    assert all(len(name) == 5 and name[0] == 0 for name in names)
    counters = [struct.unpack(">I", name[1:])[0] for name in names]
    assert len(set(counters)) == 3


@each_transport
def test_each_message_goes_to_its_peer_only(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    names = [b"p%d" % n for n in range(5)]
    dealers = [sock("DEALER", routing_id=name, connect=last_endpoint(router)) for name in names]
    for dealer in dealers:
        dealer.send(b"here")
    for _ in dealers:
        router.recv_multipart()
    for number in range(20):
        for name in names:
            router.send_multipart([name, name + b"%d" % number])

    for name, dealer in zip(names, dealers, strict=True):
        assert [dealer.recv() for _ in range(20)] == [name + b"%d" % n for n in range(20)]


@each_transport
def test_peers_are_heard_in_turn(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    loud = sock("DEALER", routing_id=b"loud", connect=last_endpoint(router))
    quiet = sock("DEALER", routing_id=b"quiet", connect=last_endpoint(router))
    for _ in range(500):
        loud.send(b"x")
    quiet.send_multipart([b"x", b"y"])
    before = 0
    while router.recv_multipart() != [b"quiet", b"x", b"y"]:
        before += 1
    assert before <= 500


@each_transport
def test_an_unknown_id_is_dropped(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(sock, endpoints, transport)
    router.send_multipart([b"nobody", b"x", b"y"])
    router.send_multipart([b"dealer", b"next"])

    assert dealer.recv_multipart() == [b"next"]


@each_transport
def test_mandatory_an_unknown_id_is_an_error(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(sock, endpoints, transport, router_mandatory=1)
    with raises_errno(zmq.EHOSTUNREACH):
        router.send_multipart([b"nobody", b"x"])
    router.send_multipart([b"dealer", b"fine"])

    assert dealer.recv_multipart() == [b"fine"]


@each_transport
def test_a_message_of_the_id_alone_is_dropped(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(sock, endpoints, transport)
    router.send(b"dealer")
    router.send_multipart([b"dealer", b"next"])

    assert dealer.recv_multipart() == [b"next"]


@each_transport
def test_an_empty_body_is_delivered(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(sock, endpoints, transport)
    router.send_multipart([b"dealer", b""])

    assert dealer.recv_multipart() == [b""]


@each_transport
def test_a_full_peer_loses_messages(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(sock, endpoints, transport, sndhwm=2, sndbuf=8192)
    for _ in range(2000):
        router.send_multipart([b"dealer", b"x" * 10_000], zmq.DONTWAIT)

    first = [dealer.recv() for _ in range(2)]
    assert len(first) + len(drain(dealer, 100)) < 2000


@each_transport
def test_mandatory_a_full_peer_is_waited_for(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(
        sock, endpoints, transport, router_mandatory=1, sndhwm=2, sndbuf=8192, sndtimeo=50
    )
    message_to_it = [b"dealer", b"x" * 100_000]
    sent = fill(router, message_to_it, wait_ms=100)  # the last one would have blocked
    while sends(router, message_to_it, 0):  # these wait; room may come late, but not for ever
        sent += 1
        assert sent < 1100  # DEALER's mark and ours, and the kernel's buffers

    receive(dealer, sent)
    wait_until(lambda: sends(router, [b"dealer", b"room again"]))
    assert dealer.recv() == b"room again"


def sends(router: Any, parts: list[bytes], flags: int = zmq.DONTWAIT) -> bool:
    try:
        router.send_multipart(parts, flags)
    except zmq.ZMQError:
        return False
    return True


@each_transport
def test_it_is_always_writable_unless_mandatory(sock: Any, endpoints: Any, transport: str) -> None:
    assert writable(sock("ROUTER", bind=endpoints.any(transport)))
    assert not writable(sock("ROUTER", router_mandatory=1, bind=endpoints.any(transport)))


@needs_draft
@each_transport
def test_notify_tells_who_comes_and_goes(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", router_notify=3, bind=endpoints.any(transport))
    dealer = sock("DEALER", routing_id=b"guest", connect=last_endpoint(router))
    assert router.recv_multipart() == [b"guest", b""]
    dealer.send(b"hello")
    assert router.recv_multipart() == [b"guest", b"hello"]
    dealer.close()
    assert router.recv_multipart() == [b"guest", b""]


@needs_draft
def test_no_notice_of_a_failed_handshake(sock: Any, raw: Any) -> None:
    router = sock("ROUTER", router_notify=3, bind="tcp://127.0.0.1:*")
    raw(last_endpoint(router)).close()
    wire = raw(last_endpoint(router))
    wire.handshake(b"DEALER", b"real")
    assert router.recv_multipart() == [b"real", b""]


@needs_draft
def test_a_half_message_is_rolled_back_before_the_notice(sock: Any, raw: Any) -> None:
    router = sock("ROUTER", router_notify=2, bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(router))
    wire.handshake(b"DEALER", b"cut")
    wire.send(message(b"whole") + b"\1\4half")
    wire.close()
    assert router.recv_multipart() == [b"cut", b"whole"]
    assert router.recv_multipart() == [b"cut", b""]


@needs_draft
@each_wire
def test_disconnect_msg_comes_from_the_one_who_left(
    sock: Any, endpoints: Any, transport: str
) -> None:
    router = sock("ROUTER", disconnect_msg=b"gone", bind=endpoints.any(transport))
    dealer = sock("DEALER", routing_id=b"guest", connect=last_endpoint(router))
    dealer.send(b"hello")
    assert router.recv_multipart() == [b"guest", b"hello"]
    dealer.close()
    assert router.recv_multipart() == [b"guest", b"gone"]


@differs_from_libzmq
def test_the_state_of_one_peer(sock: Any, endpoints: Any) -> None:
    """zmq_socket_get_peer_state, which pyzmq does not have."""
    router = sock("ROUTER", sndhwm=2, bind=endpoints.any("inproc"))
    dealer = sock("DEALER", routing_id=b"peer", rcvhwm=2, connect=last_endpoint(router))
    assert router.peer_state(b"peer") == zmq.POLLOUT
    for _ in range(4):
        router.send_multipart([b"peer", b"x"])
    assert router.peer_state(b"peer") == 0
    drain(dealer)
    assert router.peer_state(b"peer") == zmq.POLLOUT
    dealer.close()
    for unknown in (b"peer", b"nobody", b""):
        with raises_errno(zmq.EHOSTUNREACH):
            router.peer_state(unknown)
    with raises_errno(zmq.ENOTSUP):
        sock("DEALER").peer_state(b"peer")
    with pytest.raises(TypeError):
        router.peer_state("peer")
    router.close()
    with raises_errno(zmq.ENOTSOCK):
        router.peer_state(b"peer")


@differs_from_libzmq
@each_transport
def test_one_peer_is_disconnected(sock: Any, endpoints: Any, transport: str) -> None:
    """What was sent to it before still arrives; the others stay."""
    router, first = router_and_dealer(sock, endpoints, transport, router_mandatory=1)
    second = sock("DEALER", routing_id=b"other", connect=last_endpoint(router))
    second.send(b"here")
    assert router.recv_multipart() == [b"other", b"here"]
    watch = first.get_monitor_socket() if transport != "inproc" else None
    router.send_multipart([b"dealer", b"good-bye"])
    router.disconnect_peer(b"dealer")
    assert first.recv() == b"good-bye"
    router.send_multipart([b"other", b"stay"])
    assert second.recv() == b"stay"
    if watch is not None:
        event = 0
        while event != zmq.EVENT_DISCONNECTED:
            event = struct.unpack("=HI", watch.recv_multipart()[0])[0]
        first.disable_monitor()
        watch.close()
        # nothing keeps it away
        first.send(b"again")
        assert router.recv_multipart() == [b"dealer", b"again"]
    else:
        with raises_errno(zmq.EHOSTUNREACH):
            router.send_multipart([b"dealer", b"?"])


@differs_from_libzmq
def test_a_peer_that_was_dialed_is_not_dialed_again(sock: Any, endpoints: Any) -> None:
    dealer = sock("DEALER", bind=endpoints.any("tcp"))
    router = sock("ROUTER", router_mandatory=1, reconnect_ivl=10)
    router.setsockopt(zmq.CONNECT_ROUTING_ID, b"there")
    router.connect(last_endpoint(dealer))
    router.send_multipart([b"there", b"hello"])
    assert dealer.recv() == b"hello"
    router.disconnect_peer(b"there")
    wait_until(lambda: not try_send(router, [b"there", b"?"]))
    with raises_errno(zmq.EHOSTUNREACH):
        router.disconnect_peer(b"there")
    with raises_errno(errno.ENOENT):
        router.disconnect(last_endpoint(dealer))


@differs_from_libzmq
def test_whom_nobody_can_disconnect(sock: Any) -> None:
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    with raises_errno(zmq.EHOSTUNREACH):
        router.disconnect_peer(b"stranger")
    with raises_errno(zmq.ENOTSUP):
        router.disconnect_peer(1)
    with raises_errno(zmq.ENOTSUP):
        sock("DEALER").disconnect_peer(b"x")
    with pytest.raises(TypeError, match="routing id"):
        router.disconnect_peer("text")


def try_send(router: Any, parts: list[bytes]) -> bool:
    try:
        router.send_multipart(parts, zmq.DONTWAIT)
    except zmq.ZMQError:
        return False
    return True
