"""`Socket.statistics` and `Context.statistics`: every counter, each against what was done."""

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import peromq as zmq
from peromq.statistics import PeerStatistics, SocketStatistics
from tests.helpers import each_transport, wait_until

TIMEOUT_MS = 10_000


@pytest.fixture
def context() -> Iterator[Any]:
    context = zmq.Context()
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = TIMEOUT_MS
    yield context
    context.destroy(linger=0)


@pytest.fixture
def pair(context: Any, tmp_path: Any) -> Iterator[Any]:
    """`pair("PUSH", "PULL", "tcp")`: connected, the second one is bound."""
    made: list[Any] = []

    def make(first: str, second: str, transport: str = "tcp", **options: Any) -> tuple[Any, Any]:
        one, other = (context.socket(getattr(zmq, kind)) for kind in (first, second))
        made.extend((one, other))
        for socket in (one, other):
            for name, value in options.items():
                setattr(socket, name, value)
        other.bind(
            {
                "tcp": "tcp://127.0.0.1:*",
                "ipc": f"ipc://{tmp_path}/s",
                "inproc": "inproc://statistics",
            }[transport]
        )
        one.connect(other.last_endpoint)
        wait_until(lambda: other.statistics().connected_peers)
        return one, other

    yield make
    for socket in made:
        socket.close()


def only(socket: Any) -> PeerStatistics:
    (peer,) = socket.statistics().peers
    found: PeerStatistics = peer
    return found


def test_they_are_frozen(context: Any) -> None:
    with context.socket(zmq.PULL) as socket:
        found = socket.statistics()
    assert isinstance(found, SocketStatistics)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.messages_sent = 1
    assert dataclasses.asdict(found)["type"] == "PULL"
    assert found.peers == ()


@each_transport
@pytest.mark.parametrize("size", [0, 16, 255, 256, 5000, 20_000, 300_000])
def test_messages_and_octets(pair: Any, transport: str, size: int) -> None:
    push, pull = pair("PUSH", "PULL", transport)
    for _ in range(20):
        push.send(b"x" * size)
    for _ in range(20):
        pull.recv()
    octets = 20 * (size + (2 if size < 256 else 9))
    sent, received = push.statistics(), pull.statistics()
    assert (sent.messages_sent, sent.bytes_sent) == (20, octets)
    assert (received.messages_received, received.bytes_received) == (20, octets)
    assert (sent.messages_received, received.messages_sent) == (0, 0)
    assert (sent.bytes_received, received.bytes_sent) == (0, 0)
    wait_until(lambda: push.statistics().send_queue == 0)
    assert received.receive_queue == 0


@each_transport
def test_messages_of_parts(pair: Any, transport: str) -> None:
    push, pull = pair("PUSH", "PULL", transport)
    push.send_multipart([b"a", b"", b"c" * 300])
    pull.recv_multipart()
    assert (only(push).messages_sent, only(push).bytes_sent) == (1, 3 + 2 + 309)
    assert (only(pull).messages_received, only(pull).bytes_received) == (1, 3 + 2 + 309)


@each_transport
def test_queue_depths(pair: Any, transport: str) -> None:
    push, pull = pair("PUSH", "PULL", transport)
    for _ in range(7):
        push.send(b"wait")
    wait_until(lambda: pull.statistics().receive_queue == 7)
    unsent = 7 if transport == "inproc" else 0
    wait_until(lambda: push.statistics().send_queue == unsent)
    for left in range(6, -1, -1):
        pull.recv()
        assert only(pull).receive_queue == left
    wait_until(lambda: push.statistics().send_queue == 0)


def test_a_queue_for_a_peer_that_is_not_there(context: Any, tcp_endpoint: str) -> None:
    with context.socket(zmq.PUSH) as push:
        push.connect(tcp_endpoint)
        push.send(b"early")
        peer = only(push)
        assert (peer.connected, peer.accepted, peer.connections) == (False, False, 0)
        assert (peer.endpoint, peer.remote_endpoint) == (tcp_endpoint, "")
        assert (peer.messages_sent, peer.send_queue) == (1, 1)
        wait_until(lambda: only(push).retries > 1)


