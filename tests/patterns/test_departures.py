"""A peer leaves while its message, or another's, is being received: what was whole stays whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import drain, each_transport, last_endpoint, readable, zmq
from tests.raw_zmtp import message


@pytest.mark.parametrize("who", ["itself", "the other"])
def test_a_body_follows_its_routing_id(sock: Any, raw: Any, monitor: Any, who: str) -> None:
    router = sock("ROUTER", bind="tcp://127.0.0.1:*")
    watch = monitor(router)
    wires = {}
    for name in (b"a", b"b"):
        wires[name] = raw(last_endpoint(router))
        wires[name].handshake(b"DEALER", name)
        wires[name].send(message(b"from", name))
        wires[name].settle()
    first = router.recv()
    wires[first if who == "itself" else {b"a": b"b", b"b": b"a"}[first]].close()
    watch.wait(zmq.EVENT_DISCONNECTED)
    assert [router.recv(), router.recv()] == [b"from", first]
    second = router.recv_multipart()
    assert second[1:] == [b"from", second[0]]
    assert second[0] != first
    assert not readable(router)


@pytest.mark.parametrize("kind", ["PULL", "DEALER", "SUB", "ROUTER"])
def test_the_rest_of_a_whole_message_stays(sock: Any, raw: Any, monitor: Any, kind: str) -> None:
    """Its first part was received before its sender went."""
    one = sock(kind, bind="tcp://127.0.0.1:*")
    if kind == "SUB":
        one.setsockopt(zmq.SUBSCRIBE, b"")
    watch = monitor(one)
    wire = raw(last_endpoint(one))
    wire.handshake({"PULL": b"PUSH", "SUB": b"PUB"}.get(kind, b"DEALER"), b"name")
    wire.send(message(b"one", b"two", b"x" * 50_000) + message(b"cut", b"short")[:-1])
    if kind == "ROUTER":
        assert one.recv() == b"name"
    assert one.recv() == b"one"
    wire.close()
    watch.wait(zmq.EVENT_DISCONNECTED)
    assert one.getsockopt(zmq.RCVMORE)
    assert one.recv_multipart() == [b"two", b"x" * 50_000]
    assert drain(one, 20) == []


@each_transport
def test_what_is_received_cannot_change_what_was_sent(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """inproc hands on the sender's very bytes, which never change."""
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    sent = b"s" * 100_000
    push.send(sent)
    frame = pull.recv(copy=False)
    view = memoryview(frame.buffer)
    if transport == "inproc" and zmq.__name__ != "zmq":
        assert view.readonly
    elif not view.readonly:
        view[0] = 0
    assert sent == b"s" * 100_000
