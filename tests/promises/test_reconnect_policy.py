"""When a connecting socket tries again, as its monitor tells (RECONNECT_IVL, _MAX, _STOP)."""

from __future__ import annotations

import errno
import socket as stdsocket
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    Deadline,
    Endpoints,
    Monitor,
    last_endpoint,
    raises_errno,
    readable,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import greeting, ready


@pytest.fixture
def nobody(endpoints: Endpoints) -> str:
    """An endpoint that refuses connections."""
    return endpoints.fixed("tcp")


def retries(watch: Monitor, count: int) -> list[int]:
    """The next `count` announced waits, in ms."""
    return [watch.wait(zmq.EVENT_CONNECT_RETRIED)[1] for _ in range(count)]


def quiet(watch: Monitor, ms: int = 150) -> bool:
    """No further attempt to connect is made or announced for `ms`."""
    deadline = Deadline(ms / 1000)
    attempts = (zmq.EVENT_CONNECT_RETRIED, zmq.EVENT_CONNECT_DELAYED, zmq.EVENT_CONNECTED)
    while (got := watch.next(deadline.left)) is not None:
        if got[0] in attempts:
            return False
    return True


def test_the_wait_is_the_interval_plus_a_random_part_below_it(
    sock: Any, monitor: Any, nobody: str
) -> None:
    push = sock("PUSH", reconnect_ivl=20)
    watch = monitor(push)
    push.connect(nobody)

    waits = retries(watch, 10)

    assert all(20 <= wait <= 40 for wait in waits), waits
    assert len(set(waits)) > 1, "no jitter: all clients would come back at the same instant"


def test_with_a_maximum_the_wait_doubles_up_to_it(sock: Any, monitor: Any, nobody: str) -> None:
    """libzmq has no jitter here; we take up to a quarter away."""
    push = sock("PUSH", reconnect_ivl=5, reconnect_ivl_max=50)
    watch = monitor(push)
    push.connect(nobody)

    waits = retries(watch, 6)
    spread = 1.0 if AGAINST_LIBZMQ else 0.75
    for wait, full in zip(waits, [5, 10, 20, 40, 50, 50], strict=True):
        assert full * spread - 1 <= wait <= full, waits


def test_a_maximum_below_the_interval_is_the_wait(sock: Any, monitor: Any, nobody: str) -> None:
    push = sock("PUSH", reconnect_ivl=60, reconnect_ivl_max=10)
    watch = monitor(push)
    push.connect(nobody)

    assert all(7 <= wait <= 10 for wait in retries(watch, 3))


def test_success_starts_the_doubling_anew(sock: Any, monitor: Any, nobody: str) -> None:
    push = sock("PUSH", reconnect_ivl=5, reconnect_ivl_max=80)
    watch = monitor(push)
    push.connect(nobody)
    before = retries(watch, 4)
    pull = sock("PULL", bind=nobody)
    watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    pull.close()
    watch.wait(zmq.EVENT_DISCONNECTED)

    assert retries(watch, 1)[0] < before[-1]


def test_the_wait_is_kept(sock: Any, raw_listener: Any, monitor: Any) -> None:
    """No attempt comes before its time."""
    push = sock("PUSH", reconnect_ivl=100)
    watch = monitor(push)
    push.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    wire.reset()
    wait = watch.wait(zmq.EVENT_CONNECT_RETRIED)[1]
    began = Deadline(0).end
    raw_listener.accept()

    assert Deadline(0).end - began >= wait / 1000 - 0.03


@pytest.mark.parametrize("interval", [-1, 0])
def test_no_interval_no_reconnect(sock: Any, monitor: Any, endpoints: Any, interval: int) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", reconnect_ivl=interval)
    watch = monitor(push)
    push.connect(last_endpoint(pull))
    watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    pull.close()
    watch.wait(zmq.EVENT_DISCONNECTED)

    assert quiet(watch)


def test_an_endpoint_given_up_is_unknown_to_disconnect(
    sock: Any, monitor: Any, endpoints: Any
) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", reconnect_ivl=-1)
    watch = monitor(push)
    push.connect(last_endpoint(pull))
    watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    endpoint = last_endpoint(pull)
    pull.close()
    watch.wait(zmq.EVENT_DISCONNECTED)
    wait_until(lambda: not writable(push), what="the pipe is gone")

    with raises_errno(errno.ENOENT):
        push.disconnect(endpoint)