def test_with_immediate_there_is_a_peer_without_a_queue(context: Any, tcp_endpoint: str) -> None:
    with context.socket(zmq.PUSH) as push:
        push.immediate = 1
        push.connect(tcp_endpoint)
        assert (only(push).endpoint, only(push).connected) == (tcp_endpoint, False)


def test_who_it_is(pair: Any) -> None:
    dealer, router = pair("DEALER", "ROUTER", routing_id=b"me")
    seen, made = only(router), only(dealer)
    assert (seen.routing_id, seen.socket_type, seen.mechanism) == (b"me", "DEALER", "NULL")
    assert (seen.accepted, made.accepted) == (True, False)
    assert seen.address == "127.0.0.1"
    assert seen.endpoint == router.last_endpoint.decode()
    assert made.endpoint == seen.endpoint
    assert made.remote_endpoint == seen.remote_endpoint  # the ephemeral port, from both sides
    assert seen.handshake_time is not None
    assert 0 < seen.handshake_time < 10
    assert seen.user_id == ""


def test_names_that_a_router_gives(pair: Any) -> None:
    dealer, router = pair("DEALER", "ROUTER")
    dealer.send(b"hello")
    assert router.recv_multipart()[0] == only(router).routing_id


def test_numbers_that_a_server_gives(pair: Any) -> None:
    client, server = pair("CLIENT", "SERVER")
    client.send(b"hello")
    assert server.recv(copy=False).routing_id == only(server).routing_id


def test_inproc_names(pair: Any) -> None:
    push, pull = pair("PUSH", "PULL", "inproc")
    assert only(push).endpoint == only(pull).endpoint == "inproc://statistics"
    assert (only(push).accepted, only(pull).accepted) == (False, True)
    assert only(push).connected


def test_what_peers_did_that_are_gone(context: Any) -> None:
    with context.socket(zmq.PULL) as pull:
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        for _ in range(3):
            with context.socket(zmq.PUSH) as push:
                push.linger = -1
                push.connect(f"tcp://127.0.0.1:{port}")
                push.send(b"x")
            pull.recv()
        wait_until(lambda: pull.statistics().events.get("DISCONNECTED") == 3)
        found = pull.statistics()
        assert not found.peers
        assert (found.messages_received, found.bytes_received) == (3, 9)
        assert found.events["ACCEPTED"] == 3


def test_reconnects(context: Any, tcp_endpoint: str) -> None:
    with context.socket(zmq.PUSH) as push:
        push.reconnect_ivl = 1
        push.connect(tcp_endpoint)
        for number in range(1, 4):
            with context.socket(zmq.PULL) as pull:
                pull.bind(tcp_endpoint)
                wait_until(lambda number=number: only(push).connections == number)
                push.send(b"x")
                pull.recv()
            wait_until(lambda: not only(push).connected)
        assert only(push).reconnects == push.statistics().reconnects == 2
        assert only(push).messages_sent == 3


def test_reconnects_are_not_forgotten(context: Any, tcp_endpoint: str) -> None:
    """As messages are not, when a peer goes."""
    with context.socket(zmq.PUSH) as push:
        push.reconnect_ivl = 1
        push.connect(tcp_endpoint)
        for number in range(1, 3):
            with context.socket(zmq.PULL) as pull:
                pull.bind(tcp_endpoint)
                wait_until(lambda number=number: only(push).connections == number)
            wait_until(lambda: not only(push).connected)
        push.disconnect(tcp_endpoint)
        wait_until(lambda: not push.statistics().peers)
        assert push.statistics().reconnects == context.statistics().reconnects == 1


