"""What happens to a PUSH's message when the peer it was meant for goes away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    last_endpoint,
    try_send,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import frame


def test_the_rest_of_a_message_is_dropped_when_its_peer_dies(
    sock: Any, raw: Any, monitor: Any
) -> None:
    """No part of it goes to another peer."""
    push = sock("PUSH")
    watch = monitor(push)
    push.bind("tcp://127.0.0.1:*")
    mortal = raw(last_endpoint(push))
    mortal.handshake(b"PULL")
    assert writable(push, 10_000)
    push.send(b"first part", zmq.SNDMORE)
    mortal.reset()
    watch.wait(zmq.EVENT_DISCONNECTED)
    heir = raw(last_endpoint(push))
    heir.handshake(b"PULL")
    try:
        push.send(b"second part", zmq.SNDMORE)
        push.send(b"last part")
    except zmq.Again:
        pytest.fail("the rest of a lost message must be swallowed")
    assert writable(push, 10_000)
    push.send(b"next message")

    assert heir.read_message() == [b"next message"]


def test_what_was_queued_for_an_accepted_peer_dies_with_it(
    sock: Any, raw: Any, monitor: Any
) -> None:
    push = sock("PUSH", sndbuf=8192)
    watch = monitor(push)
    push.bind("tcp://127.0.0.1:*")
    mortal = raw(last_endpoint(push))
    mortal.handshake(b"PULL")
    assert writable(push, 10_000)
    for _ in range(100):
        push.send(b"q" * 100_000)
    mortal.reset()
    watch.wait(zmq.EVENT_DISCONNECTED)
    wait_until(lambda: not writable(push), what="no peer is left")
    heir = raw(last_endpoint(push))
    heir.handshake(b"PULL")
    assert writable(push, 10_000)
    push.send(b"fresh")

    assert heir.read_message() == [b"fresh"]


def test_immediate_off_queues_for_a_peer_yet_to_come(sock: Any, endpoints: Any) -> None:
    """The round includes endpoints that nobody serves."""
    push = sock("PUSH")
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push.connect(last_endpoint(pull))
    push.connect(endpoints.fixed("tcp"))
    for _ in range(10):
        push.send(b"x")

    for _ in range(5):
        assert pull.recv() == b"x"
    assert not pull.poll(50)


def test_immediate_on_serves_only_peers_that_are_there(sock: Any, endpoints: Any) -> None:
    push = sock("PUSH", immediate=1, reconnect_ivl=10)
    late = endpoints.fixed("tcp")
    push.connect(late)
    assert not try_send(push, b"nobody is there")
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push.connect(last_endpoint(pull))
    assert writable(push, 10_000)
    for _ in range(10):
        push.send(b"x")
    assert [pull.recv() for _ in range(10)] == [b"x"] * 10


def test_immediate_on_blocks_again_when_the_peer_has_gone(
    sock: Any, monitor: Any, raw_listener: Any
) -> None:
    push = sock("PUSH", immediate=1, reconnect_ivl=10, sndtimeo=20)
    watch = monitor(push)
    push.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    assert writable(push, 10_000)
    push.send(b"x")
    assert wire.read_message() == [b"x"]
    wire.reset()
    watch.wait(zmq.EVENT_DISCONNECTED)
    wait_until(lambda: not writable(push), what="the pipe has gone with its link")
    with pytest.raises(zmq.Again):
        push.send(b"y")
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    assert writable(push, 10_000)
    push.send(b"z")
    assert wire.read_message() == [b"z"]


def test_a_push_does_not_listen(sock: Any, raw: Any) -> None:
    """What a PULL sends upstream is thrown away and disturbs nothing."""
    push = sock("PUSH", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(push))
    wire.handshake(b"PULL")
    wire.send(frame(b"upstream") * 5)
    assert writable(push, 10_000)
    push.send(b"downstream")

    assert wire.read_message() == [b"downstream"]


@differs_from_libzmq
def test_upstream_chatter_is_not_kept_without_bound(sock: Any, raw: Any) -> None:
    """A PULL that floods its PUSH is read and forgotten: its writes never get stuck."""
    push = sock("PUSH", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(push))
    wire.handshake(b"PULL")
    for _ in range(200):
        wire.send(frame(b"u" * 100_000))
    wire.ping(b"done")
    assert wire.read_command() == (b"PONG", b"done")
