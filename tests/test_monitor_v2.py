"""Monitors of version 2, PeroMQ's own events, and details."""

import asyncio
import contextlib
import errno
import json
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import peromq as zmq
import peromq.asyncio
from peromq.utils.monitor import parse_monitor_message, recv_monitor_message
from tests.helpers import together, wait_until

TIMEOUT_MS = 10_000


@pytest.fixture
def context() -> Iterator[Any]:
    context = zmq.Context()
    context.linger = 0
    context.rcvtimeo = TIMEOUT_MS
    context.reconnect_ivl = 20
    yield context
    context.destroy(linger=0)


@pytest.fixture
def open_socket(context: Any) -> Iterator[Any]:
    made: list[Any] = []

    def make(kind: str, **options: Any) -> Any:
        made.append(context.socket(getattr(zmq, kind)))
        for name, value in options.items():
            setattr(made[-1], name, value)
        return made[-1]

    yield make
    for socket in made:
        socket.close()


@pytest.fixture
def watch(open_socket: Any) -> Iterator[Any]:
    made: list[Any] = []

    def make(socket: Any, events: int = zmq.EVENT_ALL_PEROMQ) -> Any:
        made.append(socket.get_monitor_socket(events, f"inproc://v2-{len(made)}", version=2))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close()


def until(monitor: Any, event: int) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = recv_monitor_message(monitor)
        if found["event"] == event:
            return found


# -- the frames


@pytest.mark.parametrize("transport", ["tcp", "ipc", "tcp6"])
def test_frames(open_socket: Any, watch: Any, tmp_path: Any, transport: str) -> None:
    """zmq_socket_monitor_versioned(3): numbers of 64 bits, then the local and the remote end."""
    server, client = open_socket("PULL", ipv6=1), open_socket("PUSH", ipv6=1)
    below, above = (watch(socket, zmq.EVENT_ALL_V2) for socket in (server, client))
    server.bind(
        {"tcp": "tcp://127.0.0.1:*", "tcp6": "tcp://[::1]:*", "ipc": f"ipc://{tmp_path}/s"}[
            transport
        ]
    )
    endpoint = server.last_endpoint
    client.connect(endpoint)

    def read(monitor: Any) -> tuple[int, list[int], bytes, bytes]:
        frames = monitor.recv_multipart()
        event, count, *values = (struct.unpack("=Q", frame)[0] for frame in frames[:-2])
        assert len(values) == count
        return event, values, frames[-2], frames[-1]

    event, values, local, remote = read(below)
    assert (event, len(values), local, remote) == (zmq.EVENT_LISTENING, 1, endpoint, b"")
    event, _, local, far = read(below)
    assert (event, local) == (zmq.EVENT_ACCEPTED, endpoint)
    event, values, local, remote = read(below)
    assert (event, values, local, remote) == (
        zmq.EVENT_HANDSHAKE_SUCCEEDED,
        [0],
        endpoint,
        far,
    )
    if transport != "ipc":
        assert read(above) == (
            zmq.EVENT_CONNECT_DELAYED,
            [errno.EINPROGRESS],
            b"",
            endpoint,
        )
    event, _, local, remote = read(above)
    assert (event, local, remote) == (zmq.EVENT_CONNECTED, far, endpoint)
    assert read(above)[2:] == (far, endpoint)
    server.unbind(endpoint.decode())
    assert read(above)[::2] == (zmq.EVENT_DISCONNECTED, far)
    event, _, local, remote = read(above)
    assert (event, local, remote) == (zmq.EVENT_CONNECT_RETRIED, b"", endpoint)


@pytest.mark.parametrize(("kind", "reader"), [("PAIR", "PAIR"), ("PUB", "SUB"), ("PUSH", "PULL")])
@pytest.mark.parametrize("version", [1, 2])
def test_types_of_monitor_sockets(open_socket: Any, kind: str, reader: str, version: int) -> None:
    server, monitor = open_socket("PULL"), open_socket(reader)
    server.monitor("inproc://typed", zmq.EVENT_ALL, version, getattr(zmq, kind))
    if reader == "SUB":
        monitor.subscribe(b"")
    monitor.connect("inproc://typed")
    server.bind("tcp://127.0.0.1:*")
    assert recv_monitor_message(monitor)["event"] == zmq.EVENT_LISTENING
    server.disable_monitor()
    assert recv_monitor_message(monitor)["event"] == zmq.EVENT_MONITOR_STOPPED


