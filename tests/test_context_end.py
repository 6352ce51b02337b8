"""The end of a context: `term`, `shutdown`, `destroy`, a block left, a fork; on pyzmq as well."""

import gc
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import peromq as zmq
from peromq.patience import Patience
from tests.eitherlib import errno_of
from tests.helpers import signal_soon, wait_until

TIMEOUT = 10.0  # seconds; nothing here should take a hundredth of it


@pytest.fixture
def context(lib: ModuleType) -> Iterator[Any]:
    context = lib.Context()
    yield context
    context.destroy(linger=0)


def test_after_term(lib: ModuleType) -> None:
    context = lib.Context()
    context.term()
    context.term()
    context.destroy()
    assert context.closed
    assert errno_of(lib, context.socket, lib.PAIR) == lib.ENOTSUP
    with pytest.raises(RuntimeError, match="destroyed"):
        context.get(lib.IO_THREADS)
    with pytest.raises(RuntimeError, match="destroyed"):
        context.set(lib.IO_THREADS, 1)


def test_term_ends_blocked_calls_and_waits_for_close(lib: ModuleType) -> None:
    context = lib.Context()
    socket = context.socket(lib.PAIR)
    socket.bind("inproc://nobody")
    seen: list[Any] = []

    def receive() -> None:
        for call in (socket.recv, socket.recv, lambda: socket.get(lib.TYPE)):
            try:
                call()
            except lib.ContextTerminated as failure:
                seen.append(failure.errno)
        seen.append(ender.is_alive())
        socket.close()

    ender = threading.Thread(target=context.term)
    receiver = threading.Thread(target=receive)
    receiver.start()
    ender.start()
    receiver.join(TIMEOUT)
    ender.join(TIMEOUT)
    assert seen == [lib.ETERM] * 3 + [True]
    assert context.closed


def test_leaving_the_block_closes_sockets_with_a_warning(lib: ModuleType) -> None:
    def leave_one_open() -> None:
        with lib.Context() as context:
            kept.extend([context, context.socket(lib.PAIR)])

    kept: list[Any] = []
    with pytest.warns(ResourceWarning, match="Destroying context with unclosed socket") as caught:
        leave_one_open()
    assert [one.closed for one in kept] == [True, True]
    assert caught[0].filename == __file__