def test_nobody_is_counted_twice_while_peers_go(context: Any) -> None:
    """What went with a peer is in the sum of those that are gone, and only there."""
    with context.socket(zmq.PULL) as pull:
        pull.bind("inproc://going")
        rounds = 300
        done = threading.Event()

        def come_and_go() -> None:
            for _ in range(rounds):
                with context.socket(zmq.PUSH) as push:
                    push.connect("inproc://going")
                    push.send(b"x")
                    push.linger = -1
                pull.recv()
            done.set()

        thread = threading.Thread(target=come_and_go)
        thread.start()
        last = 0
        while not done.is_set():
            received = pull.statistics().messages_received
            assert last <= received <= rounds
            last = received
        thread.join()
        assert pull.statistics().messages_received == rounds


# -- what does not get through


@pytest.mark.parametrize("kind", ["PUB", "XPUB"])
def test_a_publisher_at_the_mark(pair: Any, kind: str) -> None:
    sub, pub = pair("SUB", kind, "inproc", sndhwm=5, rcvhwm=5)
    sub.subscribe(b"")
    for _ in range(25):
        pub.send(b"x")
    peer = only(pub)
    assert (peer.messages_sent, peer.messages_dropped, peer.send_queue) == (10, 15, 10)
    assert peer.send_hwm_reached == 1
    assert pub.statistics().messages_dropped == 15


def test_subscriptions_are_no_messages(pair: Any) -> None:
    sub, pub = pair("SUB", "XPUB")
    for topic in (b"a", b"b"):
        sub.subscribe(topic)
    sub.wait_subscribed(timeout=10)
    assert (only(sub).messages_sent, only(sub).bytes_sent) == (0, 0)
    assert (only(pub).messages_received, only(pub).bytes_received) == (0, 0)
    assert (pub.statistics().subscriptions, sub.statistics().subscriptions) == (2, 2)


def test_what_a_subscriber_did_not_want(pair: Any) -> None:
    """Filtered again where it arrives: here it was sent before the subscription was undone."""
    sub, pub = pair("SUB", "PUB", "inproc")
    sub.subscribe(b"a")
    for _ in range(4):
        pub.send(b"a")
    sub.unsubscribe(b"a")
    sub.subscribe(b"b")
    pub.send(b"b")
    assert sub.recv() == b"b"
    assert (only(sub).messages_rejected, only(sub).messages_received) == (4, 1)


def test_a_router_without_a_peer(context: Any) -> None:
    with context.socket(zmq.ROUTER) as router:
        router.send_multipart([b"nobody", b"hello"])
        assert router.statistics().messages_unroutable == 1


def test_a_router_at_the_mark(pair: Any) -> None:
    _, router = pair("DEALER", "ROUTER", "inproc", sndhwm=2, rcvhwm=2, routing_id=b"me")
    for _ in range(10):
        router.send_multipart([b"me", b"x"])
    assert (only(router).messages_sent, only(router).messages_dropped) == (4, 6)


def test_a_reply_to_nobody(pair: Any) -> None:
    req, rep = pair("REQ", "REP")
    req.send(b"question")
    rep.recv()
    req.close()
    wait_until(lambda: not rep.statistics().connected_peers)
    rep.send(b"answer")
    assert rep.statistics().messages_unroutable == 1


def test_a_radio_and_a_dish(pair: Any) -> None:
    dish, radio = pair("DISH", "RADIO", sndhwm=5)
    dish.join("g")
    assert radio.wait_subscribers("g", timeout=10) == 1
    radio.send(b"x", group="g")
    dish.recv()
    assert (only(radio).messages_sent, only(dish).messages_received) == (1, 1)
    assert (only(radio).messages_received, only(dish).messages_sent) == (0, 0)


@each_transport
def test_conflate(pair: Any, transport: str) -> None:
    """Whatever was replaced, on this side or on that: each message is in one of the numbers."""
    push, pull = pair("PUSH", "PULL", transport, conflate=1)
    for number in range(100):
        push.send(b"%d" % number)
    while pull.recv() != b"99":
        pass
    sent, received = only(push), only(pull)
    assert sent.messages_sent == 100
    arrived = received.messages_received + received.messages_replaced
    assert sent.messages_dropped + arrived == 100


