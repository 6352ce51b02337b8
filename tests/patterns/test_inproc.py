"""inproc: no wire, no handshake, and the marks of both ends add up."""

from __future__ import annotations

import errno
import threading
from typing import Any

import pytest

from tests.helpers import (
    drain,
    fill,
    last_endpoint,
    new_context,
    raises_errno,
    readable,
    try_send,
    wait_until,
    writable,
    zmq,
)


@pytest.fixture
def name(endpoints: Any) -> str:
    endpoint: str = endpoints.fixed("inproc")
    return endpoint


@pytest.mark.parametrize("first", ["bind", "connect"])
@pytest.mark.parametrize(
    ("sndhwm", "rcvhwm", "total"),
    [(1, 1, 2), (2, 5, 7), (5, 2, 7), (100, 1, 101), (1000, 1000, 2000)],
)
def test_the_marks_add_up(
    sock: Any, name: str, first: str, sndhwm: int, rcvhwm: int, total: int
) -> None:
    push, pull = ends(sock, name, first, sndhwm, rcvhwm)

    assert fill(push) == total
    assert len(drain(pull)) == total
    writable(push)  # libzmq notes what was drained only when looked at
    assert (total + 1) // 2 <= fill(push) <= total  # credit comes back by half a queue


@pytest.mark.parametrize("first", ["bind", "connect"])
@pytest.mark.parametrize(("sndhwm", "rcvhwm"), [(0, 5), (5, 0), (0, 0)])
def test_no_mark_at_one_end_is_none_at_all(
    sock: Any, name: str, first: str, sndhwm: int, rcvhwm: int
) -> None:
    push, pull = ends(sock, name, first, sndhwm, rcvhwm)
    for _ in range(5000):
        push.send(b"x", zmq.DONTWAIT)

    assert len(drain(pull)) == 5000


def ends(sock: Any, name: str, first: str, sndhwm: int, rcvhwm: int) -> tuple[Any, Any]:
    push, pull = sock("PUSH", sndhwm=sndhwm), sock("PULL", rcvhwm=rcvhwm)
    if first == "bind":
        pull.bind(name)
        push.connect(name)
    else:
        push.connect(name)
        pull.bind(name)
    return push, pull


def test_before_the_binder_comes_the_senders_mark_holds(sock: Any, name: str) -> None:
    push = sock("PUSH", sndhwm=3, connect=name)
    assert fill(push) == 3
    pull = sock("PULL", rcvhwm=4, bind=name)
    assert fill(push, wait_ms=50, at_least=4) == 4
    assert len(drain(pull)) == 7


def test_half_must_be_read_before_there_is_room(sock: Any, name: str) -> None:
    push, pull = ends(sock, name, "bind", 5, 5)
    assert fill(push) == 10
    for _ in range(5):
        pull.recv()
    assert writable(push)
    assert try_send(push, b"there is")


def test_many_connect_before_one_binds(sock: Any, name: str) -> None:
    pushes = [sock("PUSH", connect=name) for _ in range(10)]
    for number, push in enumerate(pushes):
        push.send(b"%d" % number)
    pull = sock("PULL", bind=name)

    assert sorted(int(pull.recv()) for _ in pushes) == list(range(10))


def test_one_connects_to_many_before_they_bind(sock: Any, endpoints: Any) -> None:
    names = [endpoints.fixed("inproc") for _ in range(5)]
    push = sock("PUSH")
    for name in names:
        push.connect(name)
    for number in range(5):
        push.send(b"%d" % number)
    pulls = [sock("PULL", bind=name) for name in names]

    assert [pull.recv() for pull in pulls] == [b"%d" % n for n in range(5)]


def test_binding_and_connecting_from_many_threads(ctx: Any, name: str) -> None:
    got: list[bytes] = []

    def connect(number: int) -> None:
        push = ctx.socket(zmq.PUSH)
        push.connect(name)
        push.send(b"%d" % number)
        push.close()

    def bind() -> None:
        pull = ctx.socket(zmq.PULL)
        pull.setsockopt(zmq.RCVTIMEO, 10_000)
        pull.bind(name)
        got.extend(pull.recv() for _ in range(20))
        pull.close()

    threads = [threading.Thread(target=connect, args=(n,)) for n in range(20)]
    threads.insert(10, threading.Thread(target=bind))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(int, got)) == list(range(20))


