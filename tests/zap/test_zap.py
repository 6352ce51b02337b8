"""Servers and a ZAP handler: who is let in, what is asked, and what a wrong answer leads to."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from peromq.utils.monitor import recv_monitor_message
from tests.helpers import (
    AGAINST_LIBZMQ,
    differs_from_libzmq,
    last_endpoint,
    readable,
    try_send,
    zmq,
)
from tests.raw_zmtp import greeting, prop
from tests.zap.handler import DOMAIN

FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
)


@pytest.mark.parametrize("kind", ["REP", "ROUTER"])
def test_the_question_and_what_a_yes_brings(pair: Any, handler: Any, kind: str) -> None:
    zap = handler(kind)
    made = pair(routing_id=b"SRV")
    client = made.client()
    version, request_id, domain, address, identity, mechanism, *credentials = zap.next()
    assert (version, request_id, domain) == (b"1.0", b"1", DOMAIN)
    assert (address, identity, mechanism) == (b"127.0.0.1", b"SRV", made.mechanism.encode())
    assert len(credentials) == {"NULL": 0, "PLAIN": 2, "CURVE": 1, "GSSAPI": 1}[made.mechanism]
    if made.mechanism == "PLAIN":
        assert credentials == [b"admin", b"sesame"]
    if made.mechanism == "CURVE":
        assert len(credentials[0]) == 32
    if made.mechanism == "GSSAPI":
        assert credentials[0].startswith(b"user@")
    zap.answer(user="somebody é".encode(), metadata=prop(b"Rank", b"major") + prop(b"X-a", b""))

    made.watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    client.send_multipart([b"one", b"two"])
    for frame in made.server.recv_multipart(copy=False):
        assert frame.get("User-Id") == "somebody é"
        assert frame.get("Rank") == "major"
        assert frame.get("X-a") == ""
        assert frame.get("Socket-Type") == "PUSH"
        assert frame.get("Peer-Address") == "127.0.0.1"


@pytest.mark.parametrize("status", [300, 400, 500])
def test_a_no(pair: Any, handler: Any, monitor: Any, status: int) -> None:
    zap = handler()
    made = pair()
    client = made.client()
    watch = monitor(client)
    zap.next()
    zap.answer(b"%d" % status)
    assert made.watch.wait(*FAILURES)[:2] == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, status)
    if status != 300:
        assert watch.wait(*FAILURES)[:2] == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, status)
    try_send(client, b"never")
    assert not readable(made.server)


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([b"1.1", b"1", b"200", b"", b"", b""], "PROTOCOL_ERROR_ZAP_BAD_VERSION"),
        ([b"1.0", b"2", b"200", b"", b"", b""], "PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID"),
        ([b"1.0", b"1", b"999", b"", b"", b""], "PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE"),
        ([b"1.0", b"1", b"2", b"", b"", b""], "PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE"),
        ([b"1.0", b"1", b"200", b"", b"", b"\1"], "PROTOCOL_ERROR_ZAP_INVALID_METADATA"),
        ([b"1.0", b"1", b"200", b"", b""], "PROTOCOL_ERROR_ZAP_MALFORMED_REPLY"),
        ([b"1.0", b"1", b"200", b"", b"", b"", b""], "PROTOCOL_ERROR_ZAP_MALFORMED_REPLY"),
    ],
)
def test_an_answer_that_is_no_zap(pair: Any, handler: Any, frames: list[bytes], error: str) -> None:
    zap = handler()
    made = pair()
    client = made.client()
    zap.next()
    zap.send(*frames)
    event, value, _ = made.watch.wait(*FAILURES)
    assert (event, value) == (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, getattr(zmq, error))
    try_send(client, b"never")
    assert not readable(made.server)


def test_a_handler_that_never_answers(pair: Any, handler: Any) -> None:
    zap = handler()
    made = pair(handshake_ivl=500)
    made.client(handshake_ivl=30_000)
    zap.next()
    assert made.watch.wait(*FAILURES)[0] == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    made.watch.wait(zmq.EVENT_DISCONNECTED)
    zap.answer()  # too late, and nobody minds
    zap.next()  # the client came again
    zap.answer()
    made.watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)


def test_a_handler_that_goes_before_it_answers(pair: Any, handler: Any) -> None:
    zap = handler()
    made = pair(zap_enforce_domain=1)
    made.client()
    zap.next()
    zap.sock.close()
    event, number, _ = made.watch.wait(*FAILURES)
    assert event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    if not AGAINST_LIBZMQ:
        assert number == errno.EPIPE


def test_handlers_come_and_go(pair: Any, handler: Any) -> None:
    """Who is bound when the question comes is asked; connections stay when he goes."""
    made = pair(zap_enforce_domain=1)
    first = handler()
    client = made.client()
    first.next()
    first.answer(user=b"by the first")
    made.watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    first.sock.close()
    client.send(b"1")
    assert made.server.recv(copy=False).get("User-Id") == "by the first"

    second = handler("ROUTER")
    other = made.client()
    second.next()
    second.answer(user=b"by the second")
    other.send(b"2")
    assert made.server.recv(copy=False).get("User-Id") == "by the second"
    client.send(b"3")
    assert made.server.recv(copy=False).get("User-Id") == "by the first"


def test_nobody_to_ask(pair: Any) -> None:
    """PLAIN means a password: without a handler nobody is let in. The others are as libzmq's."""
    made = pair()
    client = made.client()
    if made.mechanism == "PLAIN":
        event, number, _ = made.watch.wait(*FAILURES)
        assert (event, number) == (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, errno.EFAULT)
        return
    client.send(b"hello")
    assert made.server.recv() == b"hello"


