"""Routing ids of a ROUTER's peers: given, taken, handed over, chosen by who connects."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    differs_from_libzmq,
    drain,
    each_transport,
    last_endpoint,
    raises_errno,
    readable,
    zmq,
)
from tests.patterns.routers import router_and_dealer
from tests.raw_zmtp import greeting, message, ready

each_wire = pytest.mark.parametrize("transport", ["tcp", "ipc"])


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
    router = sock("ROUTER", router_handover=1, bind=endpoints.any(transport))
    first = named(sock, router, b"dealer")
    first.send(b"hello")
    assert router.recv_multipart() == [b"dealer", b"hello"]
    second = named(sock, router, b"dealer")
    second.send(b"mine now")
    assert router.recv_multipart() == [b"dealer", b"mine now"]
    router.send_multipart([b"dealer", b"to the second"])

    assert second.recv() == b"to the second"
    assert not readable(first)


def named(sock: Any, router: Any, name: bytes) -> Any:
    """A DEALER that, once thrown out, does not come again to take its name back."""
    return sock("DEALER", routing_id=name, reconnect_ivl=-1, connect=last_endpoint(router))


@each_wire
def test_handover_several_times(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", router_handover=1, bind=endpoints.any(transport))
    for life in range(5):
        dealer = named(sock, router, b"phoenix")
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
