"""A forked child finds closed sockets and can start afresh; it never hangs, the parent goes on."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers import (
    Deadline,
    last_endpoint,
    raises_errno,
    tcp_address,
    try_send,
    writable,
    zmq,
)

pytestmark = [
    pytest.mark.no_sanitizer,
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_child(work: Callable[[], Any], seconds: float = 10.0) -> str:
    """Run `work` in a forked child; "ok", or what went wrong there. A hang is a failure."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        verdict = "ok"
        try:
            work()
        except BaseException as problem:
            verdict = repr(problem)
        os.write(writer, verdict.encode())
        os._exit(0)
    os.close(writer)
    deadline = Deadline(seconds)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if not deadline.left:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            os.close(reader)
            pytest.fail(f"the forked child hangs for {seconds} s")
        time.sleep(0.005)
    with os.fdopen(reader) as verdict_file:
        return verdict_file.read()


@pytest.fixture
def talking(sock: Any, endpoints: Any) -> tuple[Any, Any]:
    """A connected pair with live connections."""
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", connect=last_endpoint(pull))
    push.send(b"before")
    assert pull.recv() == b"before"
    return push, pull


def test_closing_and_terminating_in_the_child_does_nothing(ctx: Any, talking: Any) -> None:
    push, pull = talking

    def work() -> None:
        push.close()
        pull.close()
        ctx.term()

    assert in_child(work) == "ok"
    push.send(b"after")
    assert pull.recv() == b"after"


def test_the_parents_traffic_goes_on_while_children_come_and_go(talking: Any) -> None:
    push, pull = talking
    for number in range(5):
        push.send(b"%d" % number)
        assert in_child(lambda: None) == "ok"
        assert pull.recv() == b"%d" % number


def test_a_context_of_its_own_works_in_the_child(talking: Any) -> None:
    _, pull = talking
    endpoint = last_endpoint(pull)

    def work() -> None:
        context = zmq.Context()
        fresh = context.socket(zmq.PUSH)
        fresh.connect(endpoint)
        for number in range(5):
            fresh.send(b"child %d" % number)
        fresh.close()
        context.term()

    assert in_child(work) == "ok"
    assert [pull.recv() for _ in range(5)] == [b"child %d" % n for n in range(5)]


def test_instance_makes_a_new_context_in_the_child() -> None:
    mine = zmq.Context.instance()

    def work() -> None:
        theirs = zmq.Context.instance()
        assert theirs is not mine
        left, right = theirs.socket(zmq.PAIR), theirs.socket(zmq.PAIR)
        left.bind("tcp://127.0.0.1:*")
        right.connect(last_endpoint(left))
        right.send(b"hello")
        left.setsockopt(zmq.RCVTIMEO, 5000)
        assert left.recv() == b"hello"
        left.close()
        right.close()
        theirs.term()

    try:
        assert in_child(work) == "ok"
    finally:
        mine.term()


@pytest.mark.skipif(zmq.__name__ == "zmq", reason="libzmq leaves this undefined")
@pytest.mark.parametrize("call", ["send", "recv", "poll", "bind", "connect", "setsockopt"])
def test_inherited_sockets_are_closed_in_the_child(talking: Any, call: str) -> None:
    push, pull = talking
    calls: dict[str, Callable[[], Any]] = {
        "send": lambda: push.send(b"stray"),
        "recv": lambda: pull.recv(),
        "poll": lambda: pull.poll(5000),
        "bind": lambda: pull.bind("tcp://127.0.0.1:*"),
        "connect": lambda: push.connect("tcp://127.0.0.1:1"),
        "setsockopt": lambda: push.setsockopt(zmq.SNDHWM, 1),
    }

    def work() -> None:
        assert push.closed
        assert pull.closed
        with raises_errno(zmq.ENOTSOCK, zmq.ENOTSUP):
            calls[call]()

    assert in_child(work) == "ok"
    push.send(b"parent's own")
    assert pull.recv() == b"parent's own"


