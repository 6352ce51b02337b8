"""Opening and closing: flat in descriptors, threads and memory; term() unblocks everybody."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    last_endpoint,
    new_context,
    raises_errno,
    readable,
    wait_until,
    zmq,
)

GROWTH_KIB = 32_768 if AGAINST_LIBZMQ else 4096  # what malloc may keep after 10,000 rounds


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def resident_kib() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@contextlib.contextmanager
def flat(look: Callable[[], Any], spare_fds: int) -> Iterator[None]:
    """What runs inside leaves no descriptor, no thread, and hardly any memory behind."""
    gc.collect()
    look()
    before = descriptors(), threads(), resident_kib()
    yield
    gc.collect()
    wait_until(
        lambda: (
            look(),
            descriptors() <= before[0] + spare_fds and threads() <= before[1],
        )[1],
        what=f"from {before[:2]} to {descriptors(), threads()} descriptors, threads",
    )
    assert resident_kib() - before[2] <= GROWTH_KIB


ROUNDS = [200, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_sockets_opened_and_closed(ctx: Any, rounds: int) -> None:
    def one() -> None:
        for kind in (zmq.PUSH, zmq.SUB):
            ctx.socket(kind).close()

    repeat(one, rounds)


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
def test_connections_made_and_broken(ctx: Any, endpoints: Any, transport: str, rounds: int) -> None:
    if rounds > 1000 and transport == "ipc":
        pytest.skip("tcp shows it as well")
    pull = ctx.socket(zmq.PULL)
    pull.setsockopt(zmq.RCVTIMEO, 10_000)
    pull.bind(endpoints.any(transport))

    def one() -> None:
        push = ctx.socket(zmq.PUSH)
        push.connect(last_endpoint(pull))
        push.send(b"x")
        pull.recv()
        push.close(linger=0)

    repeat(one, rounds, look=lambda: readable(pull, 0))
    pull.close()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_listeners_bound_and_closed(ctx: Any, rounds: int) -> None:
    def one() -> None:
        pull = ctx.socket(zmq.PULL)
        pull.bind("tcp://127.0.0.1:*")
        pull.unbind(last_endpoint(pull))
        pull.close()

    repeat(one, rounds)


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_contexts_made_and_terminated(rounds: int) -> None:
    def one() -> None:
        with new_context() as context:
            left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            left.bind("tcp://127.0.0.1:*")
            right.connect(last_endpoint(left))
            right.send(b"x")
            left.recv()
            left.close()
            right.close(linger=0)

    repeat(one, rounds)


def test_reconnecting_for_long_leaves_nothing(sock: Any, endpoints: Any, monitor: Any) -> None:
    push = sock("PUSH", reconnect_ivl=1)
    watch = monitor(push)
    push.connect(endpoints.fixed("tcp"))

    def one() -> None:
        watch.wait(zmq.EVENT_CONNECT_RETRIED)

    repeat(one, 200)


def repeat(one: Callable[[], None], rounds: int, look: Callable[[], Any] = int) -> None:
    """`look` is a look at a socket that stays open: libzmq lets inproc peers go only then."""
    for _ in range(max(20, rounds // 10)):  # pools and caches fill up first
        one()
    # closing is asynchronous: a few sockets may be on their way out at any time
    with flat(look, spare_fds=8):
        for _ in range(rounds):
            one()


@pytest.mark.parametrize("call", ["recv", "recv_multipart", "poll", "send"])
def test_term_ends_the_blocking_calls_of_other_threads(endpoints: Any, call: str) -> None:
    context = zmq.Context()
    blocked = context.socket(zmq.PAIR)
    blocked.setsockopt(zmq.LINGER, 0)
    blocked.bind(endpoints.any("tcp"))
    ended: list[Any] = []
    inside = threading.Event()

    def block() -> None:
        inside.set()
        try:
            if call == "send":
                blocked.send(b"nobody is there")
            else:
                getattr(blocked, call)()
        except zmq.ZMQError as problem:
            ended.append(type(problem))
        with raises_errno(zmq.ETERM):
            blocked.recv(zmq.DONTWAIT)
        blocked.close()

    thread = threading.Thread(target=block)
    thread.start()
    inside.wait(10)
    term = threading.Thread(target=context.term, daemon=True)
    term.start()
    thread.join(10)
    term.join(10)

    assert not thread.is_alive()
    assert not term.is_alive()
    assert ended == [zmq.ContextTerminated]
    assert context.closed


def test_term_waits_for_the_last_socket() -> None:
    context = zmq.Context()
    open_one = context.socket(zmq.PULL)
    term = threading.Thread(target=context.term, daemon=True)
    term.start()
    wait_until(lambda: ends_with_eterm(open_one))
    assert term.is_alive()
    open_one.close()
    term.join(10)
    assert not term.is_alive()


def ends_with_eterm(sock: Any) -> bool:
    try:
        sock.recv(zmq.DONTWAIT)
    except zmq.ContextTerminated:
        return True
    except zmq.Again:
        return False
    return False


def test_term_twice_and_close_twice_do_nothing(ctx: Any) -> None:
    pull = ctx.socket(zmq.PULL)
    pull.close()
    pull.close()
    ctx.term()
    ctx.term()


def test_destroy_closes_all_sockets(endpoints: Any) -> None:
    with new_context() as context:
        made = [context.socket(zmq.PUSH) for _ in range(10)]
        for push in made:
            push.connect(endpoints.fixed("tcp"))
            push.send(b"never")
        context.destroy(linger=0)
        assert all(push.closed for push in made)
        assert context.closed


@pytest.mark.parametrize("count", [0, 1, 4])
def test_io_threads(endpoints: Any, count: int) -> None:
    """0: inproc works, no thread is started; else that many serve the connections."""
    with new_context(io_threads=count) as context:
        assert context.get(zmq.IO_THREADS) == count
        endpoint = endpoints.any("tcp" if count else "inproc")
        pull = context.socket(zmq.PULL)
        pull.setsockopt(zmq.RCVTIMEO, 10_000)
        pull.bind(endpoint)
        pushes = [context.socket(zmq.PUSH) for _ in range(8)]
        for push in pushes:
            push.connect(last_endpoint(pull))
            push.send(b"x")
        for _ in pushes:
            assert pull.recv() == b"x"
        for push in [*pushes, pull]:
            push.close(linger=0)


def test_without_io_threads_tcp_is_refused_not_hung(endpoints: Any) -> None:
    with new_context(io_threads=0) as context:
        pull = context.socket(zmq.PULL)
        with raises_errno(zmq.EMTHREAD):
            pull.bind(endpoints.any("tcp"))
        push = context.socket(zmq.PUSH)
        with raises_errno(zmq.EMTHREAD):
            push.connect("tcp://127.0.0.1:1")
        pull.close()
        push.close(linger=0)


def test_the_number_of_threads_does_not_grow_with_the_number_of_sockets(
    sock: Any, endpoints: Any
) -> None:
    first = sock("PULL", bind=endpoints.any("tcp"))
    sock("PUSH", connect=last_endpoint(first)).send(b"x")
    first.recv()
    before = threads()
    for _ in range(30):
        pull = sock("PULL", bind=endpoints.any("tcp"))
        sock("PUSH", connect=last_endpoint(pull)).send(b"x")
        pull.recv()
    assert threads() == before


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="two or more for each socket in libzmq")
def test_an_unconnected_socket_needs_few_descriptors(sock: Any) -> None:
    before = descriptors()
    for _ in range(100):
        sock("PUSH")
    assert descriptors() - before <= 200


def test_max_sockets_is_an_error_and_no_abort() -> None:
    with new_context() as context:
        context.set(zmq.MAX_SOCKETS, 10)
        made = [context.socket(zmq.PUSH) for _ in range(10)]
        with raises_errno(errno.EMFILE):
            context.socket(zmq.PUSH)
        for push in made:
            push.close()


def test_a_closed_socket_says_so(sock: Any) -> None:
    pull = sock("PULL")
    pull.close()
    assert pull.closed
    for call in (pull.recv, lambda: pull.bind("inproc://x"), lambda: pull.get(zmq.TYPE)):
        with raises_errno(zmq.ENOTSOCK):
            call()
    with raises_errno(zmq.ENOTSUP):
        readable(pull)


def test_a_terminated_context_makes_no_sockets() -> None:
    context = zmq.Context()
    context.term()
    with raises_errno(zmq.ENOTSUP):
        context.socket(zmq.PULL)
