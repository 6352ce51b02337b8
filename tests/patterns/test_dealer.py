"""DEALER (RFC 28): round robin out, fair queue in, nothing added and nothing taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    each_transport,
    last_endpoint,
    needs_draft,
    raises_errno,
    readable,
    try_send,
    writable,
    zmq,
)
from tests.raw_zmtp import message


@each_transport
@pytest.mark.parametrize("parts", [[b"x"], [b""], [b"", b"x"], [b"a", b"", b"b", b""]])
def test_messages_are_neither_wrapped_nor_unwrapped(
    sock: Any, endpoints: Any, transport: str, parts: list[bytes]
) -> None:
    one = sock("DEALER", bind=endpoints.any(transport))
    two = sock("DEALER", connect=last_endpoint(one))
    two.send_multipart(parts)
    assert one.recv_multipart() == parts
    one.send_multipart(parts)
    assert two.recv_multipart() == parts


@each_transport
def test_messages_go_round(sock: Any, endpoints: Any, transport: str) -> None:
    dealer = sock("DEALER")
    reps = [sock("REP", bind=endpoints.any(transport)) for _ in range(3)]
    for rep in reps:
        dealer.connect(last_endpoint(rep))
    for number in range(3):
        dealer.send_multipart([b"", b"%d" % number])
    assert sorted(rep.recv() for rep in reps) == [b"0", b"1", b"2"]
    for rep in reps:
        rep.send(b"done")
    assert [dealer.recv_multipart() for _ in reps] == [[b"", b"done"]] * 3


@each_transport
def test_peers_are_heard_in_turn(sock: Any, endpoints: Any, transport: str) -> None:
    dealer = sock("DEALER", bind=endpoints.any(transport))
    others = [sock("DEALER", connect=last_endpoint(dealer)) for _ in range(5)]
    for number in range(2):
        for name, other in enumerate(others):
            other.send(b"%d %d" % (name, number))

    got = sorted(dealer.recv() for _ in range(10))
    assert got == [b"%d %d" % (name, number) for name in range(5) for number in range(2)]


@each_transport
def test_without_a_peer_a_send_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    dealer = sock("DEALER", bind=endpoints.any(transport))
    assert not writable(dealer)
    assert not try_send(dealer, b"x")
    peer = sock("DEALER", connect=last_endpoint(dealer))
    assert writable(dealer, 10_000)
    assert try_send(dealer, b"x")
    assert peer.recv() == b"x"


@each_transport
def test_with_all_queues_full_a_send_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    dealer = sock("DEALER", sndhwm=2)
    for _ in range(2):
        dealer.connect(endpoints.fixed(transport))
    assert [try_send(dealer, b"x") for _ in range(5)] == [True] * 4 + [False]
    assert not writable(dealer)


@each_transport
def test_sending_and_receiving_do_not_wait_for_each_other(
    sock: Any, endpoints: Any, transport: str
) -> None:
    one = sock("DEALER", bind=endpoints.any(transport))
    two = sock("DEALER", connect=last_endpoint(one))
    for number in range(100):
        two.send(b"%d" % number)
    assert [one.recv() for _ in range(100)] == [b"%d" % n for n in range(100)]
    for number in range(100):
        one.send(b"%d" % number)
    assert [two.recv() for _ in range(100)] == [b"%d" % n for n in range(100)]


def test_the_identity_is_announced(sock: Any, raw_listener: Any) -> None:
    sock("DEALER", routing_id=b"myself", connect=raw_listener.endpoint)
    ready = raw_listener.accept().handshake(b"ROUTER")

    assert ready == bytes.fromhex(
        "055245414459"
        "0b536f636b65742d54797065 00000006 4445414c4552"
        "084964656e74697479 00000006 6d7973656c66"
    )


@pytest.mark.parametrize("kind", ["DEALER", "REQ", "ROUTER"])
def test_an_empty_identity_is_announced_as_well(sock: Any, raw_listener: Any, kind: str) -> None:
    sock(kind, connect=raw_listener.endpoint)
    ready = raw_listener.accept().handshake(b"ROUTER" if kind != "REQ" else b"REP")

    assert ready.endswith(b"\x08Identity\0\0\0\0")


@pytest.mark.parametrize(
    ("kind", "peer"),
    [("PUSH", b"PULL"), ("PULL", b"PUSH"), ("SUB", b"PUB"), ("PAIR", b"PAIR"), ("REP", b"REQ")],
)
def test_no_identity_from_the_other_types(
    sock: Any, raw_listener: Any, kind: str, peer: bytes
) -> None:
    sock(kind, routing_id=b"secret", connect=raw_listener.endpoint)
    ready = raw_listener.accept().handshake(peer)

    assert ready == b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind.encode()


@pytest.mark.parametrize(
    ("kind", "peer"), [("DEALER", b"ROUTER"), ("REQ", b"REP"), ("REP", b"DEALER")]
)
def test_a_probe_is_an_empty_message_after_the_handshake(
    sock: Any, raw_listener: Any, kind: str, peer: bytes
) -> None:
    probing = sock(kind, probe_router=1, connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(peer)

    assert wire.read(2) == b"\0\0"
    assert not readable(probing, 0)


@each_transport
def test_a_probe_shows_the_router_who_is_there(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    dealer = sock("DEALER", probe_router=1, routing_id=b"here", connect=last_endpoint(router))

    assert router.recv_multipart() == [b"here", b""]
    router.send_multipart([b"here", b"welcome"])
    assert dealer.recv() == b"welcome"


@needs_draft
@each_transport
def test_hello_is_the_first_message(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    dealer = sock("DEALER", routing_id=b"d", hello_msg=b"hello", probe_router=1)
    dealer.connect(last_endpoint(router))
    dealer.send(b"then this")

    assert router.recv_multipart() == [b"d", b"hello"]
    assert router.recv_multipart() == [b"d", b""]
    assert router.recv_multipart() == [b"d", b"then this"]


@needs_draft
def test_hiccup_is_delivered_when_the_link_drops(sock: Any, raw_listener: Any) -> None:
    dealer = sock("DEALER", hiccup_msg=b"hic", reconnect_ivl=5, connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"DEALER")
    wire.send(message(b"last"))
    wire.close()

    assert dealer.recv() == b"last"
    assert dealer.recv() == b"hic"


@pytest.mark.parametrize("kind", ["DEALER", "SUB", "PUB", "REQ"])
def test_a_second_connect_to_the_same_endpoint_does_nothing(
    sock: Any, raw_listener: Any, kind: str
) -> None:
    """For these four types, as in libzmq; the others do connect twice."""
    twice = sock(kind, connect=raw_listener.endpoint)
    twice.connect(raw_listener.endpoint)
    raw_listener.accept()
    raw_listener.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        raw_listener.sock.accept()
    twice.disconnect(raw_listener.endpoint)
    with raises_errno(2):  # ENOENT
        twice.disconnect(raw_listener.endpoint)


@pytest.mark.parametrize("kind", ["PUSH", "PULL", "ROUTER", "REP", "XPUB", "XSUB"])
def test_a_second_connect_makes_a_second_connection(
    sock: Any, raw_listener: Any, kind: str
) -> None:
    sock(kind, connect=raw_listener.endpoint).connect(raw_listener.endpoint)
    raw_listener.accept()
    raw_listener.accept()


def test_a_multipart_message_may_be_interrupted_by_commands(sock: Any, raw: Any) -> None:
    dealer = sock("DEALER", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(dealer))
    wire.handshake(b"DEALER", b"")
    wire.send(b"\1\1a")
    wire.ping(b"between")
    assert wire.read_command() == (b"PONG", b"between")
    wire.send(b"\0\1b")

    assert dealer.recv_multipart() == [b"a", b"b"]
    assert dealer.getsockopt(zmq.TYPE) == zmq.DEALER