@pytest.mark.parametrize(
    ("events", "version", "kind"),
    [
        (zmq.EVENT_PIPES_STATS, 1, zmq.PAIR),
        (zmq.EVENT_SUBSCRIPTION_ACTIVE, 1, zmq.PAIR),
        (zmq.EVENT_ALL, 0, zmq.PAIR),
        (zmq.EVENT_ALL, 3, zmq.PAIR),
        (zmq.EVENT_ALL, 2, zmq.ROUTER),
        (zmq.EVENT_ALL, 2, zmq.SUB),
    ],
)
def test_refused(open_socket: Any, events: int, version: int, kind: int) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        open_socket("PULL").monitor("inproc://refused", events, version, kind)
    assert caught.value.errno == zmq.EINVAL


def test_our_events_need_an_io_thread() -> None:
    with zmq.Context(io_threads=0) as context, context.socket(zmq.PUB) as pub:
        with pytest.raises(zmq.ZMQError) as caught:
            pub.monitor("inproc://m", zmq.EVENT_MESSAGES_DROPPED, version=2)
        assert caught.value.errno == zmq.EMTHREAD
        pub.monitor("inproc://m", zmq.EVENT_ALL_V2, version=2)


# -- PIPES_STATS


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_pipes_stats(open_socket: Any, watch: Any, transport: str) -> None:
    push, pull = open_socket("PUSH"), open_socket("PULL")
    monitor = watch(pull, zmq.EVENT_PIPES_STATS)
    with pytest.raises(zmq.Again):
        pull.monitor_pipes_stats()
    pull.bind("tcp://127.0.0.1:*" if transport == "tcp" else "inproc://stats")
    push.connect(pull.last_endpoint)
    for _ in range(3):
        push.send(b"x")
    wait_until(lambda: pull.statistics().receive_queue == 3)
    pull.monitor_pipes_stats()
    event = recv_monitor_message(monitor)
    assert (event["event"], event["values"]) == (zmq.EVENT_PIPES_STATS, [0, 3])
    assert event["local"] == pull.last_endpoint
    assert not monitor.poll(0)


def test_pipes_stats_without_a_monitor_for_them(open_socket: Any, watch: Any) -> None:
    pull = open_socket("PULL")
    for _ in range(2):
        with pytest.raises(zmq.ZMQError) as caught:
            pull.monitor_pipes_stats()
        assert caught.value.errno == zmq.EINVAL
        watch(pull, zmq.EVENT_ALL)


# -- details


