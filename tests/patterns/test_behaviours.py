"""What is easily missed of libzmq's ways, where the tests of the patterns do not look."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.helpers import (
    TIMEOUT,
    drain,
    fill,
    last_endpoint,
    raises_errno,
    readable,
    tcp_address,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import greeting, message, ready

TCP = "tcp://127.0.0.1:*"


@pytest.mark.parametrize("first", ["bind", "connect"])
def test_the_mark_may_change_while_it_holds(sock: Any, endpoints: Any, first: str) -> None:
    """Of pipes that are there; downward, too, while more is queued than it allows."""
    name = endpoints.fixed("inproc")
    pull = sock("PULL", rcvhwm=1)
    push = sock("PUSH", sndhwm=1)
    for verb in ("bind", "connect") if first == "bind" else ("connect", "bind"):
        getattr(pull if verb == "bind" else push, verb)(name)
    push.setsockopt(zmq.SNDHWM, 9)
    assert fill(push) == 10
    push.setsockopt(zmq.SNDHWM, 4)
    assert fill(push) == 0
    assert len(drain(pull)) == 10
    wait_until(lambda: writable(push, 10))
    assert 3 <= fill(push) <= 5  # credit comes back by half a queue


def test_a_stream_can_play_a_zmtp_peer(sock: Any) -> None:
    dealer = sock("DEALER", bind=TCP)
    stream = sock("STREAM", connect=last_endpoint(dealer))
    peer, nothing = stream.recv_multipart()
    assert nothing == b""
    stream.send_multipart([peer, greeting() + b""])
    said = b""
    while b"READY" not in said:
        said += stream.recv_multipart()[1]
    stream.send_multipart([peer, ready(b"DEALER", b"")])
    stream.send_multipart([peer, message(b"a", b"b")])
    assert dealer.recv_multipart() == [b"a", b"b"]


def test_nothing_can_be_sent_after_unbind(sock: Any) -> None:
    """Connections that were accepted there are cut."""
    push = sock("PUSH", bind=TCP)
    pull = sock("PULL", connect=last_endpoint(push))
    push.send(b"x")
    assert pull.recv() == b"x"
    push.unbind(last_endpoint(push))
    wait_until(lambda: not writable(push, 10))
    with raises_errno(zmq.EAGAIN):
        push.send(b"y", zmq.DONTWAIT)


def test_several_endpoints_and_the_last_one(sock: Any) -> None:
    pull = sock("PULL")
    names = []
    for _ in range(3):
        pull.bind(TCP)
        names.append(last_endpoint(pull))
    assert len(set(names)) == 3
    for number, name in enumerate(names):
        sock("PUSH", connect=name).send(b"%d" % number)
    assert {pull.recv() for _ in names} == {b"0", b"1", b"2"}
    pull.unbind(names[1])
    with pytest.raises(ConnectionRefusedError):
        wait_until(lambda: socket.create_connection(tcp_address(names[1]), TIMEOUT).close())
    sock("PUSH", connect=names[2]).send(b"still")
    assert pull.recv() == b"still"


def test_empty_frames_anywhere(sock: Any) -> None:
    pull = sock("PULL", bind=TCP)
    push = sock("PUSH", connect=last_endpoint(pull))
    for parts in ([b""], [b"", b""], [b"a", b"", b"", b"b"], [b"", b"x" * 100_000, b""]):
        push.send_multipart(parts)
        assert pull.recv_multipart() == parts


def test_longest_routing_ids(sock: Any) -> None:
    router = sock("ROUTER", bind=TCP)
    dealer = sock("DEALER", routing_id=b"i" * 255, connect=last_endpoint(router))
    dealer.send(b"x")
    assert router.recv_multipart() == [b"i" * 255, b"x"]
    with raises_errno(zmq.EINVAL):
        dealer.setsockopt(zmq.ROUTING_ID, b"i" * 256)
    with raises_errno(zmq.EINVAL):
        dealer.setsockopt(zmq.ROUTING_ID, b"")


@pytest.mark.parametrize(
    "text", [b"X-", b":", b"key:", b":value", b"key:value", b"X-" + b"k" * 254 + b":v", b""]
)
def test_metadata_that_is_none(sock: Any, text: bytes) -> None:
    push = sock("PUSH")
    with raises_errno(zmq.EINVAL):
        push.setsockopt(zmq.METADATA, text)


def test_an_unsubscribe_of_the_unknown_is_not_sent(sock: Any) -> None:
    xpub = sock("XPUB", bind=TCP)
    sub = sock("SUB", connect=last_endpoint(xpub))
    sub.setsockopt(zmq.UNSUBSCRIBE, b"never")
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    assert xpub.recv() == b"\x01t"
    assert not readable(xpub, 1)
