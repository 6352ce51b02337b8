"""ROUTER (RFC 28): routing ids, where messages go, and what happens when they cannot."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    differs_from_libzmq,
    drain,
    each_transport,
    fill,
    last_endpoint,
    needs_draft,
    raises_errno,
    readable,
    receive,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import greeting, message, ready

each_wire = pytest.mark.parametrize("transport", ["tcp", "ipc"])


def router_and_dealer(
    sock: Any, endpoints: Any, transport: str, name: bytes = b"dealer", **options: int
) -> tuple[Any, Any]:
    """Connected, and the router knows it."""
    router = sock("ROUTER", bind=endpoints.any(transport), **options)
    dealer = sock("DEALER", routing_id=name, rcvbuf=8192, connect=last_endpoint(router))
    dealer.send(b"hello")
    assert router.recv_multipart() == [name, b"hello"]
    return router, dealer


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

    assert 2 <= len(drain(dealer, 100)) < 2000


@each_transport
def test_mandatory_a_full_peer_is_waited_for(sock: Any, endpoints: Any, transport: str) -> None:
    router, dealer = router_and_dealer(
        sock, endpoints, transport, router_mandatory=1, sndhwm=2, sndbuf=8192, sndtimeo=50
    )
    message_to_it = [b"dealer", b"x" * 100_000]
    sent = fill(router, message_to_it, wait_ms=100)
    with pytest.raises(zmq.Again):
        router.send_multipart(message_to_it, zmq.DONTWAIT)
    with pytest.raises(zmq.Again):
        router.send_multipart(message_to_it)

    receive(dealer, sent)
    wait_until(lambda: sends(router, [b"dealer", b"room again"]))
    assert dealer.recv() == b"room again"


def sends(router: Any, parts: list[bytes]) -> bool:
    try:
        router.send_multipart(parts, zmq.DONTWAIT)
    except zmq.ZMQError:
        return False
    return True


@each_transport
def test_it_is_always_writable_unless_mandatory(sock: Any, endpoints: Any, transport: str) -> None:
    assert writable(sock("ROUTER", bind=endpoints.any(transport)))
    assert not writable(sock("ROUTER", router_mandatory=1, bind=endpoints.any(transport)))


@each_transport
def test_a_duplicate_id_is_not_served(sock: Any, endpoints: Any, transport: str) -> None:
    """The first keeps the name; nothing of the second is delivered, also not under another name."""
    router, first = router_and_dealer(sock, endpoints, transport)
    second = sock("DEALER", routing_id=b"dealer", connect=last_endpoint(router), immediate=0)
    second.send(b"from the second")
    assert not readable(router, 80)
    first.send(b"from the first")
    assert router.recv_multipart() == [b"dealer", b"from the first"]
    router.send_multipart([b"dealer", b"to the first"])

    assert first.recv() == b"to the first"
    assert not readable(second)


@differs_from_libzmq
def test_a_duplicate_is_sent_away(sock: Any, raw: Any, monitor: Any, caplog: Any) -> None:
    """libzmq leaves it connected and deaf, without a word. Once the name is free, it is welcome."""
    router = sock("ROUTER")
    watch = monitor(router)
    router.bind("tcp://127.0.0.1:*")
    first, second = raw(last_endpoint(router)), raw(last_endpoint(router))
    first.handshake(b"DEALER", b"same")
    first.send(message(b"1"))
    assert router.recv_multipart() == [b"same", b"1"]
    second.send(greeting() + ready(b"DEALER", b"same"))
    assert second.expect_closed()[64:] == b""  # not READY
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)[1] == errno.EADDRINUSE
    assert "another peer has the routing id b'same'" in caplog.text
    first.send(message(b"2"))
    assert router.recv_multipart() == [b"same", b"2"]


def test_who_wants_to_hear_ready_first_does(sock: Any, raw: Any) -> None:
    """A ROUTER would like to know the name before, but does not insist."""
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(router))
    wire.send(greeting())
    wire.read(64)
    assert wire.read_command()[0] == b"READY"
    wire.send(ready(b"DEALER", b"patient") + message(b"hello"))
    assert router.recv_multipart() == [b"patient", b"hello"]


@differs_from_libzmq
@each_wire
def test_a_duplicate_comes_again_until_the_name_is_free(
    sock: Any, endpoints: Any, transport: str
) -> None:
    router, first = router_and_dealer(sock, endpoints, transport)
    second = sock(
        "DEALER", routing_id=b"dealer", reconnect_ivl=10, connect=last_endpoint(router), immediate=0
    )
    second.send(b"my turn?")
    first.send(b"not yet")
    assert router.recv_multipart() == [b"dealer", b"not yet"]
    first.close()
    assert router.recv_multipart() == [b"dealer", b"my turn?"]
    router.send_multipart([b"dealer", b"yes"])
    assert second.recv() == b"yes"


@each_wire
def test_handover_gives_the_name_to_the_newest(sock: Any, endpoints: Any, transport: str) -> None:
    router, first = router_and_dealer(sock, endpoints, transport, router_handover=1)
    second = sock("DEALER", routing_id=b"dealer", connect=last_endpoint(router))
    second.send(b"mine now")
    assert router.recv_multipart() == [b"dealer", b"mine now"]
    router.send_multipart([b"dealer", b"to the second"])

    assert second.recv() == b"to the second"
    assert not readable(first)


@each_wire
def test_handover_several_times(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", router_handover=1, bind=endpoints.any(transport))
    for life in range(5):
        dealer = sock("DEALER", routing_id=b"phoenix", connect=last_endpoint(router))
        dealer.send(b"life %d" % life)
        assert router.recv_multipart() == [b"phoenix", b"life %d" % life]
        router.send_multipart([b"phoenix", b"answer %d" % life])
        assert dealer.recv() == b"answer %d" % life


def test_a_name_is_free_again_when_its_peer_has_gone(sock: Any, monitor: Any, raw: Any) -> None:
    router = sock("ROUTER")
    watch = monitor(router)
    router.bind("tcp://127.0.0.1:*")
    for life in range(3):
        wire = raw(last_endpoint(router))
        wire.handshake(b"DEALER", b"same")
        wire.send(message(b"%d" % life))
        assert router.recv_multipart() == [b"same", b"%d" % life]
        wire.close()
        watch.wait(zmq.EVENT_DISCONNECTED)
        readable(router, 20)  # libzmq frees the name only when looked at


@each_transport
def test_connect_routing_id_names_the_next_peer(sock: Any, endpoints: Any, transport: str) -> None:
    server = sock("ROUTER", bind=endpoints.any(transport))
    client = sock("ROUTER", connect_routing_id=b"server", routing_id=b"client")
    client.connect(last_endpoint(server))
    client.send_multipart([b"server", b"hello"])

    assert server.recv_multipart() == [b"client", b"hello"]
    server.send_multipart([b"client", b"welcome"])
    assert client.recv_multipart() == [b"server", b"welcome"]


def test_connect_routing_id_holds_for_one_connect(sock: Any, endpoints: Any) -> None:
    servers = [sock("ROUTER", bind=endpoints.any("tcp")) for _ in range(2)]
    client = sock("ROUTER", connect_routing_id=b"first", probe_router=1, router_mandatory=1)
    for server in servers:
        client.connect(last_endpoint(server))
    names = [server.recv_multipart()[0] for server in servers]
    client.send_multipart([b"first", b"x"])
    assert servers[0].recv_multipart()[1:] == [b"x"]
    servers[1].send_multipart([names[1], b"y"])
    name, body = client.recv_multipart()
    assert body == b"y"
    assert len(name) == 5
    assert name[0] == 0


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq aborts the process")
def test_connect_routing_id_that_is_taken(sock: Any, endpoints: Any) -> None:
    servers = [sock("ROUTER", bind=endpoints.any("tcp")) for _ in range(2)]
    client = sock("ROUTER", connect_routing_id=b"same")
    client.connect(last_endpoint(servers[0]))
    client.setsockopt(zmq.CONNECT_ROUTING_ID, b"same")
    with raises_errno(zmq.EINVAL, zmq.EADDRINUSE):
        client.connect(last_endpoint(servers[1]))


@each_transport
def test_routers_find_each_other_by_a_probe(sock: Any, endpoints: Any, transport: str) -> None:
    server = sock("ROUTER", routing_id=b"server", bind=endpoints.any(transport))
    client = sock("ROUTER", routing_id=b"client", probe_router=1, connect=last_endpoint(server))
    assert server.recv_multipart() == [b"client", b""]
    server.send_multipart([b"client", b"hello"])
    assert client.recv_multipart() == [b"server", b"hello"]


def test_a_name_may_begin_with_zero(sock: Any, raw: Any) -> None:
    """Reserved, but not refused."""
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(router))
    wire.handshake(b"DEALER", b"\0odd")
    wire.send(message(b"x"))
    assert router.recv_multipart() == [b"\0odd", b"x"]
    router.send_multipart([b"\0odd", b"y"])
    assert wire.read_message() == [b"y"]


def test_a_very_long_name_is_accepted(sock: Any, raw: Any) -> None:
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(router))
    wire.handshake(b"DEALER", b"n" * 300)
    wire.send(message(b"x"))
    assert router.recv_multipart() == [b"n" * 300, b"x"]


@differs_from_libzmq
def test_a_duplicates_message_is_not_taken_for_its_name(sock: Any, raw: Any) -> None:
    """libzmq may read the ignored peer's next message as its routing id."""
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    first, second = raw(last_endpoint(router)), raw(last_endpoint(router))
    first.handshake(b"DEALER", b"same")
    first.send(message(b"one"))
    assert router.recv_multipart() == [b"same", b"one"]
    second.send(greeting() + ready(b"DEALER", b"same") + message(b"another") * 3)
    second.expect_closed()
    assert drain(router, 50) == []


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