def test_who_and_why(open_socket: Any, watch: Any) -> None:
    router, dealer = open_socket("ROUTER"), open_socket("DEALER", routing_id=b"\xffme")
    below, above = watch(router), watch(dealer)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    endpoint = b"tcp://127.0.0.1:%d" % port
    dealer.connect(endpoint)
    came = until(below, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert (came["routing_id"], came["endpoint"]) == (b"\xffme", endpoint)
    assert came["details"]["Socket-Type"] == "DEALER"
    made = until(above, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert (made["endpoint"], made["remote"]) == (endpoint, endpoint)
    dealer.disconnect(endpoint)
    gone = until(below, zmq.EVENT_DISCONNECTED)
    assert (gone["routing_id"], gone["endpoint"]) == (b"\xffme", endpoint)
    assert gone["reason"] == "the connection was closed"


def test_names_that_a_router_gave(open_socket: Any, watch: Any) -> None:
    router, dealer = open_socket("ROUTER"), open_socket("DEALER")
    below = watch(router)
    dealer.connect(f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}")
    dealer.send(b"x")
    name = router.recv_multipart()[0]
    assert until(below, zmq.EVENT_HANDSHAKE_SUCCEEDED)["routing_id"] == name
    dealer.close()
    assert until(below, zmq.EVENT_DISCONNECTED)["routing_id"] == name


def test_user_ids(open_socket: Any, watch: Any) -> None:
    handler, server = open_socket("REP"), open_socket("PULL", zap_domain=b"d")
    handler.bind("inproc://zeromq.zap.01")
    below = watch(server)
    client = open_socket("PUSH")
    client.connect(f"tcp://127.0.0.1:{server.bind_to_random_port('tcp://127.0.0.1')}")
    version, request = handler.recv_multipart()[:2]
    handler.send_multipart([version, request, b"200", b"", b"alice", b""])
    assert until(below, zmq.EVENT_HANDSHAKE_SUCCEEDED)["user_id"] == "alice"
    wait_until(lambda: server.statistics().connected_peers)
    assert server.statistics().peers[0].user_id == "alice"
    client.close()
    assert until(below, zmq.EVENT_DISCONNECTED)["user_id"] == "alice"


def test_why_it_is_tried_again(open_socket: Any, watch: Any, tcp_endpoint: str) -> None:
    client = open_socket("PUSH")
    above = watch(client)
    client.connect(tcp_endpoint)
    assert until(above, zmq.EVENT_CLOSED)["reason"] == "Connection refused"
    again = until(above, zmq.EVENT_CONNECT_RETRIED)
    assert (again["reason"], again["endpoint"]) == ("Connection refused", tcp_endpoint.encode())


def test_why_it_could_not_be_bound(open_socket: Any, watch: Any) -> None:
    one, other = open_socket("PULL"), open_socket("PULL")
    below = watch(other)
    one.bind("tcp://127.0.0.1:*")
    with pytest.raises(zmq.ZMQError):
        other.bind(one.last_endpoint)
    assert "in use" in until(below, zmq.EVENT_BIND_FAILED)["reason"]


def test_without_details(open_socket: Any, watch: Any) -> None:
    server = open_socket("PULL")
    below = watch(server, zmq.EVENT_ALL_PEROMQ & ~zmq.EVENT_DETAILS)
    server.bind("tcp://127.0.0.1:*")
    assert set(recv_monitor_message(below)) == {
        "event",
        "value",
        "endpoint",
        "values",
        "local",
        "remote",
    }


# -- our events


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_a_subscription_is_active(open_socket: Any, watch: Any, transport: str) -> None:
    """Nobody calls either socket meanwhile."""
    pub, sub = open_socket("PUB"), open_socket("SUB")
    below, above = (
        watch(each, zmq.EVENT_SUBSCRIPTION_ACTIVE | zmq.EVENT_DETAILS) for each in (pub, sub)
    )
    pub.bind("tcp://127.0.0.1:*" if transport == "tcp" else "inproc://active")
    sub.connect(pub.last_endpoint)
    sub.subscribe(b"a\xff")
    event = recv_monitor_message(below)
    assert (event["values"], event["topic"], event["endpoint"]) == (
        [1],
        b"a\xff",
        pub.last_endpoint,
    )
    if transport == "tcp":  # over inproc it is active when subscribe() returns
        event = recv_monitor_message(above)
        assert (event["values"], event["endpoint"]) == ([1], pub.last_endpoint)
        sub.subscribe(b"b")
        assert recv_monitor_message(above)["values"] == [2]
    else:
        sub.subscribe(b"b")
    event = recv_monitor_message(below)
    assert (event["values"], event["topic"]) == ([1], b"b")


def test_groups_that_are_active(open_socket: Any, watch: Any) -> None:
    radio, dish = open_socket("RADIO"), open_socket("DISH")
    below, above = watch(radio), watch(dish)
    dish.connect(f"tcp://127.0.0.1:{radio.bind_to_random_port('tcp://127.0.0.1')}")
    dish.join("g")
    assert until(below, zmq.EVENT_SUBSCRIPTION_ACTIVE)["topic"] == b"g"
    assert until(above, zmq.EVENT_SUBSCRIPTION_ACTIVE)["values"] == [1]


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_full_queues_and_drops(open_socket: Any, watch: Any, transport: str) -> None:
    pub = open_socket("PUB", sndhwm=5, sndbuf=4096)
    sub = open_socket("SUB", rcvhwm=5, rcvbuf=4096)
    below, above = watch(pub), watch(sub)
    pub.bind("tcp://127.0.0.1:*" if transport == "tcp" else "inproc://drops")
    sub.connect(pub.last_endpoint)
    sub.subscribe(b"")
    sub.wait_subscribed(timeout=10)
    sent = 0
    while pub.statistics().messages_dropped < 10:
        pub.send(b"x" * 1000)
        sent += 1
    full = until(below, zmq.EVENT_SEND_HWM_REACHED)
    assert full["endpoint"] == pub.last_endpoint
    assert full["values"] == [5 if transport == "tcp" else 10]  # inproc: the sum of both sides'
    dropped = 0
    while dropped < 10:
        event = until(below, zmq.EVENT_MESSAGES_DROPPED)
        fresh, total = event["values"]
        dropped += fresh
        assert total == dropped
        assert event["reason"] == "the send queue was full"
    if transport == "tcp":
        assert until(above, zmq.EVENT_RECEIVE_HWM_REACHED)["values"] == [5]
    assert pub.statistics().messages_sent == sent - dropped


def test_unroutable(open_socket: Any, watch: Any) -> None:
    router = open_socket("ROUTER")
    below = watch(router)
    router.send_multipart([b"nobody", b"x"])
    event = until(below, zmq.EVENT_MESSAGES_DROPPED)
    assert (event["values"], event["reason"]) == ([1, 1], "there was no such peer")
    assert event["endpoint"] == b""


def test_after_a_monitor_is_disabled_nothing_is_watched(open_socket: Any, watch: Any) -> None:
    pub, sub = open_socket("PUB"), open_socket("SUB")
    below = watch(pub)
    pub.disable_monitor()
    sub.connect(f"tcp://127.0.0.1:{pub.bind_to_random_port('tcp://127.0.0.1')}")
    sub.subscribe(b"a")
    assert pub.wait_subscribers(timeout=10) == 1
    assert recv_monitor_message(below)["event"] == zmq.EVENT_MONITOR_STOPPED
    assert not below.poll(0)


def test_awaited(context: Any) -> None:
    async def main() -> None:
        made = peromq.asyncio.Context(context)
        with made.socket(zmq.PULL) as server:
            monitor = server.get_monitor_socket(version=2)
            server.bind("tcp://127.0.0.1:*")
            event = await recv_monitor_message(monitor)
            assert event["event"] == zmq.EVENT_LISTENING
            assert event["local"] == server.last_endpoint
            server.disable_monitor()
            assert (await recv_monitor_message(monitor))["event"] == zmq.EVENT_MONITOR_STOPPED
            monitor.close()

    asyncio.run(main())


# -- parsing


def number(value: int) -> bytes:
    return struct.pack("=Q", value)


def test_parse() -> None:
    frames = [number(0x10000), number(2), number(3), number(4), b"here", b"there"]
    assert parse_monitor_message(frames) == {
        "event": zmq.EVENT_PIPES_STATS,
        "value": 3,
        "values": [3, 4],
        "endpoint": b"here",
        "local": b"here",
        "remote": b"there",
    }
    details = {
        "Endpoint": "there",
        "Routing-Id": "\xff",
        "User-Id": "u",
        "Reason": "r",
        "Topic": "t",
    }
    parsed = parse_monitor_message([*frames, json.dumps(details).encode()])
    assert (parsed["endpoint"], parsed["routing_id"]) == (b"there", b"\xff")
    assert (parsed["user_id"], parsed["reason"], parsed["topic"]) == ("u", "r", b"t")
    assert parse_monitor_message([number(1), number(0), b"", b""])["values"] == []


@pytest.mark.parametrize(
    "bad",
    [
        [number(1), number(1), b"", b""],
        [number(1), number(0), b"", b"", b"no JSON"],
        [number(1), number(0), b"", b"", b"[]"],
        [number(1), number(0), b"", b"", b'{"Routing-Id": 5}'],
        [number(1), number(0), b"", b"", b"{}", b""],
        [number(1), number(2**63), b"", b""],
        [number(1), number(1), b"short", b"", b""],
        [number(1), b"", b"", b""],
    ],
)
def test_parse_refuses(bad: list[bytes]) -> None:
    with pytest.raises(RuntimeError, match="Invalid event message format"):
        parse_monitor_message(bad)


def test_everything_at_once(open_socket: Any, watch: Any) -> None:
    """Senders, receivers, waits, numbers and events, from several threads."""
    pub, push = open_socket("PUB", sndhwm=10), open_socket("PUSH", sndtimeo=TIMEOUT_MS)
    sub, pull = open_socket("SUB", rcvhwm=10, rcvtimeo=0), open_socket("PULL")
    monitors = [watch(each) for each in (pub, push, sub, pull)]
    sub.connect(f"tcp://127.0.0.1:{pub.bind_to_random_port('tcp://127.0.0.1')}")
    push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
    done = threading.Event()
    total = 3000

    def publish() -> None:
        while not done.is_set():
            pub.send(b"x" * 500)

    def send() -> None:
        for _ in range(total):
            push.send(b"x" * 500)

    def receive() -> None:
        for _ in range(total):
            pull.recv()
            with contextlib.suppress(zmq.Again):
                sub.recv()
        sub.rcvtimeo = 20
        while not done.is_set():
            with contextlib.suppress(zmq.Again):
                sub.recv()

    def look() -> None:
        try:
            for number in range(30):
                sub.subscribe(b"x%d" % number)
                if not number:
                    sub.subscribe(b"x")
                sub.wait_subscribed(timeout=10)
                pub.wait_subscribers(b"x", timeout=10)
                for each in (pub, push, sub, pull):
                    each.statistics()
        finally:
            done.set()

    together(publish, send, receive, look)
    assert pull.statistics().messages_received == push.statistics().messages_sent == total
    seen = pub.statistics()
    assert seen.messages_sent >= sub.statistics().messages_received + seen.send_queue
    for monitor in monitors:
        while monitor.poll(0):
            recv_monitor_message(monitor)
