"""Queues are bounded at both ends, count whole messages, and one slow peer slows nobody else."""

from __future__ import annotations

import errno
import threading
import time
from typing import Any

import pytest

from tests.helpers import (
    check_numbered,
    drain,
    fill,
    last_endpoint,
    numbered,
    raises_errno,
    readable,
    receive,
    try_send,
    wait_until,
    writable,
    zmq,
)

WIRES = ("tcp", "ipc")
BIG = 500_000  # octets: more than the small kernel buffers set here can hide


def stuck_pair(sock: Any, endpoints: Any, transport: str, sndhwm: int, rcvhwm: int) -> Any:
    pull = sock("PULL", bind=endpoints.any(transport), rcvhwm=rcvhwm, rcvbuf=8192)
    push = sock("PUSH", connect=last_endpoint(pull), sndhwm=sndhwm, sndbuf=8192)
    return push, pull


@pytest.mark.parametrize("transport", WIRES)
@pytest.mark.parametrize(("sndhwm", "rcvhwm"), [(1, 1), (2, 3), (10, 5), (5, 20)])
def test_both_queues_bound_what_a_stuck_reader_makes_us_keep(
    sock: Any, endpoints: Any, transport: str, sndhwm: int, rcvhwm: int
) -> None:
    push, pull = stuck_pair(sock, endpoints, transport, sndhwm, rcvhwm)

    # Credit comes back by half a queue, so the sender's may be that far from full; and a message
    # may be in the hands of each side's I/O, one between them in the kernel.
    least = (sndhwm + 1) // 2 + rcvhwm
    sent = fill(push, b"b" * BIG, wait_ms=150, at_least=least)
    assert least <= sent <= sndhwm + rcvhwm + 4
    assert receive(pull, sent) == [[b"b" * BIG]] * sent