@pytest.mark.parametrize("interval", [-1, 0])
def test_a_first_attempt_that_fails_and_is_the_last_leaves_the_endpoint(
    sock: Any, monitor: Any, nobody: str, interval: int
) -> None:
    """As in libzmq: messages are queued for it until it is disconnected."""
    push = sock("PUSH", reconnect_ivl=interval, sndhwm=2)
    watch = monitor(push)
    push.connect(nobody)
    watch.wait(zmq.EVENT_CLOSED)

    push.send(b"kept")
    push.send(b"kept, too")
    assert not writable(push)
    push.disconnect(nobody)
    with raises_errno(errno.ENOENT):
        push.disconnect(nobody)
    assert quiet(watch)


def test_stop_on_refused(sock: Any, monitor: Any, nobody: str) -> None:
    push = sock("PUSH", reconnect_ivl=5, reconnect_stop=zmq.RECONNECT_STOP_CONN_REFUSED)
    watch = monitor(push)
    push.connect(nobody)
    watch.wait(zmq.EVENT_CLOSED)

    assert quiet(watch)


def test_stop_on_failed_handshake(sock: Any, monitor: Any, raw_listener: Any) -> None:
    push = sock("PUSH", reconnect_ivl=5, reconnect_stop=zmq.RECONNECT_STOP_HANDSHAKE_FAILED)
    watch = monitor(push)
    push.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.read(10)
    wire.close()
    watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_DISCONNECTED)

    assert quiet(watch)


def test_a_closed_handshake_is_tried_again_by_default(sock: Any, raw_listener: Any) -> None:
    push = sock("PUSH", reconnect_ivl=5, connect=raw_listener.endpoint)
    for _ in range(3):
        raw_listener.accept().close()
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    push.send(b"at last")

    assert wire.read_message() == [b"at last"]


@pytest.mark.parametrize("fault", ["mechanism", "socket type", "framing"])
def test_a_protocol_error_is_final(sock: Any, monitor: Any, raw_listener: Any, fault: str) -> None:
    """A peer that speaks something else will do so next time as well: no reconnect."""
    pull = sock("PULL", reconnect_ivl=5)
    watch = monitor(pull)
    pull.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    if fault == "mechanism":
        wire.send(greeting(mechanism=b"OTHER"))
    elif fault == "socket type":
        wire.send(greeting())
        wire.read(64)
        wire.send(ready(b"REP"))
    else:
        wire.handshake(b"PUSH")
        wire.send(b"\x02" + b"\xff" * 8)
    wire.expect_closed()
    watch.wait(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_SUCCEEDED
    )

    assert quiet(watch)
    raw_listener.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        raw_listener.sock.accept()


def test_heartbeat_timeout_and_handshake_timeout_are_tried_again(
    sock: Any, monitor: Any, raw_listener: Any
) -> None:
    push = sock("PUSH", reconnect_ivl=5, heartbeat_ivl=20, heartbeat_timeout=40, handshake_ivl=1000)
    watch = monitor(push)
    push.connect(raw_listener.endpoint)
    raw_listener.accept().expect_closed()  # says nothing: HANDSHAKE_IVL
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    wire.expect_closed()  # answers no PING: HEARTBEAT_TIMEOUT
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    events = [event for event, _, _ in watch.seen]
    watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL not in events


def test_connect_timeout_gives_up_one_attempt(sock: Any, monitor: Any) -> None:
    """A listener whose backlog is full answers nothing, as an unreachable host does."""
    full = stdsocket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    stuffing = []
    try:
        for _ in range(2):
            stuffing.append(stdsocket.socket())
            stuffing[-1].setblocking(False)
            stuffing[-1].connect_ex(full.getsockname())
        push = sock("PUSH", reconnect_ivl=5, connect_timeout=100)
        watch = monitor(push)
        push.connect(f"tcp://127.0.0.1:{full.getsockname()[1]}")

        watch.wait(zmq.EVENT_CONNECT_RETRIED, seconds=5)
    finally:
        for one in [full, *stuffing]:
            one.close()


def binds(sock: Any, endpoint: str) -> bool:
    try:
        sock.bind(endpoint)
    except zmq.ZMQError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        return False
    return True


def test_inproc_never_reconnects(sock: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("inproc")
    pull = sock("PULL", bind=endpoint)
    push = sock("PUSH", connect=endpoint)
    push.send(b"one")
    assert pull.recv() == b"one"
    pull.close()
    again = sock("PULL")
    wait_until(lambda: binds(again, endpoint), what="the name is free again")

    assert not writable(push, 50)
    assert not readable(again)
