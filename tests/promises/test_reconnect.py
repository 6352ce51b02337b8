"""A peer dies and comes back: what had not reached the kernel is not lost, nothing arrives cut."""

from __future__ import annotations

import socket as stdsocket
from itertools import pairwise
from typing import Any

import pytest

from tests.helpers import (
    Endpoints,
    check_numbered,
    comes,
    differs_from_libzmq,
    fill,
    last_endpoint,
    numbered,
    readable,
    subscription_arrives,
    try_send,
    wait_until,
    writable,
    zmq,
)

WIRES = ("tcp", "ipc")


@pytest.fixture(params=WIRES)
def fixed(request: pytest.FixtureRequest, endpoints: Endpoints) -> str:
    return endpoints.fixed(request.param)


def test_the_queue_of_a_connecting_push_survives_a_killed_peer(
    sock: Any, monitor: Any, spawn: Any, fixed: str
) -> None:
    first = spawn()
    first.socket("PULL", bind=fixed)
    push = sock("PUSH", reconnect_ivl=10)
    watch = monitor(push)
    push.connect(fixed)
    for number in range(100):
        push.send(numbered(1, number))
    assert first.call("recv_numbered", 100) == {1: list(range(100))}

    first.kill()
    watch.wait(zmq.EVENT_DISCONNECTED)
    for number in range(100, 600):
        push.send(numbered(1, number))
    second = spawn()
    second.socket("PULL", bind=fixed)

    assert second.call("recv_numbered", 500) == {1: list(range(100, 600))}


def test_a_killed_client_comes_back_to_a_bound_server(sock: Any, spawn: Any, fixed: str) -> None:
    server = sock("REP", bind=fixed)
    for life in range(3):
        client = spawn()
        client.socket("REQ", connect=fixed)
        client.call("send", b"life %d" % life)
        assert server.recv() == b"life %d" % life
        server.send(b"granted")
        assert client.call("recv") == [b"granted"]
        client.kill()


@pytest.mark.parametrize("kind", ["DEALER", "PULL", "SUB", "PAIR", "REQ"])
def test_a_killed_server_comes_back_to_its_clients(
    sock: Any, monitor: Any, spawn: Any, fixed: str, kind: str
) -> None:
    other = {"DEALER": "DEALER", "PULL": "PUSH", "SUB": "XPUB", "PAIR": "PAIR", "REQ": "REP"}[kind]
    client = sock(kind, reconnect_ivl=10)
    watch = monitor(client)
    client.connect(fixed)
    if kind == "SUB":
        client.setsockopt(zmq.SUBSCRIBE, b"")
    for life in range(2):
        server = spawn()
        server.socket(other, bind=fixed)
        watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        if kind == "SUB":
            readable(client)  # libzmq re-subscribes only when the application looks in
            assert server.call("recv") == [b"\x01"]
        if kind == "REQ":
            client.send(b"?")
            assert server.call("recv") == [b"?"]
        server.call("send", b"life", b"%d" % life)
        assert client.recv_multipart() == [b"life", b"%d" % life]
        server.kill()
        watch.wait(zmq.EVENT_DISCONNECTED)


def test_killed_in_mid_stream_only_a_gap_of_whole_messages_is_missing(
    sock: Any, spawn: Any, endpoints: Any
) -> None:
    """What the kernel had taken may be lost; before and after it nothing is, and nothing twice."""
    endpoint = endpoints.fixed("tcp")
    first = spawn()
    first.socket("PULL", bind=endpoint, rcvhwm=10)
    push = sock("PUSH", connect=endpoint, reconnect_ivl=10, sndhwm=100)
    size = 50_000
    for number in range(5):
        push.send(numbered(1, number, size))
    assert first.call("recv_numbered", 5, size) == {1: list(range(5))}
    fill_numbered(push, size, start=5)
    first.kill()
    second = spawn()
    second.socket("PULL", bind=endpoint)
    final = numbered(1, 10_000_000, size)
    push.send(final)

    after: list[int] = []
    while not after or after[-1] != 10_000_000:
        after += second.call("recv_numbered", 1, size)[1]
    assert after == sorted(set(after))
    assert after[0] >= 5
    assert len(after) >= 45, "a blocked queue is at least half full, and that half is not lost"


def test_a_half_written_message_is_sent_again_or_not_at_all(sock: Any, raw_listener: Any) -> None:
    """The link dies in the middle of a frame: the next link begins at a message's first frame."""
    push = sock("PUSH", reconnect_ivl=10, sndhwm=20, sndbuf=16_384)
    push.connect(raw_listener.endpoint)
    first = raw_listener.accept()
    first.sock.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_RCVBUF, 16_384)
    first.handshake(b"PULL")
    fill_numbered(push, 400_000, b"head")
    first.read(600_123)  # one whole message and a part of the next
    first.reset()

    second = raw_listener.accept()
    second.handshake(b"PULL")
    got = [second.read_message() for _ in range(8)]
    assert {parts[0] for parts in got} == {b"head"}
    numbers = [check_numbered(parts[1], 400_000)[1] for parts in got]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 1


def test_a_message_cut_by_the_death_of_its_sender_is_not_delivered(
    sock: Any, raw: Any, endpoints: Any
) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"))
    wire = raw(last_endpoint(pull))
    wire.handshake(b"PUSH")
    wire.send(b"\0\5whole" + b"\1\4head" + b"\0\x0acut")
    wire.close()
    other = raw(last_endpoint(pull))
    other.handshake(b"PUSH")
    other.send(b"\0\4next")

    assert pull.recv_multipart() == [b"whole"]
    assert pull.recv_multipart() == [b"next"]


