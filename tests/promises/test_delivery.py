"""Every message arrives once, whole and in order; one socket serves many peers by itself."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.helpers import (
    TRANSPORTS,
    check_numbered,
    each_transport,
    fill,
    last_endpoint,
    numbered,
    writable,
    zmq,
)

WIRES = ("tcp", "ipc")


@each_transport
@pytest.mark.parametrize("size", [5, 200, 256, 3000, 70_000])
def test_a_stream_arrives_whole_and_in_order(
    sock: Any, endpoints: Any, transport: str, size: int
) -> None:
    count = 5000 if size < 5000 else 300
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))

    def send() -> None:
        for number in range(count):
            push.send(numbered(1, number, size))

    sender = threading.Thread(target=send)
    sender.start()
    got = [check_numbered(pull.recv(), size) for _ in range(count)]
    sender.join()

    assert got == [(1, number) for number in range(count)]


@pytest.mark.parametrize("transport", WIRES)
def test_a_stream_between_processes_arrives_whole_and_in_order(
    sock: Any, endpoints: Any, spawn: Any, transport: str
) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    peer = spawn()
    peer.socket("PUSH", connect=last_endpoint(pull), linger=-1)
    peer.start("send_numbered", 1, 0, 20_000, 100)

    got = [check_numbered(pull.recv(), 100) for _ in range(20_000)]

    assert got == [(1, number) for number in range(20_000)]
    peer.result()


@pytest.mark.parametrize("transport", WIRES)
@pytest.mark.parametrize("size", [0, 1, 255, 256, 8191, 65_536, 5_000_000])
def test_sizes_in_one_multipart_message(
    sock: Any, endpoints: Any, transport: str, size: int
) -> None:
    one = sock("PAIR", bind=endpoints.any(transport))
    two = sock("PAIR", connect=last_endpoint(one))
    message = [b"head", b"z" * size, b"", b"y" * size]

    two.send_multipart(message)
    assert one.recv_multipart() == message
    one.send_multipart(message)
    assert two.recv_multipart() == message


@each_transport
def test_many_peers_both_ways_on_one_socket_without_an_accept(
    sock: Any, endpoints: Any, transport: str
) -> None:
    router = sock("ROUTER", bind=endpoints.any(transport))
    dealers = {
        b"dealer%d" % n: sock("DEALER", routing_id=b"dealer%d" % n, connect=last_endpoint(router))
        for n in range(40)
    }
    for name, dealer in dealers.items():
        dealer.send_multipart([b"hello", name])

    for _ in dealers:
        name, hello, said = router.recv_multipart()
        assert (hello, said) == (b"hello", name)
        router.send_multipart([name, b"answer to", name])

    for name, dealer in dealers.items():
        assert dealer.recv_multipart() == [b"answer to", name]


def test_one_socket_binds_and_connects_many_times(sock: Any, endpoints: Any) -> None:
    hub = sock("PULL")
    pushes = []
    for transport in TRANSPORTS:
        for _ in range(2):
            hub.bind(endpoints.any(transport))
            pushes.append(sock("PUSH", connect=last_endpoint(hub)))
    for transport in TRANSPORTS:
        push = sock("PUSH", bind=endpoints.any(transport))
        hub.connect(last_endpoint(push))
        pushes.append(push)

    for number, push in enumerate(pushes):
        push.send(b"%d" % number)

    assert sorted(int(hub.recv()) for _ in pushes) == list(range(len(pushes)))


@each_transport
def test_connect_and_send_before_the_peer_exists(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", connect=endpoint, reconnect_ivl=10)
    for number in range(500):
        push.send(numbered(1, number))
    pull = sock("PULL", bind=endpoint)

    assert [check_numbered(pull.recv())[1] for _ in range(500)] == list(range(500))


@each_transport
def test_replies_find_their_way_when_the_client_came_first(
    sock: Any, endpoints: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    client = sock("REQ", connect=endpoint, reconnect_ivl=10)
    client.send(b"early")
    server = sock("REP", bind=endpoint)

    assert server.recv() == b"early"
    server.send(b"served")
    assert client.recv() == b"served"


@each_transport
def test_fan_in_keeps_the_order_of_each_sender(sock: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    pushes = [sock("PUSH", connect=last_endpoint(pull)) for _ in range(10)]
    for number in range(200):
        for source, push in enumerate(pushes):
            push.send(numbered(source, number))

    seen: dict[int, list[int]] = {source: [] for source in range(10)}
    for _ in range(2000):
        source, number = check_numbered(pull.recv())
        seen[source].append(number)

    assert all(numbers == list(range(200)) for numbers in seen.values())


@each_transport
def test_fan_out_gives_each_message_to_exactly_one(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push = sock("PUSH", bind=endpoints.any(transport))
    pulls = [sock("PULL", connect=last_endpoint(push)) for _ in range(5)]
    assert writable(push, 10_000)
    poller = zmq.Poller()
    for pull in pulls:
        poller.register(pull, zmq.POLLIN)
    for number in range(2000):
        push.send(numbered(1, number))

    got: list[int] = []
    while len(got) < 2000:
        ready = poller.poll(10_000)
        assert ready, f"only {len(got)} of 2000 arrived"
        got += [check_numbered(pull.recv())[1] for pull, _ in ready]

    assert sorted(got) == list(range(2000))


def test_a_receiver_that_pauses_gets_everything_afterwards(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"), rcvhwm=10, rcvbuf=16_384)
    push = sock("PUSH", connect=last_endpoint(pull), sndhwm=10, sndbuf=16_384)
    body = b"p" * 20_000
    sent = 0
    for _ in range(4):  # full, emptied, full again …
        sent = fill(push, body)
        for _ in range(sent):
            assert pull.recv() == body
        assert writable(push, 10_000)
    assert sent > 0