@pytest.mark.skipif(zmq.__name__ == "zmq", reason="libzmq leaves this undefined")
@pytest.mark.parametrize(
    "forks", [10, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_a_child_of_a_busy_parent_never_hangs(sock: Any, endpoints: Any, forks: int) -> None:
    """fork() while other threads send and receive: no lock is left taken in the child."""
    import threading

    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", connect=last_endpoint(pull))
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            if not try_send(push, b"x" * 100):
                writable(push, 10)

    def recv() -> None:
        while not done.is_set():
            pull.poll(10)
            while pull.poll(0):
                pull.recv()

    threads = [threading.Thread(target=work) for work in (send, recv)]
    for thread in threads:
        thread.start()

    def work() -> None:
        push.close()
        pull.close()
        context = zmq.Context()
        context.socket(zmq.PUSH).close()
        context.term()

    try:
        for _ in range(forks):
            assert in_child(work) == "ok"
    finally:
        done.set()
        for thread in threads:
            thread.join(10)


def test_garbage_collection_in_the_child_is_harmless(ctx: Any, endpoints: Any) -> None:
    import gc

    pull = ctx.socket(zmq.PULL)
    pull.bind(endpoints.any("tcp"))
    push = ctx.socket(zmq.PUSH)
    push.connect(last_endpoint(pull))
    holder = [pull, push]

    def work() -> None:
        nonlocal pull, push
        holder.clear()
        del pull, push
        gc.collect()

    try:
        assert in_child(work) in ("ok",)
        push.send(b"still here")
        assert pull.recv() == b"still here"
    finally:
        push.close(linger=0)
        pull.close()


@pytest.mark.skipif(zmq.__name__ == "zmq", reason="libzmq's descriptors stay open in a child")
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_living_child_keeps_none_of_the_parents_endpoints(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """Not the address, not a connection: the parent's peers see it go, and it may come again."""
    pull = sock("PULL", bind=endpoints.any(transport))
    endpoint = last_endpoint(pull)
    push = sock("PUSH", connect=endpoint)
    stranger = connect_to(endpoint)  # a handshake that does not come to its end
    push.send(b"before")
    assert pull.recv() == b"before"
    assert len(stranger.recv(1)) == 1
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)  # until the parent lets go, or dies
        os._exit(0)
    try:
        push.send(b"while the child lives")
        assert pull.recv() == b"while the child lives"
        pull.close()
        while stranger.recv(100):
            pass  # the end of the stream, or this would time out
        again = sock("PULL", bind=endpoint)
        sock("PUSH", connect=endpoint).send(b"after")
        assert again.recv() == b"after"
    finally:
        stranger.close()
        os.close(writer)
        os.close(reader)
        os.waitpid(pid, 0)


def connect_to(endpoint: str) -> socket.socket:
    if endpoint.startswith("ipc://"):
        stranger = socket.socket(socket.AF_UNIX)
        stranger.settimeout(10)
        stranger.connect(endpoint.removeprefix("ipc://"))
        return stranger
    return socket.create_connection(tcp_address(endpoint), 10)


@pytest.mark.skipif(zmq.__name__ == "zmq", reason="libzmq's descriptors stay open in a child")
def test_a_child_has_no_descriptor_more_than_before_the_first_socket(
    sock: Any, endpoints: Any
) -> None:
    before = set(os.listdir("/proc/self/fd"))
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", connect=last_endpoint(pull))
    sock("PUSH", connect=endpoints.fixed("ipc"))
    push.send(b"x")
    assert pull.recv() == b"x"
    pull.getsockopt(zmq.FD)

    def work() -> None:
        left = set(os.listdir("/proc/self/fd")) - before
        # the test's own pipe, and a waiter's of another thread
        assert len(left) <= 3, [os.readlink(f"/proc/self/fd/{number}") for number in left]

    assert in_child(work) == "ok"
