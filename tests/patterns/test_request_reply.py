"""REQ and REP (RFC 28): strict turns, the envelope, and who is listened to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    comes,
    each_transport,
    last_endpoint,
    raises_errno,
    readable,
    try_send,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import message


@each_transport
@pytest.mark.parametrize("parts", [[b"one"], [b""], [b"a", b"", b"c"]])
def test_a_request_and_its_reply(
    sock: Any, endpoints: Any, transport: str, parts: list[bytes]
) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    req = sock("REQ", connect=last_endpoint(rep))
    for _ in range(3):
        req.send_multipart(parts)
        assert rep.recv_multipart() == parts
        rep.send_multipart([b"re", *parts])
        assert req.recv_multipart() == [b"re", *parts]


@each_transport
def test_a_bound_req(sock: Any, endpoints: Any, transport: str) -> None:
    req = sock("REQ", bind=endpoints.any(transport))
    rep = sock("REP", connect=last_endpoint(req))
    req.send(b"?")
    assert rep.recv() == b"?"
    rep.send(b"!")
    assert req.recv() == b"!"


@each_transport
def test_req_out_of_turn(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    req = sock("REQ", connect=last_endpoint(rep))
    with raises_errno(zmq.EFSM):
        req.recv()
    req.send(b"one")
    with raises_errno(zmq.EFSM):
        req.send(b"two")
    assert not writable(req)
    assert rep.recv() == b"one"
    rep.send(b"re one")
    assert req.recv() == b"re one"
    with raises_errno(zmq.EFSM):
        req.recv()


@each_transport
def test_rep_out_of_turn(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    req = sock("REQ", connect=last_endpoint(rep))
    with raises_errno(zmq.EFSM):
        rep.send(b"unasked")
    req.send(b"one")
    assert rep.recv() == b"one"
    with raises_errno(zmq.EFSM):
        rep.recv()
    rep.send(b"re one")
    with raises_errno(zmq.EFSM):
        rep.send(b"again")
    assert req.recv() == b"re one"


@each_transport
def test_turns_count_messages_not_frames(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    req = sock("REQ", connect=last_endpoint(rep))
    req.send(b"a", zmq.SNDMORE)
    with raises_errno(zmq.EFSM):
        req.recv()
    req.send(b"b")
    assert rep.recv() == b"a"
    with raises_errno(zmq.EFSM):
        rep.send(b"too early")
    assert rep.recv() == b"b"
    rep.send(b"c", zmq.SNDMORE)
    rep.send(b"d")
    assert req.recv() == b"c"
    with raises_errno(zmq.EFSM):
        req.send(b"too early")
    assert req.recv() == b"d"
    req.send(b"next")


@each_transport
def test_requests_go_round(sock: Any, endpoints: Any, transport: str) -> None:
    req = sock("REQ")
    reps = [sock("REP", bind=endpoints.any(transport)) for _ in range(3)]
    for rep in reps:
        req.connect(last_endpoint(rep))
    for _ in range(2):
        for name, rep in enumerate(reps):
            req.send(b"?")
            assert rep.recv() == b"?"
            rep.send(b"%d" % name)
            assert req.recv() == b"%d" % name


@each_transport
def test_requests_are_heard_in_turn(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    reqs = [sock("REQ", connect=last_endpoint(rep)) for _ in range(4)]
    for name, req in enumerate(reqs):
        req.send(b"%d" % name)
    heard = []
    for _ in reqs:
        heard.append(rep.recv())
        rep.send(heard[-1])
    assert sorted(heard) == [b"0", b"1", b"2", b"3"]
    for name, req in enumerate(reqs):
        assert req.recv() == b"%d" % name


@each_transport
def test_req_without_a_peer_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    req = sock("REQ", bind=endpoints.any(transport), sndtimeo=20)
    assert not writable(req)
    with pytest.raises(zmq.Again):
        req.send(b"?")
    rep = sock("REP", connect=last_endpoint(req))
    assert writable(req, 10_000)
    req.send(b"now")
    assert rep.recv() == b"now"


@each_transport
def test_req_full_queue_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    """RELAXED lets requests pile up, up to the mark."""
    req = sock("REQ", req_relaxed=1, sndhwm=2, connect=endpoints.fixed(transport))
    assert try_send(req, b"1")
    assert try_send(req, b"2")
    assert not try_send(req, b"3")


@each_transport
def test_what_req_puts_on_the_wire(sock: Any, endpoints: Any, transport: str) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    req = sock("REQ", routing_id=b"me", connect=last_endpoint(router))
    req.send_multipart([b"a", b"b"])

    assert router.recv_multipart() == [b"me", b"", b"a", b"b"]
    router.send_multipart([b"me", b"", b"c"])
    assert req.recv_multipart() == [b"c"]


def test_the_octets_of_a_request(sock: Any, raw_listener: Any) -> None:
    sock("REQ", connect=raw_listener.endpoint).send(b"ping")
    wire = raw_listener.accept()
    wire.handshake(b"REP")

    assert wire.read(8) == bytes.fromhex("0100000470696e67")


@each_transport
def test_rep_keeps_and_returns_the_envelope(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    dealer = sock("DEALER", connect=last_endpoint(rep))
    dealer.send_multipart([b"hop1", b"hop2", b"", b"body", b"", b"more"])

    assert rep.recv_multipart() == [b"body", b"", b"more"]
    rep.send_multipart([b"answer", b"tail"])
    assert dealer.recv_multipart() == [b"hop1", b"hop2", b"", b"answer", b"tail"]


@each_transport
def test_rep_discards_a_request_without_delimiter(
    sock: Any, endpoints: Any, transport: str
) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    dealer = sock("DEALER", connect=last_endpoint(rep))
    dealer.send_multipart([b"no", b"delimiter"])
    dealer.send(b"single")
    dealer.send_multipart([b"", b"good"])

    assert rep.recv_multipart() == [b"good"]
    rep.send(b"answer")
    assert dealer.recv_multipart() == [b"", b"answer"]


@each_transport
def test_a_reply_to_one_who_left_is_dropped(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    gone = sock("REQ", connect=last_endpoint(rep))
    gone.send(b"and bye")
    assert rep.recv() == b"and bye"
    gone.close()
    rep.send(b"too late")
    stays = sock("REQ", connect=last_endpoint(rep))
    stays.send(b"?")
    assert rep.recv() == b"?"
    rep.send(b"!")
    assert stays.recv() == b"!"


@each_transport
def test_rep_never_blocks_on_send(sock: Any, endpoints: Any, transport: str) -> None:
    """A requester that reads nothing loses replies; REP goes on with the others."""
    rep = sock("REP", sndhwm=1, bind=endpoints.any(transport))
    deaf = sock("DEALER", rcvhwm=1, connect=last_endpoint(rep))
    for _ in range(20):
        deaf.send_multipart([b"", b"?"])
        assert rep.recv() == b"?"
        rep.send(b"r" * 300_000, zmq.DONTWAIT)


@each_transport
def test_a_reply_from_another_than_the_asked_is_dropped(
    sock: Any, endpoints: Any, transport: str
) -> None:
    req = sock("REQ", bind=endpoints.any(transport))
    asked = sock("ROUTER", routing_id=b"a", connect=last_endpoint(req))
    assert writable(req, 10_000)
    req.send(b"?")
    me, *request = asked.recv_multipart()
    assert request == [b"", b"?"]
    other = sock("ROUTER", connect_routing_id=b"req", router_mandatory=1)
    other.connect(last_endpoint(req))

    wait_until(lambda: sends(other, [b"req", b"", b"not asked"]), what="the other is connected")
    readable(req)  # libzmq says yes and then finds nothing for it
    asked.send_multipart([me, b"", b"asked"])
    assert req.recv() == b"asked"


def sends(sock: Any, parts: list[bytes]) -> bool:
    try:
        sock.send_multipart(parts)
    except zmq.ZMQError:
        return False
    return True


@each_transport
def test_stale_replies_are_thrown_away_before_the_next_request(
    sock: Any, endpoints: Any, transport: str
) -> None:
    req = sock("REQ", connect=endpoints.fixed(transport))
    router = sock("ROUTER", bind=last_endpoint(req))
    req.send(b"1")
    me = router.recv_multipart()[0]
    for number in range(4):
        router.send_multipart([me, b"", b"1.%d" % number])
    assert req.recv() == b"1.0"
    fence(router, req, me)
    req.send(b"2")
    assert router.recv_multipart() == [me, b"", b"2"]
    router.send_multipart([me, b"", b"2.0"])

    assert req.recv() == b"2.0"


def fence(router: Any, req: Any, me: bytes) -> None:
    """Until what the router sent has come in: REQ does not show it, so watch an idle moment."""
    comes(req, zmq.POLLIN, 50)


@each_transport
def test_a_malformed_reply_is_never_delivered(sock: Any, endpoints: Any, transport: str) -> None:
    if transport != "inproc":
        pytest.skip("closes the connection there: test_a_malformed_reply_closes_the_connection")
    req = sock("REQ", connect=endpoints.fixed(transport))
    router = sock("ROUTER", bind=last_endpoint(req))
    req.send(b"?")
    me = router.recv_multipart()[0]
    router.send_multipart([me, b"no delimiter"])
    router.send_multipart([me, b"", b"good"])

    assert req.recv() == b"good"


@pytest.mark.parametrize(
    "reply",
    [
        message(b"single"),
        message(b""),
        message(b"abc", b"body"),
        message(b"12345", b"", b"body"),
        message(b"1234", b"x", b"body"),
    ],
    ids=["single", "delimiter only", "no delimiter", "id of five", "id without delimiter"],
)
def test_a_malformed_reply_closes_the_connection(
    sock: Any, raw_listener: Any, reply: bytes
) -> None:
    req = sock("REQ", connect=raw_listener.endpoint, reconnect_ivl=5)
    wire = raw_listener.accept()
    wire.handshake(b"REP")
    req.send(b"?")
    assert wire.read_message() == [b"", b"?"]
    wire.send(reply)

    wire.expect_closed()
    assert not readable(req)
    raw_listener.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        raw_listener.sock.accept()


def test_an_unsolicited_reply_keeps_the_connection(sock: Any, raw_listener: Any) -> None:
    req = sock("REQ", connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"REP")
    wire.send(message(b"", b"unasked"))
    wire.ping(b"fence")
    assert wire.read_command() == (b"PONG", b"fence")
    req.send(b"?")
    assert wire.read_message() == [b"", b"?"]
    wire.send(message(b"", b"asked"))

    assert req.recv() == b"asked"


def test_req_waits_on_when_its_peer_dies(sock: Any, raw_listener: Any) -> None:
    req = sock("REQ", connect=raw_listener.endpoint, reconnect_ivl=5, rcvtimeo=100)
    wire = raw_listener.accept()
    wire.handshake(b"REP")
    req.send(b"?")
    wire.read_message()
    wire.reset()
    raw_listener.accept().handshake(b"REP")
    with pytest.raises(zmq.Again):
        req.recv()
    with raises_errno(zmq.EFSM):
        req.send(b"!")
