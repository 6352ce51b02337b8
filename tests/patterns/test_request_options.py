"""REQ_CORRELATE and REQ_RELAXED, and the request id."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.helpers import (
    each_transport,
    last_endpoint,
    raises_errno,
    readable,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import message


@pytest.fixture
def asked(sock: Any, endpoints: Any) -> Any:
    """asked(transport, **options): a REQ and the ROUTER it asks."""

    def make(transport: str, **options: int) -> tuple[Any, Any]:
        router = sock("ROUTER", bind=endpoints.any(transport))
        return sock("REQ", connect=last_endpoint(router), **options), router

    return make


@each_transport
def test_the_request_id_is_four_octets_and_rises_by_one(asked: Any, transport: str) -> None:
    req, router = asked(transport, req_correlate=1)
    ids = []
    for _ in range(3):
        req.send(b"?")
        me, request_id, empty, body = router.recv_multipart()
        assert (len(request_id), empty, body) == (4, b"", b"?")
        ids.append(struct.unpack("=I", request_id)[0])
        router.send_multipart([me, request_id, b"", b"!"])
        assert req.recv() == b"!"

    assert [(number - ids[0]) % 2**32 for number in ids] == [0, 1, 2]


@each_transport
@pytest.mark.parametrize("wrong", ["other id", "no id", "id cut short"])
def test_a_reply_with_another_id_is_skipped(asked: Any, transport: str, wrong: str) -> None:
    if wrong == "id cut short" and transport != "inproc":
        pytest.skip("a framing error there: it closes the connection")
    req, router = asked(transport, req_correlate=1)
    req.send(b"?")
    me, request_id, _, _ = router.recv_multipart()
    other = bytes(octet ^ 0xFF for octet in request_id)
    envelope = {"other id": [other, b""], "no id": [b""], "id cut short": [request_id[:3], b""]}
    router.send_multipart([me, *envelope[wrong], b"wrong"])
    router.send_multipart([me, request_id, b"", b"right"])

    assert req.recv() == b"right"


@each_transport
def test_correlate_skips_the_late_reply_to_an_abandoned_request(asked: Any, transport: str) -> None:
    req, router = asked(transport, req_correlate=1, req_relaxed=1)
    req.send(b"1")
    me, first, _, _ = router.recv_multipart()
    req.send(b"2")
    _, second, _, body = router.recv_multipart()
    assert body == b"2"
    router.send_multipart([me, first, b"", b"late"])
    router.send_multipart([me, second, b"", b"in time"])

    assert req.recv() == b"in time"
    assert not readable(req)


@each_transport
def test_relaxed_allows_the_next_request_without_a_reply(asked: Any, transport: str) -> None:
    req, router = asked(transport, req_relaxed=1)
    for number in range(3):
        req.send(b"%d" % number)
        assert router.recv_multipart()[1:] == [b"", b"%d" % number]
    with raises_errno(zmq.EAGAIN):
        req.recv(zmq.DONTWAIT)


@each_transport
def test_relaxed_still_receives_only_after_a_request(asked: Any, transport: str) -> None:
    req, _ = asked(transport, req_relaxed=1)
    with raises_errno(zmq.EFSM):
        req.recv()


@each_transport
def test_without_correlate_a_late_reply_is_taken_for_the_new_one(
    asked: Any, transport: str
) -> None:
    """Why one wants CORRELATE."""
    req, router = asked(transport, req_relaxed=1)
    req.send(b"1")
    me = router.recv_multipart()[0]
    req.send(b"2")
    router.recv_multipart()
    router.send_multipart([me, b"", b"late"])

    assert req.recv() == b"late"


@each_transport
def test_relaxed_asks_the_next_peer_and_keeps_the_old_link(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """libzmq issue 1690: the abandoned peer's connection stays, and is asked again in its turn."""
    reps = [sock("ROUTER", bind=endpoints.any(transport)) for _ in range(2)]
    req = sock("REQ", req_relaxed=1, req_correlate=1)
    for rep in reps:
        req.connect(last_endpoint(rep))
    ids = []
    for turn in range(4):
        req.send(b"%d" % turn)
        me, *request = reps[turn % 2].recv_multipart()
        assert request[-1] == b"%d" % turn
        ids.append(me)
    assert ids[:2] == ids[2:], "the same connections as before"


@each_transport
def test_relaxed_asks_anew_when_the_peer_has_died(
    sock: Any, endpoints: Any, transport: str
) -> None:
    req = sock("REQ", req_relaxed=1, req_correlate=1, bind=endpoints.any(transport))
    first = sock("REP", connect=last_endpoint(req))
    assert writable(req, 10_000)
    req.send(b"1")
    assert first.recv() == b"1"
    first.close()
    second = sock("REP", connect=last_endpoint(req))

    def asked_again() -> bool:
        try:
            req.send(b"2", zmq.DONTWAIT)
        except zmq.Again:
            return False
        return readable(second, 20)

    wait_until(asked_again)
    assert second.recv() == b"2"
    second.send(b"re 2")
    assert req.recv() == b"re 2"


def test_the_octets_of_a_correlated_request(sock: Any, raw_listener: Any) -> None:
    req = sock("REQ", req_correlate=1, connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"REP")
    req.send(b"ping")
    head = wire.read(2)
    request_id = wire.read(4)

    assert head == b"\x01\x04"
    assert wire.read(8) == bytes.fromhex("0100000470696e67")
    wire.send(message(request_id, b"", b"pong"))
    assert req.recv() == b"pong"


@each_transport
def test_rep_returns_the_request_id_untouched(sock: Any, endpoints: Any, transport: str) -> None:
    rep = sock("REP", bind=endpoints.any(transport))
    req = sock("REQ", req_correlate=1, connect=last_endpoint(rep))
    for number in range(3):
        req.send(b"%d" % number)
        assert rep.recv() == b"%d" % number
        rep.send(b"re %d" % number)
        assert req.recv() == b"re %d" % number
