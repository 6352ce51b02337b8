"""PUSH and PULL (RFC 30): round robin out, fair queue in, never a drop while the socket lives."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.helpers import (
    drain,
    each_transport,
    fill,
    last_endpoint,
    raises_errno,
    readable,
    receive,
    try_send,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import message

pytestmark = each_transport


def workers(sock: Any, endpoints: Any, transport: str, count: int) -> tuple[Any, list[Any]]:
    """A PUSH connected to `count` PULLs, every connection up."""
    push = sock("PUSH")
    pulls = [sock("PULL", bind=endpoints.any(transport)) for _ in range(count)]
    for pull in pulls:
        push.connect(last_endpoint(pull))
    return push, pulls


def test_messages_go_round(sock: Any, endpoints: Any, transport: str) -> None:
    push, pulls = workers(sock, endpoints, transport, 4)
    for number in range(20):
        push.send(b"%d" % number)

    got = [[int(pull.recv()) for _ in range(5)] for pull in pulls]

    assert sorted(got) == [list(range(first, 20, 4)) for first in range(4)]


def test_multipart_messages_go_round_whole(sock: Any, endpoints: Any, transport: str) -> None:
    push, pulls = workers(sock, endpoints, transport, 3)
    for number in range(6):
        push.send_multipart([b"%d" % number, b"", b"tail"])

    for pull in pulls:
        first = int(pull.recv_multipart()[0])
        assert pull.recv_multipart() == [b"%d" % (first + 3), b"", b"tail"]


def test_accepted_peers_are_served_in_turn(sock: Any, endpoints: Any, transport: str) -> None:
    push = sock("PUSH", bind=endpoints.any(transport))
    pulls = [sock("PULL", connect=last_endpoint(push)) for _ in range(3)]
    assert writable(push, 10_000)

    def all_served() -> bool:
        push.send(b"round")
        return all(readable(pull, 5) for pull in pulls)

    wait_until(all_served)
    for pull in pulls:
        drain(pull, 20)
    for number in range(9):
        push.send(b"%d" % number)

    assert all(len([pull.recv() for _ in range(3)]) == 3 for pull in pulls)


def test_a_full_peer_is_passed_over(sock: Any, endpoints: Any, transport: str) -> None:
    push = sock("PUSH", sndhwm=2)
    full = sock("PULL", bind=endpoints.any(transport), rcvhwm=1, rcvbuf=8192)
    push.setsockopt(zmq.SNDBUF, 8192)
    push.connect(last_endpoint(full))
    fill(push, b"f" * 300_000, wait_ms=100)
    free = sock("PULL", bind=endpoints.any(transport))
    push.connect(last_endpoint(free))
    for number in range(50):
        push.send(b"%d" % number)  # blocks if the full one is waited for
    got = [int(free.recv()) for _ in range(40)]  # the other may have found room for some, late
    assert got == sorted(set(got))


def test_a_peer_that_has_room_again_is_served_again(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push = sock("PUSH", sndhwm=2, sndbuf=8192)
    pull = sock("PULL", bind=endpoints.any(transport), rcvhwm=2, rcvbuf=8192)
    push.connect(last_endpoint(pull))
    for _ in range(5):
        sent = fill(push, b"f" * 300_000, wait_ms=50)
        assert sent
        receive(pull, sent)


def test_peers_are_heard_in_turn(sock: Any, endpoints: Any, transport: str) -> None:
    """A peer with a thousand messages queued does not keep one with three waiting."""
    pull = sock("PULL", bind=endpoints.any(transport))
    pushes = [sock("PUSH", connect=last_endpoint(pull)) for _ in range(3)]
    loud, *quiet = pushes
    for _ in range(500):
        loud.send(b"loud")
    for push in quiet:
        push.send_multipart([b"quiet", b"tail"])
    assert readable(pull, 10_000)
    messages = []
    for _ in range(502):
        messages.append(pull.recv_multipart())
        if messages.count([b"quiet", b"tail"]) == 2:
            break

    assert messages.count([b"quiet", b"tail"]) == 2


def test_turns_are_strict_when_all_have_messages(
    sock: Any, endpoints: Any, raw: Any, transport: str
) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    for name in range(4):
        messages = [[b"%d" % name, b"x"]] * 10
        if transport == "inproc":
            push = sock("PUSH", connect=last_endpoint(pull))
            for parts in messages:
                push.send_multipart(parts)
        else:
            wire = raw(last_endpoint(pull))
            wire.handshake(b"PUSH")
            wire.send(b"".join(message(*parts) for parts in messages))
            wire.ping(b"all read")
            assert wire.read_command() == (b"PONG", b"all read")
    assert readable(pull, 10_000)

    turns = [pull.recv_multipart()[0] for _ in range(40)]

    # libzmq may not have noticed all four at the very start, and some end before others
    for start in range(8, 28):
        assert sorted(turns[start : start + 4]) == [b"0", b"1", b"2", b"3"]


def test_without_a_peer_a_send_would_block(sock: Any, endpoints: Any, transport: str) -> None:
    push = sock("PUSH", bind=endpoints.any(transport), sndtimeo=30)

    assert not writable(push)
    assert not try_send(push, b"x")
    with pytest.raises(zmq.Again):
        push.send(b"x")


def test_a_blocked_send_goes_on_when_a_peer_comes(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push = sock("PUSH", bind=endpoints.any(transport))
    sender = threading.Thread(target=lambda: push.send(b"waited"))
    sender.start()
    pull = sock("PULL", connect=last_endpoint(push))

    assert pull.recv() == b"waited"
    sender.join()


def test_a_blocked_receive_goes_on_when_a_message_comes(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    got: list[bytes] = []
    receiver = threading.Thread(target=lambda: got.append(pull.recv()))
    receiver.start()
    receiver.join(0.02)
    push.send(b"waited for")
    receiver.join(10)

    assert got == [b"waited for"]


def test_no_way_back(sock: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    with raises_errno(zmq.ENOTSUP):
        pull.send(b"x")
    with raises_errno(zmq.ENOTSUP):
        push.recv()
    assert not readable(push)
    assert not writable(pull)


def test_a_disconnected_peer_is_no_longer_served(sock: Any, endpoints: Any, transport: str) -> None:
    push, (left, right) = workers(sock, endpoints, transport, 2)
    for _ in range(2):
        push.send(b"both")
    assert left.recv() == right.recv() == b"both"
    push.disconnect(last_endpoint(left))
    for number in range(10):
        push.send(b"%d" % number)

    assert [int(right.recv()) for _ in range(10)] == list(range(10))
    assert not readable(left)


def test_frames_are_received_one_by_one_with_rcvmore(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    push.send(b"one", zmq.SNDMORE)
    assert not readable(pull), "a message is delivered when it is complete"
    push.send(b"two", zmq.SNDMORE)
    push.send(b"three")

    assert (pull.recv(), pull.getsockopt(zmq.RCVMORE)) == (b"one", 1)
    assert (pull.recv(), pull.getsockopt(zmq.RCVMORE)) == (b"two", 1)
    assert (pull.recv(), pull.getsockopt(zmq.RCVMORE)) == (b"three", 0)