def test_nobody_to_ask_where_somebody_must_be(pair: Any) -> None:
    made = pair(zap_enforce_domain=1)
    client = made.client()
    event, _, _ = made.watch.wait(*FAILURES)
    assert event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    try_send(client, b"never")
    assert not readable(made.server)


@differs_from_libzmq
def test_a_handler_of_the_wrong_kind_lets_nobody_in(pair: Any, handler: Any) -> None:
    """libzmq aborts the process."""
    handler("PULL")
    made = pair()
    made.client()
    event, number, _ = made.watch.wait(*FAILURES)
    assert (event, number) == (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, errno.EFAULT)


@differs_from_libzmq
def test_a_server_socket_cannot_read_questions(pair: Any, sock: Any) -> None:
    """libzmq takes a SERVER for a handler, too; but a SERVER drops messages of several parts."""
    zap = sock("SERVER", bind="inproc://zeromq.zap.01")
    made = pair(handshake_ivl=100)
    made.client()
    event, number, _ = made.watch.wait(*FAILURES)
    assert (event, number) == (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, errno.ETIMEDOUT)
    assert not readable(zap)


def test_answers_find_their_questions(pair: Any, handler: Any) -> None:
    """Many at a time, answered in another order."""
    zap = handler("ROUTER")
    made = pair()
    clients = [made.client() for _ in range(8)]
    returns = []
    for _ in clients:
        zap.next()
        returns.append(zap._return)
    for number, zap._return in reversed(list(enumerate(returns))):
        zap.answer(user=b"%d" % number)
    for number, client in enumerate(clients):
        client.send(b"%d" % number)
    got = [made.server.recv(copy=False) for _ in clients]
    assert sorted(frame.bytes for frame in got) == [b"%d" % number for number in range(8)]
    assert sorted(frame.get("User-Id") for frame in got) == [str(number) for number in range(8)]


def test_ending_while_the_handler_thinks(pair: Any, handler: Any) -> None:
    zap = handler()
    made = pair()
    made.client()
    zap.next()
    made.watch.close()
    made.server.close()
    zap.answer()  # to nobody


