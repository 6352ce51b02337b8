"""monitored_queue: a proxy whose monitor learns the direction, and that swaps ROUTERs' ids."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.helpers import LIB, last_endpoint, readable, zmq

monitored_queue: Any = importlib.import_module(f"{LIB}.devices").monitored_queue

BIG = bytes(range(256)) * 400


def test_the_monitor_learns_the_direction(sock: Any, background: Any) -> None:
    ends = [background.socket("PAIR", bind=f"inproc://{name}") for name in "ab"]
    monitor = background.socket("PUSH", bind="inproc://monitor")
    seen = sock("PULL", connect="inproc://monitor")
    alice, bob = (sock("PAIR", connect=f"inproc://{name}") for name in "ab")
    background.run(monitored_queue, *ends, monitor, b"to", b"fro")
    for parts in ([b"x"], [b"a", b"", BIG]):
        alice.send_multipart(parts)
        assert bob.recv_multipart() == parts
        assert seen.recv_multipart() == [b"to", *parts]
        bob.send_multipart(parts)
        assert alice.recv_multipart() == parts
        assert seen.recv_multipart() == [b"fro", *parts]


def test_between_routers_the_first_two_frames_change_places(sock: Any, background: Any) -> None:
    ends = [background.socket("ROUTER", bind="tcp://127.0.0.1:*") for _ in "ab"]
    monitor = background.socket("PUSH", bind="inproc://monitor")
    seen = sock("PULL", connect="inproc://monitor")
    alice = sock("DEALER", routing_id=b"alice", connect=last_endpoint(ends[0]))
    bob = sock("DEALER", routing_id=b"bob", connect=last_endpoint(ends[1]))
    background.run(monitored_queue, *ends, monitor)
    while not readable(alice, 10):  # until both ROUTERs know their peers
        bob.send_multipart([b"alice", b"hello"])
    while readable(alice):
        assert alice.recv_multipart() == [b"bob", b"hello"]
    while readable(seen):
        assert seen.recv_multipart() == [b"out", b"alice", b"bob", b"hello"]
    for body in ([b"x"], [b"", BIG, b""]):
        alice.send_multipart([b"bob", *body])
        assert bob.recv_multipart() == [b"alice", *body]
        assert seen.recv_multipart() == [b"in", b"bob", b"alice", *body]


def test_a_message_waits_in_hand_for_the_monitor(sock: Any, background: Any) -> None:
    ends = [background.socket("ROUTER", bind=f"inproc://{name}") for name in "ab"]
    monitor = background.socket("PUSH", bind="inproc://monitor")
    background.run(monitored_queue, *ends, monitor)
    alice = sock("DEALER", routing_id=b"alice", connect="inproc://a")
    bob = sock("DEALER", routing_id=b"bob", connect="inproc://b")
    alice.send_multipart([b"bob", b"x"])
    # libzmq's sends it to bob first, and then waits for the monitor
    seen = sock("PULL", connect="inproc://monitor")
    assert bob.recv_multipart() == [b"alice", b"x"]
    assert seen.recv_multipart() == [b"in", b"bob", b"alice", b"x"]


@pytest.mark.parametrize("prefixes", [("in", b"out"), (b"in", "out"), (None, None)])
def test_prefixes_are_bytes(ctx: Any, prefixes: tuple[Any, Any]) -> None:
    with (
        ctx.socket(zmq.PAIR) as a,
        ctx.socket(zmq.PAIR) as b,
        ctx.socket(zmq.PUB) as monitor,
        pytest.raises(TypeError),
    ):
        monitored_queue(a, b, monitor, *prefixes)


def test_sockets_are_sockets() -> None:
    with pytest.raises(TypeError):
        monitored_queue("in", "out", "mon")
