"""PAIR (RFC 31): exactly one peer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    each_transport,
    fill,
    last_endpoint,
    readable,
    try_send,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import message


@each_transport
def test_both_ways_without_turns(sock: Any, endpoints: Any, transport: str) -> None:
    one = sock("PAIR", bind=endpoints.any(transport))
    two = sock("PAIR", connect=last_endpoint(one))
    for number in range(50):
        assert writable(one, 10_000)
        one.send_multipart([b"%d" % number, b"", b"tail"])
        two.send(b"%d" % number)
    for number in range(50):
        assert two.recv_multipart() == [b"%d" % number, b"", b"tail"]
        assert one.recv() == b"%d" % number


@each_transport
def test_without_a_peer_a_send_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    one = sock("PAIR", bind=endpoints.any(transport), sndtimeo=20)
    assert not writable(one)
    assert not try_send(one, b"x")
    with pytest.raises(zmq.Again):
        one.send(b"x")
    two = sock("PAIR", connect=last_endpoint(one))
    assert writable(one, 10_000)
    one.send(b"x")
    assert two.recv() == b"x"


@each_transport
def test_at_the_mark_a_send_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    one = sock("PAIR", connect=endpoints.fixed(transport), sndhwm=3)
    assert fill(one) == 3


@each_transport
def test_a_second_peer_is_neither_heard_nor_served(
    sock: Any, endpoints: Any, transport: str
) -> None:
    one = sock("PAIR", bind=endpoints.any(transport))
    two = sock("PAIR", connect=last_endpoint(one))
    two.send(b"first come")
    assert one.recv() == b"first come"
    extra = sock("PAIR", connect=last_endpoint(one))
    try_send(extra, b"intruder")
    for number in range(20):
        one.send(b"%d" % number)
        assert two.recv() == b"%d" % number
        two.send(b"%d" % number)
        assert one.recv() == b"%d" % number

    assert not readable(extra)
    assert not readable(one)


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_new_peer_is_welcome_once_the_first_has_left(
    sock: Any, endpoints: Any, transport: str
) -> None:
    one = sock("PAIR", bind=endpoints.any(transport))
    for life in range(3):
        two = sock("PAIR", connect=last_endpoint(one))
        two.send(b"life %d" % life)
        assert one.recv() == b"life %d" % life
        one.send(b"answer")
        assert two.recv() == b"answer"
        two.close()
        wait_until(lambda: not writable(one), what="the peer has left")


def test_an_extra_connection_disturbs_nothing(sock: Any, raw: Any) -> None:
    """libzmq leaves it open and mute; closing it is as good."""
    pair = sock("PAIR", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pair))
    wire.handshake(b"PAIR")
    wire.send(message(b"mine"))
    assert pair.recv() == b"mine"
    extra = raw(last_endpoint(pair))
    try:
        extra.handshake(b"PAIR")
        extra.send(message(b"intruder"))
    except (EOFError, ConnectionError):
        pass
    pair.send(b"yours")
    assert wire.read_message() == [b"yours"]
    assert not readable(pair)


@each_transport
def test_what_was_sent_before_leaving_is_received(
    sock: Any, endpoints: Any, transport: str
) -> None:
    one = sock("PAIR", bind=endpoints.any(transport))
    two = sock("PAIR", connect=last_endpoint(one), linger=-1)
    for number in range(10):
        two.send(b"%d" % number)
    two.close(linger=-1)
    assert [one.recv() for _ in range(10)] == [b"%d" % n for n in range(10)]
