"""CLIENT, SERVER, PEER, SCATTER, GATHER and CHANNEL (RFC 41, 49, 51, 52): one part a message."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from tests.helpers import (
    TRANSPORTS,
    fill,
    last_endpoint,
    needs_draft,
    raises_errno,
    readable,
    wait_until,
    writable,
    zmq,
)
from tests.patterns.drafts import OCTETS, READIES, again
from tests.raw_zmtp import COMMAND, frame, message

pytestmark = needs_draft

PAIRS = [("CLIENT", "SERVER"), ("SCATTER", "GATHER"), ("CHANNEL", "CHANNEL"), ("PEER", "PEER")]
SENDERS = ["CLIENT", "SCATTER", "CHANNEL"]


@pytest.fixture(params=TRANSPORTS)
def transport(request: Any) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("kind", [*[kind for pair in PAIRS for kind in pair][:-1], "RADIO", "DISH"])
def test_no_messages_of_several_parts(sock: Any, endpoints: Any, kind: str) -> None:
    one = sock(kind, bind=endpoints.any("inproc"))
    reason = zmq.ENOTSUP if kind in ("GATHER", "DISH") else errno.EINVAL
    with raises_errno(reason):
        one.send(b"x", zmq.SNDMORE)
    with raises_errno(reason):
        one.send_multipart([b"x", b"y"])


def test_client_and_server(sock: Any, endpoints: Any, transport: str) -> None:
    server = sock("SERVER", bind=endpoints.any(transport))
    clients = [sock("CLIENT", connect=last_endpoint(server)) for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(b"%d" % number)
    asked = [server.recv(copy=False) for _ in clients]
    ids = {request.routing_id for request in asked}
    assert len(ids) == 3
    assert 0 not in ids
    for request in asked:
        server.send(b"to " + request.bytes, routing_id=request.routing_id)
        server.send(request)  # it knows where it came from
    for number, client in enumerate(clients):
        got = client.recv(copy=False)
        assert (got.bytes, got.routing_id) == (b"to %d" % number, 0)
        assert client.recv() == b"%d" % number
        assert again(client)


def test_a_server_speaks_to_whom_it_knows(sock: Any, endpoints: Any) -> None:
    server = sock("SERVER", bind=endpoints.any("inproc"))
    client = sock("CLIENT", connect=last_endpoint(server))
    client.send(b"hello")
    known = server.recv_multipart(copy=False)[0].routing_id
    with raises_errno(errno.EHOSTUNREACH):
        server.send(b"x")
    with raises_errno(errno.EHOSTUNREACH):
        server.send(b"x", routing_id=known + 1)
    with raises_errno(errno.EINVAL):
        server.send(b"x", routing_id=0)
    with pytest.raises(OverflowError):
        server.send(b"x", routing_id=1 << 32)
    server.send_multipart([b"y"], routing_id=known)
    assert client.recv() == b"y"
    client.close()
    wait_until(lambda: gone(server, known))


def gone(server: Any, routing_id: int) -> bool:
    try:
        server.send(b"x", zmq.DONTWAIT, routing_id=routing_id)
    except zmq.ZMQError as error:
        return bool(error.errno == errno.EHOSTUNREACH)
    return False


def test_a_full_client_makes_the_server_wait(sock: Any, endpoints: Any) -> None:
    server = sock("SERVER", bind=endpoints.any("inproc"), sndhwm=1)
    client = sock("CLIENT", connect=last_endpoint(server), rcvhwm=1)
    client.send(b"hello")
    peer = server.recv(copy=False).routing_id
    server.send(b"1", routing_id=peer)
    server.send(b"2", routing_id=peer)
    with pytest.raises(zmq.Again):
        server.send(b"3", zmq.DONTWAIT, routing_id=peer)
    assert client.recv() == b"1"
    server.send(b"3", routing_id=peer)
    assert [client.recv(), client.recv()] == [b"2", b"3"]


def test_routing_ids_of_frames() -> None:
    frame = zmq.Frame(b"x")
    assert frame.routing_id == 0
    frame.routing_id = 7
    assert (frame.get("routing_id"), frame.fast_copy().routing_id) == (7, 7)
    frame.set("routing_id", (1 << 32) - 1)
    with raises_errno(errno.EINVAL):
        frame.routing_id = 0
    for bad in (-1, 1 << 32):
        with pytest.raises(OverflowError):
            frame.routing_id = bad
    with pytest.raises(TypeError):
        frame.routing_id = "x"


def test_scatter_goes_round_and_gather_takes_in_turn(
    sock: Any, endpoints: Any, transport: str
) -> None:
    gathers = [sock("GATHER", bind=endpoints.any(transport)) for _ in range(2)]
    scatter = sock("SCATTER")
    for gather in gathers:
        scatter.connect(last_endpoint(gather))
    for number in range(6):
        scatter.send(b"%d" % number)
    got = [[gather.recv() for _ in range(3)] for gather in gathers]
    assert got == [[b"0", b"2", b"4"], [b"1", b"3", b"5"]]
    with raises_errno(zmq.ENOTSUP):
        scatter.recv(zmq.DONTWAIT)
    with raises_errno(zmq.ENOTSUP):
        gathers[0].send(b"x")


def test_a_channel_has_one_peer(sock: Any, endpoints: Any, transport: str) -> None:
    one = sock("CHANNEL", bind=endpoints.any(transport))
    two = sock("CHANNEL", connect=last_endpoint(one))
    one.send(b"there")
    two.send(b"back")
    assert (two.recv(), one.recv()) == (b"there", b"back")
    third = sock("CHANNEL", connect=last_endpoint(one), sndtimeo=0)
    one.send(b"for the first")
    assert two.recv() == b"for the first"
    assert not readable(third)


@pytest.mark.parametrize("kind", SENDERS)
def test_without_a_peer_a_send_would_block(sock: Any, kind: str) -> None:
    one = sock(kind)
    assert not writable(one)
    with pytest.raises(zmq.Again):
        one.send(b"x", zmq.DONTWAIT)


@pytest.mark.parametrize(("kind", "other"), PAIRS[:3])
def test_at_the_mark_a_send_would_block(sock: Any, endpoints: Any, kind: str, other: str) -> None:
    receiver = sock(other, bind=endpoints.any("inproc"), rcvhwm=2)
    sender = sock(kind, connect=last_endpoint(receiver), sndhwm=3)
    assert fill(sender) == 5
    assert not writable(sender)
    for _ in range(5):
        receiver.recv()
    assert writable(sender, 1000)


def test_peers_speak_both_ways(sock: Any, endpoints: Any, transport: str) -> None:
    one = sock("PEER", bind=endpoints.any(transport))
    two = sock("PEER", connect=last_endpoint(one))
    first = two.connect_peer(last_endpoint(one))
    two.send(b"hello", routing_id=first)
    heard = one.recv(copy=False)
    one.send(b"hello yourself", routing_id=heard.routing_id)
    answer = two.recv(copy=False)
    assert (answer.bytes, answer.routing_id) == (b"hello yourself", first)


def test_connect_peer_needs_a_peer_socket(sock: Any, endpoints: Any) -> None:
    with raises_errno(zmq.ENOTSUP):
        sock("CLIENT").connect_peer(endpoints.any("inproc"))
    with raises_errno(errno.EFAULT):
        sock("PEER", immediate=1).connect_peer("tcp://127.0.0.1:1")


def test_disconnect_peer(sock: Any, endpoints: Any, transport: str) -> None:
    server = sock("SERVER", bind=endpoints.any(transport))
    client = sock("CLIENT", connect=last_endpoint(server), reconnect_ivl=-1)
    client.send(b"hello")
    peer = server.recv(copy=False).routing_id
    server.disconnect_peer(peer)
    with raises_errno(errno.EHOSTUNREACH):
        server.send(b"x", routing_id=peer)
    for nobody in (peer, 0, -1, 1 << 40):
        with raises_errno(errno.EHOSTUNREACH):
            server.disconnect_peer(nobody)
    with raises_errno(zmq.ENOTSUP):
        client.disconnect_peer(1)
    assert not readable(client)


def test_messages_for_new_and_lost_peers(sock: Any, endpoints: Any, transport: str) -> None:
    server = sock("SERVER", hello_msg=b"welcome", disconnect_msg=b"gone")
    server.bind(endpoints.any(transport))
    client = sock("CLIENT", connect=last_endpoint(server))
    assert client.recv() == b"welcome"
    client.send(b"hello")
    peer = server.recv(copy=False).routing_id
    client.close()
    last = server.recv(copy=False)
    assert (last.bytes, last.routing_id) == (b"gone", peer)


def test_a_hiccup_is_told(sock: Any, raw_listener: Any) -> None:
    client = sock("CLIENT", reconnect_ivl=1, hiccup_msg=b"again")
    client.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"SERVER")
    wire.settle()
    wire.close()
    assert client.recv() == b"again"


@pytest.mark.parametrize(("kind", "other"), [*PAIRS, *[pair[::-1] for pair in PAIRS]])
def test_the_handshake(sock: Any, raw: Any, kind: str, other: str) -> None:
    wire = raw(last_endpoint(sock(kind, bind="tcp://127.0.0.1:*")))
    assert frame(wire.handshake(other.encode()), COMMAND) == READIES[kind]


@pytest.mark.parametrize(("kind", "other"), PAIRS[:3])
def test_the_octets_of_a_message(sock: Any, raw_listener: Any, kind: str, other: str) -> None:
    one = sock(kind, connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(other.encode())
    one.send(b"hello")
    assert wire.read(7) == OCTETS[f"msg_{kind}"]


@pytest.mark.parametrize(("other", "kind"), PAIRS)
def test_messages_of_several_parts_are_not_received(
    sock: Any, raw: Any, kind: str, other: str
) -> None:
    """Captured: dropped whole, and the connection stays."""
    one = sock(kind, bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(one))
    wire.handshake(other.encode())
    wire.send(
        message(b"a", b"b") * 1500 + message(b"one") + message(b"a", b"b", b"c") + message(b"two")
    )
    assert [one.recv(), one.recv()] == [b"one", b"two"]
    assert not readable(one, 0)
    wire.ping(b"there")
    assert wire.read_command() == (b"PONG", b"there")