def test_the_context_ends_while_the_handler_thinks(pair: Any, handler: Any, ctx: Any) -> None:
    """The fixture fails if it hangs."""
    zap = handler()
    made = pair()
    made.client()
    zap.next()


@differs_from_libzmq
def test_a_flood_that_the_handler_cannot_follow(
    sock: Any, monitor: Any, handler: Any, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He finds a bounded number of questions, and then those of who is still there. libzmq's finds
    all."""
    monkeypatch.setattr("peromq.control.zap.ORPHANS_MAX", 5)
    zap = handler()
    server = sock("PULL", zap_domain=DOMAIN, bind="tcp://127.0.0.1:*")
    watch = monitor(server)
    for _ in range(50):
        peer = raw(last_endpoint(server))
        peer.send(greeting())
        peer.read(64)
        peer.close()
        watch.wait(zmq.EVENT_DISCONNECTED)
    client = sock("PUSH", connect=last_endpoint(server))
    watch.wait(zmq.EVENT_ACCEPTED)
    questions = 0
    while not try_send(client, b"in") or not readable(server, 0):
        if readable(zap.sock, 1):
            zap.next()
            zap.answer()
            questions += 1
    assert server.recv() == b"in"
    assert questions == 6


@differs_from_libzmq
def test_monitor_events_tell_who_it_is(pair: Any, handler: Any) -> None:
    """For who wants to know: pyzmq's parser takes two frames only."""
    zap = handler()
    made = pair()
    made.watch.close()
    feed = made.server.get_monitor_socket(zmq.EVENT_ALL | zmq.EVENT_DETAILS, "inproc://details")
    for status in (b"200", b"400"):
        made.client()
        zap.next()
        zap.answer(status, metadata=prop(b"Rank", b"major"))
    yes, no = {}, {}
    while not (yes and no):
        event = recv_monitor_message(feed)
        if event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            yes = event["details"]
        elif event["event"] == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            no = event["details"]
        else:
            assert "details" not in event
    assert (yes["User-Id"], yes["Rank"], yes["Socket-Type"]) == ("somebody", "major", "PUSH")
    assert yes["Peer-Address"] == no["Peer-Address"] == "127.0.0.1"
    assert yes["Mechanism"] == no["Mechanism"] == made.mechanism
    assert "400" in no["Reason"]
    feed.close()


def test_inproc_asks_nobody(sock: Any, handler: Any, endpoints: Any) -> None:
    zap = handler()
    server = sock("PULL", zap_domain=DOMAIN, bind=endpoints.any("inproc"))
    client = sock("PUSH", connect=last_endpoint(server))
    client.send(b"hello")
    assert server.recv() == b"hello"
    assert not readable(zap.sock)


def test_ipc_peers_are_named_by_their_process(sock: Any, handler: Any, endpoints: Any) -> None:
    zap = handler()
    server = sock("PULL", zap_domain=DOMAIN, bind=endpoints.any("ipc"))
    sock("PUSH", connect=last_endpoint(server))
    address = zap.next()[3]
    zap.answer()
    assert address.count(b":") == 3


def test_a_side_without_a_domain_asks_nobody(sock: Any, handler: Any) -> None:
    zap = handler()
    server = sock("PULL", bind="tcp://127.0.0.1:*")
    client = sock("PUSH", connect=last_endpoint(server))
    client.send(b"hello")
    assert server.recv() == b"hello"
    assert not readable(zap.sock)


def test_both_sides_of_null_may_ask(sock: Any, handler: Any) -> None:
    zap = handler("ROUTER")
    server = sock("PULL", zap_domain=b"here", bind="tcp://127.0.0.1:*")
    client = sock("PUSH", zap_domain=b"there", connect=last_endpoint(server))
    domains = []
    for _ in range(2):
        domains.append(zap.next()[2])
        zap.answer()
    assert sorted(domains) == [b"here", b"there"]
    client.send(b"hello")
    assert server.recv() == b"hello"