def test_what_is_lost_with_its_queue(context: Any, tcp_endpoint: str) -> None:
    with context.socket(zmq.PUSH) as push:
        push.connect(tcp_endpoint)
        for _ in range(5):
            push.send(b"x")
        push.disconnect(tcp_endpoint)  # LINGER 0
        wait_until(lambda: not push.statistics().peers)
        found = push.statistics()
        assert (found.messages_sent, found.messages_dropped) == (5, 5)


def test_the_receive_queue_at_its_mark(pair: Any) -> None:
    push, pull = pair("PUSH", "PULL", rcvhwm=3, sndhwm=0)
    for _ in range(100):
        push.send(b"x" * 1000)
    wait_until(lambda: only(pull).receive_hwm_reached)
    assert only(pull).receive_queue == 3
    for _ in range(100):
        pull.recv()
    assert only(pull).messages_received == 100


def test_greetings_are_messages_and_probes_count_once(context: Any, tcp_endpoint: str) -> None:
    """What is put in front of a queue when the connection comes does not count the rest twice."""
    with context.socket(zmq.DEALER) as dealer, context.socket(zmq.ROUTER) as router:
        dealer.probe_router = 1
        dealer.connect(tcp_endpoint)
        for _ in range(10):
            dealer.send(b"x" * 100)
        router.bind(tcp_endpoint)
        for _ in range(11):
            router.recv_multipart()
        assert (only(dealer).messages_sent, only(dealer).bytes_sent) == (11, 1020 + 2)


# -- sums


def test_context(context: Any, pair: Any) -> None:
    push, pull = pair("PUSH", "PULL")
    push.send(b"x")
    pull.recv()
    found = context.statistics()
    assert [socket.type for socket in found.sockets] == ["PUSH", "PULL"]
    assert (found.messages_sent, found.messages_received, found.connected_peers) == (1, 1, 2)
    assert found.io_threads == 1
    push.close()
    assert [socket.type for socket in context.statistics().sockets] == ["PULL"]


def test_closed(context: Any) -> None:
    socket = context.socket(zmq.PULL)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        socket.statistics()
    assert caught.value.errno == zmq.ENOTSOCK
    context.term()
    with pytest.raises(RuntimeError):
        context.statistics()


def test_counters_while_others_work(pair: Any) -> None:
    """They only grow, and end with the truth."""
    push, pull = pair("PUSH", "PULL")
    total = 20_000

    def work() -> None:
        for _ in range(total):
            push.send(b"x" * 50)

    def take() -> None:
        for _ in range(total):
            pull.recv()

    threads = [threading.Thread(target=each) for each in (work, take)]
    for thread in threads:
        thread.start()
    last = 0
    while any(thread.is_alive() for thread in threads):
        now = pull.statistics()
        assert now.messages_received >= last
        assert now.bytes_received <= total * 52
        last = now.messages_received
    for thread in threads:
        thread.join()
    assert pull.statistics().messages_received == push.statistics().messages_sent == total
    assert pull.statistics().bytes_received == push.statistics().bytes_sent == total * 52


def test_udp(context: Any) -> None:
    with context.socket(zmq.DISH) as dish, context.socket(zmq.RADIO) as radio:
        dish.bind("udp://127.0.0.1:*")
        dish.join("g")
        radio.connect(dish.last_endpoint)
        radio.send(b"x", group="g")
        dish.recv()
        wait_until(lambda: radio.statistics().datagrams.sent)
        assert (radio.statistics().datagrams.sent, dish.statistics().datagrams.received) == (1, 1)
        assert only(dish).endpoint.startswith("udp://127.0.0.1:")
        assert (only(dish).accepted, only(radio).accepted) == (True, False)