@pytest.mark.parametrize("missing", ["last frame", "part of the last frame", "all but the first"])
def test_a_multipart_message_is_atomic_across_the_death_of_its_sender(
    sock: Any, raw: Any, endpoints: Any, missing: str
) -> None:
    router = sock("ROUTER", bind=endpoints.any("tcp"))
    wire = raw(last_endpoint(router))
    wire.handshake(b"DEALER", b"mortal")
    parts = [b"\1\3one", b"\1\3two", b"\0\5three"]
    keep = {"last frame": 2, "part of the last frame": 3, "all but the first": 1}[missing]
    data = b"".join(parts[:keep])
    wire.send(b"\0\5alive" + (data[:-2] if "part" in missing else data))
    assert router.recv_multipart() == [b"mortal", b"alive"]
    wire.reset()
    heir = raw(last_endpoint(router))
    heir.handshake(b"DEALER", b"heir")
    heir.send(b"\0\4mine")

    assert router.recv_multipart() == [b"heir", b"mine"]


def test_subscriptions_come_again_after_a_reconnect(sock: Any, raw_listener: Any) -> None:
    sub = sock("SUB", reconnect_ivl=10)
    for topic in (b"b", b"a", b"c", b"a"):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.setsockopt(zmq.UNSUBSCRIBE, b"c")
    sub.connect(raw_listener.endpoint)
    for _ in range(3):
        wire = raw_listener.accept()
        wire.handshake(b"PUB")
        readable(sub)  # libzmq needs the application to look in before it subscribes again
        assert wire.read_command() == (b"SUBSCRIBE", b"a")
        assert wire.read_command() == (b"SUBSCRIBE", b"b")
        wire.reset()


@differs_from_libzmq
def test_all_subscriptions_come_again_also_beyond_the_high_water_mark(
    sock: Any, raw_listener: Any
) -> None:
    """libzmq drops what exceeds SNDHWM; a subscription must not be lost silently."""
    topics = [b"topic %04d" % n for n in range(1500)]
    sub = sock("SUB", reconnect_ivl=10)
    for topic in topics:
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.connect(raw_listener.endpoint)
    for _ in range(2):
        wire = raw_listener.accept()
        wire.handshake(b"PUB")
        readable(sub)
        assert [wire.read_command()[1] for _ in topics] == topics
        wire.reset()


def test_a_publisher_that_returns_is_heard_again(sock: Any, monitor: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("tcp")
    sub = sock("SUB", reconnect_ivl=10)
    watch = monitor(sub)
    sub.setsockopt(zmq.SUBSCRIBE, b"news")
    sub.connect(endpoint)
    for life in range(3):
        pub = sock("PUB", bind=endpoint)
        subscription_arrives(pub, sub)
        pub.send(b"sports")
        pub.send(b"news %d" % life)
        assert sub.recv() == b"news %d" % life
        pub.close()
        watch.wait(zmq.EVENT_DISCONNECTED)


def test_an_accepted_link_takes_its_queue_with_it(
    sock: Any, endpoints: Any, spawn: Any, monitor: Any
) -> None:
    """On the binding side a queue belongs to its connection, and ends with it."""
    push = sock("PUSH", bind=endpoints.any("tcp"))
    watch = monitor(push)
    peer = spawn()
    peer.socket("PULL", connect=last_endpoint(push), rcvhwm=1)
    assert writable(push, 10_000)
    fill(push, b"d" * 100_000)
    peer.kill()
    watch.wait(zmq.EVENT_DISCONNECTED)
    heir = spawn()
    heir.socket("PULL", connect=last_endpoint(push))
    push.send(b"to the heir")

    assert heir.call("recv") == [b"to the heir"]


def test_router_forgets_a_dead_client_and_knows_it_again(
    sock: Any, spawn: Any, endpoints: Any
) -> None:
    router = sock("ROUTER", bind=endpoints.any("tcp"), router_mandatory=1)
    for life in range(2):
        client = spawn()
        client.socket("DEALER", routing_id=b"cat", connect=last_endpoint(router))
        client.call("send", b"%d" % life)
        assert router.recv_multipart() == [b"cat", b"%d" % life]
        router.send_multipart([b"cat", b"milk"])
        assert client.call("recv") == [b"milk"]
        client.kill()
        wait_until(lambda: not reachable(router, b"cat"), what="the dead client is forgotten")
        readable(router, 0)  # libzmq frees the id only when the application looks in


def fill_numbered(push: Any, size: int, *head: bytes, start: int = 0) -> None:
    """Send numbered messages until the socket stays full."""
    number = start
    while try_send(push, [*head, numbered(1, number, size)]) or comes(push, zmq.POLLOUT, 300):
        number += 1  # a number that was refused is a gap nobody misses


def reachable(router: Any, routing_id: bytes) -> bool:
    try:
        router.send_multipart([routing_id, b"?"])
    except zmq.ZMQError as problem:
        if problem.errno != zmq.EHOSTUNREACH:
            raise
        return False
    return True


def test_no_more_is_lost_than_the_kernel_had(sock: Any, raw_listener: Any) -> None:
    """Each link is cut after three messages were read; small buffers bound what goes with it."""
    push = sock("PUSH", reconnect_ivl=1, sndhwm=0, sndbuf=16_384)
    push.connect(raw_listener.endpoint)
    for number in range(20_000):
        push.send(numbered(1, number, 1000))
    seen: list[int] = []
    for _ in range(20):
        wire = raw_listener.accept()
        wire.sock.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_RCVBUF, 4096)
        wire.handshake(b"PULL")
        seen += [check_numbered(wire.read_message()[0], 1000)[1] for _ in range(3)]
        wire.reset()
    assert seen == sorted(set(seen))
    lost = [later - earlier for earlier, later in pairwise(seen)]
    assert max(lost) <= 300, "the kernel's buffers do not hold 300 messages"