def test_names_are_of_one_context(sock: Any, name: str) -> None:
    sock("PULL", bind=name)
    with new_context() as other:
        push = other.socket(zmq.PUSH)
        push.setsockopt(zmq.SNDHWM, 1)
        push.connect(name)
        assert fill(push) == 1
        pull = other.socket(zmq.PULL)
        pull.bind(name)
        assert pull.recv() == b"x"
        push.close(linger=0)
        pull.close()


def test_a_name_is_bound_once(sock: Any, name: str) -> None:
    sock("PULL", bind=name)
    with raises_errno(zmq.EADDRINUSE):
        sock("PULL").bind(name)


def test_a_name_is_free_after_unbind(sock: Any, name: str) -> None:
    first = sock("PULL", bind=name)
    first.unbind(name)
    second = sock("PULL", bind=name)
    sock("PUSH", connect=name).send(b"x")
    assert second.recv() == b"x"
    assert not readable(first, 0)


def test_unbind_lets_those_connected_go_on(sock: Any, name: str) -> None:
    """Unlike a wire's: only the name goes."""
    pull = sock("PULL", bind=name)
    push = sock("PUSH", connect=name)
    push.send(b"before")
    assert pull.recv() == b"before"
    pull.unbind(name)
    assert try_send(push, b"after")
    assert pull.recv() == b"after"


def test_disconnect_ends_delivery(sock: Any, name: str) -> None:
    pub = sock("XPUB", bind=name)
    sub = sock("SUB", connect=name)
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    assert pub.recv() == b"\x01"
    pub.send(b"one")
    assert sub.recv() == b"one"
    sub.disconnect(name)
    wait_until(lambda: readable(sub, 0) or readable(pub, 5))  # libzmq wants a look from both
    assert pub.recv() == b"\x00"
    pub.send(b"two")
    assert not readable(sub)


def test_the_other_end_learns_of_a_close(sock: Any, name: str) -> None:
    pull = sock("PULL", bind=name)
    push = sock("PUSH", connect=name)
    assert writable(push)
    pull.close()
    wait_until(lambda: not writable(push), what="no peer is left")


def test_routing_ids_are_passed_without_a_handshake(sock: Any, name: str) -> None:
    router = sock("ROUTER", bind=name)
    dealer = sock("DEALER", routing_id=b"direct", connect=name)
    dealer.send(b"x")
    assert router.recv_multipart() == [b"direct", b"x"]


def test_any_two_types_are_put_together(sock: Any, name: str) -> None:
    """No handshake, no check, as libzmq has it: a PUSH may feed a DEALER."""
    dealer = sock("DEALER", bind=name)
    sock("PUSH", connect=name).send(b"odd couple")
    assert dealer.recv() == b"odd couple"


def test_large_messages_are_not_changed_by_their_sender_afterwards(sock: Any, name: str) -> None:
    pull = sock("PULL", bind=name)
    push = sock("PUSH", connect=name)
    body = bytearray(b"b" * 200_000)
    push.send(body)
    body[:] = b"c" * 200_000
    assert pull.recv() == b"b" * 200_000


def test_an_ipv6_or_empty_name(sock: Any) -> None:
    with raises_errno(zmq.EINVAL):
        sock("PULL").connect("")
    odd = sock("PULL", bind="inproc://a name with spaces, [::1] and ünïcode")
    sock("PUSH", connect=last_endpoint(odd)).send(b"x")
    assert odd.recv() == b"x"


def test_a_socket_connected_to_itself(sock: Any, name: str) -> None:
    dealer = sock("DEALER", bind=name)
    dealer.connect(name)
    dealer.send(b"note to self")
    assert dealer.recv() == b"note to self"


def test_unbind_and_disconnect_are_one(sock: Any) -> None:
    """As in libzmq: an endpoint is dropped, whatever made it; a bind first."""
    pull = sock("PULL", bind="inproc://one")
    push = sock("PUSH", connect="inproc://one")
    pull.disconnect("inproc://one")
    push.send(b"those connected go on")
    assert pull.recv() == b"those connected go on"
    sock("PULL", bind="inproc://one")
    push.unbind("inproc://one")
    assert not try_send(push, b"x")
    for made in (pull, push):
        for undo in (made.unbind, made.disconnect):
            with raises_errno(errno.ENOENT):
                undo("inproc://one")