@pytest.mark.parametrize("transport", WIRES)
def test_a_multipart_message_counts_as_one(sock: Any, endpoints: Any, transport: str) -> None:
    push, pull = stuck_pair(sock, endpoints, transport, 10, 10)
    message = [b"b" * (BIG // 10)] * 10

    sent = fill(push, message, wait_ms=150, at_least=20)

    assert 20 <= sent <= 24
    assert receive(pull, sent) == [message] * sent


def test_a_message_begun_is_finished_over_the_mark(sock: Any, endpoints: Any) -> None:
    """The mark is looked at before a message's first frame only."""
    endpoint = endpoints.fixed("tcp")
    push = sock("PUSH", connect=endpoint, sndhwm=1, reconnect_ivl=10)
    for frame in range(5000):
        push.send(b"%d" % frame, zmq.DONTWAIT | zmq.SNDMORE)
    push.send(b"end", zmq.DONTWAIT)

    assert not try_send(push, b"one more")
    pull = sock("PULL", bind=endpoint)
    assert len(pull.recv_multipart()) == 5001


@pytest.mark.parametrize("hwm", [1, 2, 7, 1000])
def test_the_mark_is_exact_towards_a_peer_that_is_not_there(
    sock: Any, endpoints: Any, hwm: int
) -> None:
    push = sock("PUSH", connect=endpoints.fixed("tcp"), sndhwm=hwm)

    assert fill(push) == hwm


def test_zero_is_no_mark(sock: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("tcp")
    push = sock("PUSH", connect=endpoint, sndhwm=0, reconnect_ivl=10)
    for number in range(20_000):
        push.send(numbered(1, number), zmq.DONTWAIT)
    pull = sock("PULL", bind=endpoint)

    assert [check_numbered(pull.recv())[1] for _ in range(20_000)] == list(range(20_000))


def test_the_mark_holds_for_each_peer_by_itself(sock: Any, endpoints: Any) -> None:
    push = sock("PUSH", sndhwm=5)
    for _ in range(4):
        push.connect(endpoints.fixed("tcp"))

    assert fill(push) == 20


@pytest.mark.parametrize("transport", WIRES)
def test_a_blocked_sender_goes_on_when_the_reader_has_read_half(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push, pull = stuck_pair(sock, endpoints, transport, 10, 10)
    sent = fill(push, b"b" * BIG, wait_ms=150, at_least=15)
    sender = sending(push)
    while not sender.join(0.05) and not sender.is_alive():  # room may come late, not for ever
        sent += 1
        assert sent <= 24, "the queue is full, and yet nothing blocks"
        sender = sending(push)
    for _ in range(11):
        pull.recv()
    sender.join(10)
    assert not sender.is_alive(), "half the queue is free, and still it blocks"
    receive(pull, sent + 1 - 11)


def sending(push: Any) -> threading.Thread:
    thread = threading.Thread(target=push.send, args=(b"b" * BIG,), daemon=True)
    thread.start()
    return thread


def test_a_timeout_ends_a_blocked_send(sock: Any, endpoints: Any) -> None:
    push = sock("PUSH", connect=endpoints.fixed("tcp"), sndhwm=1, sndtimeo=100)
    push.send(b"fits")
    began = time.monotonic()
    with raises_errno(errno.EAGAIN):
        push.send(b"does not")
    assert 0.09 <= time.monotonic() - began < 5


def test_a_rejected_multipart_leaves_nothing_behind(sock: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("tcp")
    push = sock("PUSH", connect=endpoint, sndhwm=1, reconnect_ivl=10)
    push.send(b"fits")
    for _ in range(3):
        with pytest.raises(zmq.Again):
            push.send_multipart([b"does", b"not"], zmq.DONTWAIT)
    pull = sock("PULL", bind=endpoint)
    assert pull.recv_multipart() == [b"fits"]
    push.send_multipart([b"now", b"it", b"does"])
    assert pull.recv_multipart() == [b"now", b"it", b"does"]


@pytest.mark.parametrize("transport", WIRES)
def test_a_slow_subscriber_loses_messages_and_slows_nobody(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pub = sock("XPUB", bind=endpoints.any(transport), sndhwm=10, sndbuf=8192)
    slow = sock("SUB", connect=last_endpoint(pub), rcvhwm=1, rcvbuf=8192)
    slow.setsockopt(zmq.SUBSCRIBE, b"")
    assert pub.recv() == b"\x01"
    quick = sock("SUB", connect=last_endpoint(pub), rcvhwm=0, rcvbuf=8192)
    quick.setsockopt(zmq.SUBSCRIBE, b"")
    pub.setsockopt(zmq.XPUB_VERBOSE, 1)
    count, size = 200, 100_000
    wait_for_second_subscriber(pub, quick)

    for number in range(count):  # none could be received if one waited for the slow one to read
        readable(pub, 0)  # libzmq notes what was drained when looked at, or some time later
        pub.send(numbered(1, number, size))
        assert check_numbered(quick.recv(), size) == (1, number)
    kept = [slow.recv_multipart(), *drain(slow, 150)]
    got = [check_numbered(parts[0], size)[1] for parts in kept if len(parts[0]) > 9]
    assert got == sorted(set(got))
    assert 0 < len(got) < count


def wait_for_second_subscriber(pub: Any, sub: Any) -> None:
    def arrives() -> bool:
        pub.send(b"settle")
        return bool(sub.poll(5))

    wait_until(arrives)
    pub.send(b"end")
    while sub.recv() != b"end":
        pass


@pytest.mark.parametrize("transport", WIRES)
def test_a_stuck_worker_gets_no_more_than_its_queue(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push = sock("PUSH", bind=endpoints.any(transport), sndhwm=5, sndbuf=8192)
    stuck = sock("PULL", connect=last_endpoint(push), rcvhwm=5, rcvbuf=8192)
    assert writable(push, 10_000)
    sent = fill(push, b"b" * BIG, wait_ms=150, at_least=8)
    assert sent <= 14
    worker = sock("PULL", connect=last_endpoint(push))
    for number in range(100):
        push.send(numbered(1, number))
    # the stuck one may have found room for more, late
    got = [check_numbered(worker.recv())[1] for _ in range(100 - (14 - sent))]
    assert got == sorted(set(got))
    assert [stuck.recv() for _ in range(sent)] == [b"b" * BIG] * sent


def test_router_drops_for_a_stuck_client_only(sock: Any, endpoints: Any) -> None:
    router = sock("ROUTER", bind=endpoints.any("tcp"), sndhwm=3, sndbuf=8192)
    names = (b"stuck", b"quick")
    clients = {
        name: sock("DEALER", routing_id=name, rcvhwm=3, rcvbuf=8192, connect=last_endpoint(router))
        for name in names
    }
    for client in clients.values():
        client.send(b"here")
    for _ in names:
        router.recv_multipart()
    for number in range(60):
        readable(router, 0)  # as above
        router.send_multipart([b"stuck", b"b" * BIG])
        router.send_multipart([b"quick", numbered(1, number)])
        assert check_numbered(clients[b"quick"].recv()) == (1, number)
    stuck = clients[b"stuck"]
    first = [stuck.recv() for _ in range(3)]
    assert len(first) + len(drain(stuck, 150)) <= 12
