"""Options that act on later binds and connects: connections have what their endpoint had."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import Sock, last_endpoint, needs_draft, zmq
from tests.raw_zmtp import message

BIND = "tcp://127.0.0.1:*"


def two_binds(socket: Sock, option: str, first: int | bytes, second: int | bytes) -> list[str]:
    """The endpoints of two binds with different values, and a third value at the end."""
    endpoints = []
    for value in (first, second):
        setattr(socket, option, value)
        socket.bind(BIND)
        endpoints.append(last_endpoint(socket))
    setattr(socket, option, first)
    return endpoints


def test_the_largest_message(sock: Any, raw: Any) -> None:
    """A door for strangers, and another for friends."""
    pull = sock("PULL")
    narrow, wide = two_binds(pull, "maxmsgsize", 100, 1000)
    for endpoint, goes in ((narrow, False), (wide, True)):
        wire = raw(endpoint)
        wire.handshake(b"PUSH")
        wire.send(message(bytes(500)))
        if goes:
            assert pull.recv() == bytes(500)
        else:
            wire.expect_closed()


def test_heartbeats(sock: Any, raw: Any) -> None:
    pull = sock("PULL")
    beating, quiet = two_binds(pull, "heartbeat_ivl", 20, 0)
    pull.heartbeat_ttl = 5000
    wires = [raw(beating), raw(quiet)]
    for wire in wires:
        wire.handshake(b"PUSH")
    assert wires[0].read_command() == (b"PING", bytes(2))
    assert not wires[1].has_input(0.05)


@needs_draft
def test_notices_of_who_comes_and_goes(sock: Any, raw: Any) -> None:
    router = sock("ROUTER")
    told, mute = two_binds(router, "router_notify", 3, 0)
    for endpoint, name, expected in ((mute, b"x", []), (told, b"y", [[b"y", b""]] * 2)):
        wire = raw(endpoint)
        wire.handshake(b"DEALER", identity=name)
        wire.send(message(b"hello"))
        wire.settle()
        wire.close()
        found = [router.recv_multipart() for _ in range(len(expected) + 1)]
        assert found == [*expected[:1], [name, b"hello"], *expected[1:]]


@needs_draft
def test_words_of_welcome_and_farewell(sock: Any, raw: Any) -> None:
    router = sock("ROUTER")
    router.disconnect_msg = b"gone"
    kind, cold = two_binds(router, "hello_msg", b"hello", b"hi")
    router.disconnect_msg = b"lost"
    for endpoint, words in ((kind, b"hello"), (cold, b"hi")):
        wire = raw(endpoint)
        wire.handshake(b"DEALER", identity=words)
        assert wire.read_message() == [words]
        wire.send(message(b"bye"))
        wire.close()
        assert [router.recv_multipart() for _ in range(2)] == [[words, b"bye"], [words, b"gone"]]


@needs_draft
def test_what_is_said_of_a_broken_connection(sock: Any, raw_listener: Any) -> None:
    dealer = sock("DEALER", hiccup_msg=b"old", reconnect_ivl=5, connect=raw_listener.endpoint)
    dealer.hiccup_msg = b"new"
    for round_ in (b"1", b"2"):
        wire = raw_listener.accept()
        wire.handshake(b"DEALER")
        wire.send(message(round_))
        wire.close()
        assert [dealer.recv(), dealer.recv()] == [round_, b"old"]


def test_only_the_newest(sock: Any, raw: Any) -> None:
    """CONFLATE: what is accepted where it was set later keeps all."""
    pull = sock("PULL", bind=BIND)
    pull.conflate = 1
    wire = raw(last_endpoint(pull))
    wire.handshake(b"PUSH")
    wire.send(message(b"1") + message(b"2"))
    wire.settle()
    assert [pull.recv(), pull.recv()] == [b"1", b"2"]


def test_who_gets_a_name_that_is_taken(sock: Any, raw: Any) -> None:
    """ROUTER_HANDOVER is no option of connections: it holds from when it is set."""
    router = sock("ROUTER", bind=BIND)
    router.router_handover = 1
    first, second = raw(last_endpoint(router)), raw(last_endpoint(router))
    for wire, text in ((first, b"1"), (second, b"2")):
        wire.handshake(b"DEALER", identity=b"x")
        wire.send(message(text))
        assert router.recv_multipart() == [b"x", text]
    router.send_multipart([b"x", b"to whom?"])
    assert second.read_message() == [b"to whom?"]


@pytest.mark.parametrize("option", ["maxmsgsize", "heartbeat_ivl"])
def test_what_is_read_back_is_the_last(sock: Any, option: str) -> None:
    pull = sock("PULL")
    two_binds(pull, option, 100, 1000)
    assert pull.get(getattr(zmq, option.upper())) == 100