def test_leaving_the_block_in_order_warns_nobody(lib: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with lib.Context() as context:
            context.socket(lib.PAIR).close()
        del context
        gc.collect()


def test_an_abandoned_context_warns_and_ends(lib: ModuleType) -> None:
    context = lib.Context()
    with pytest.warns(ResourceWarning, match="Unclosed context"):
        del context


def test_destroy_sets_linger(lib: ModuleType) -> None:
    context = lib.Context()
    socket = context.socket(lib.PUSH)
    socket.connect("tcp://127.0.0.1:1")
    socket.send(b"never delivered")
    context.destroy(linger=0)
    assert socket.closed


# -- ours


def test_term_with_a_timeout_names_what_is_missing() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    with pytest.raises(TimeoutError, match="ROUTER"):
        context.term(timeout=0.01)
    assert not context.closed
    socket.close()
    context.term(timeout=TIMEOUT)
    assert context.closed


def test_term_says_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before it would hang in silence."""
    monkeypatch.setattr("peromq.patience.SILENCE", 0.01)
    context = zmq.Context()
    push, pair = context.socket(zmq.PUSH), context.socket(zmq.PAIR)
    port = push.bind_to_random_port("tcp://127.0.0.1")
    pair.connect("inproc://nobody")
    thread = threading.Thread(target=context.term)
    thread.start()
    wait_until(lambda: "Context.term has waited" in caplog.text)
    assert f"PUSH (tcp://127.0.0.1:{port})" in caplog.text
    assert "PAIR (inproc://nobody)" in caplog.text
    push.close()
    pair.close(linger=0)
    thread.join(TIMEOUT)
    assert context.closed


def test_term_says_what_lingers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tcp_endpoint: str
) -> None:
    monkeypatch.setattr("peromq.patience.SILENCE", 0.01)
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    push.connect(tcp_endpoint)
    push.send(b"nobody is there")
    push.close()
    thread = threading.Thread(target=context.term)
    thread.start()
    wait_until(lambda: f"PUSH {tcp_endpoint}: unsent messages" in caplog.text)
    with zmq.Context() as other, other.socket(zmq.PULL) as pull:
        pull.bind(tcp_endpoint)
        assert pull.recv() == b"nobody is there"
    thread.join(TIMEOUT)


def test_patience_speaks_twice_as_seldom_each_time(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    patience = Patience(30.0, lambda: now[0])
    spoken = []
    while patience.left() > 0 or now[0] < 30:
        now[0] += patience.left()
        assert patience.ask()
        try:
            patience.over("nothing:", [])
        except TimeoutError:
            break
        spoken.append(now[0])
    assert spoken == [5.0, 10.0, 20.0]
    assert now[0] == 30.0
    assert len(caplog.records) == 3


def test_what_is_waited_for_is_told_in_few_words() -> None:
    patience = Patience(0.0, lambda: 0.0)
    with pytest.raises(TimeoutError, match=r"^waiting for 3 x a, b$"):
        patience.over("waiting for", ["a", "b", "a", "a"])
    many = [f"{number:02}" for number in range(12)] * 2
    with pytest.raises(TimeoutError, match=r"^waiting for 2 x 00, .*2 x 09, and 4 more$"):
        patience.over("waiting for", many)


def test_term_with_a_timeout_names_what_lingers(tcp_endpoint: str) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect(tcp_endpoint)
    socket.send(b"nobody is there")
    socket.close()
    with pytest.raises(TimeoutError, match="PUSH"):
        context.term(timeout=0.05)
    with zmq.Context() as other, other.socket(zmq.PULL) as pull:
        pull.bind(tcp_endpoint)
        assert pull.recv() == b"nobody is there"
    context.term(timeout=TIMEOUT)


def test_shutdown_ends_blocked_calls_and_does_not_wait() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    context.shutdown()
    with pytest.raises(zmq.ContextTerminated):
        socket.recv()
    with pytest.raises(zmq.ContextTerminated):
        socket.bind("inproc://late")
    with pytest.raises(zmq.ContextTerminated):
        context.socket(zmq.PAIR)
    assert not context.closed
    socket.close()
    context.term()


@pytest.mark.no_sanitizer
def test_ctrl_c_ends_term() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT))

    def wait() -> None:
        timer.start()
        context.term()

    with pytest.raises(KeyboardInterrupt):
        wait()
    timer.join()
    assert not context.closed
    socket.close()
    context.term()


@pytest.mark.no_sanitizer
def test_a_handler_that_returns_does_not_end_term() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    handled = []

    def close_later(*_: object) -> None:
        handled.append(time.monotonic())
        threading.Thread(target=socket.close).start()

    old = signal.signal(signal.SIGALRM, close_later)
    try:
        timer = signal_soon(signal.SIGALRM, 0.05)
        context.term()
        timer.join()
    finally:
        signal.signal(signal.SIGALRM, old)
    assert len(handled) == 1
    assert context.closed


def run_in_child(function: Any) -> int:
    """Fork, call, and give the child's exit code: 0 if nothing was raised. Bounded by an alarm."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(TIMEOUT))
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("endpoint", ["inproc"], indirect=True)
def test_a_forked_child_sees_closed_handles(endpoint: str) -> None:
    context = zmq.Context()
    socket, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    socket.bind(endpoint)
    peer.connect(endpoint)
    instance = zmq.Context.instance()

    def child() -> None:
        assert context.closed
        assert socket.closed
        assert zmq.Context.instance() is not instance
        socket.close()
        context.destroy()
        context.term()
        with pytest.raises(zmq.ZMQError):
            socket.send(b"x")
        with zmq.Context() as fresh:
            a, b = fresh.socket(zmq.PAIR), fresh.socket(zmq.PAIR)
            a.bind("inproc://child")
            b.connect("inproc://child")
            a.send(b"hello")
            assert b.recv() == b"hello"
            a.close()
            b.close()

    assert run_in_child(child) == 0
    socket.send(b"the parent goes on")
    assert peer.recv() == b"the parent goes on"
    for one in (socket, peer):
        one.close()
    context.term()
    instance.term()
    zmq.Context._instance = None
