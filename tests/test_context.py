"""`Context`: what pyzmq promises (tested on both), and what is ours."""

import copy
import errno
import gc
import importlib
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
from tests.helpers import wait_until

TIMEOUT = 10.0  # seconds; nothing here should take a hundredth of it


@pytest.fixture
def context(lib: ModuleType) -> Iterator[Any]:
    context = lib.Context()
    yield context
    context.destroy(linger=0)


def errno_of(lib: ModuleType, function: Any, *args: Any) -> int | None:
    with pytest.raises(lib.ZMQError) as caught:
        function(*args)
    number: int | None = caught.value.errno
    return number


# -- options


def test_defaults(lib: ModuleType, context: Any) -> None:
    assert context.io_threads == context.IO_THREADS == context.get(lib.IO_THREADS) == 1
    assert context.max_sockets == 1023
    assert context.get(lib.SOCKET_LIMIT) == 65535
    assert context.get(lib.MSG_T_SIZE) == 64
    assert context.get(lib.MAX_MSGSZ) == 2**31 - 1
    assert context.get(lib.IPV6) == 0
    assert context.get(lib.BLOCKY) == 1


SETTINGS = [
    (number, value)
    for number in [*range(1, 12), 42, 70, 4711]
    for value in (-2, -1, 0, 1, 2, 65535, 70000)
    if (number, value) != (9, -1)  # pyzmq takes a value of -1 for an error
]


def test_ranges_are_libzmqs() -> None:
    """Every option, telling values: refused alike, or read back alike."""
    pyzmq = importlib.import_module("zmq")

    def outcome(lib: ModuleType, number: int, value: int) -> list[object]:
        seen: list[object] = []
        context = lib.Context()
        for call in (lambda: context.set(number, value), lambda: context.get(number)):
            try:
                seen.append(call())
            except lib.ZMQError as failure:
                seen.append(f"errno {failure.errno}")
        context.term()
        return seen

    for number, value in SETTINGS:
        assert outcome(pyzmq, number, value) == outcome(zmq, number, value), (number, value)


def test_bad_types(lib: ModuleType, context: Any) -> None:
    for bad in ("1", 1.0, None, b"1"):
        with pytest.raises(TypeError, match="expected int"):
            context.set(lib.IO_THREADS, bad)
    with pytest.raises(OverflowError):
        context.set(lib.IO_THREADS, 2**40)


def test_io_threads(lib: ModuleType) -> None:
    with lib.Context(io_threads=3) as context:
        assert context.io_threads == 3
        context.io_threads = 2
        assert context.get(lib.IO_THREADS) == 2
    assert errno_of(zmq, zmq.Context, -1) == zmq.EINVAL


def test_io_threads_zero_serves_inproc_only(lib: ModuleType) -> None:
    with lib.Context(io_threads=0) as context, context.socket(lib.PAIR) as socket:
        socket.bind("inproc://here")
        for call in (socket.bind, socket.connect):
            with pytest.raises(lib.ZMQError, match=r"127\.0\.0\.1") as caught:
                call("tcp://127.0.0.1:1")
            assert caught.value.errno == lib.EMTHREAD


def test_io_threads_after_the_first_socket_are_accepted(lib: ModuleType, context: Any) -> None:
    with context.socket(lib.PAIR):
        context.io_threads = 5
        assert context.io_threads == 5


def test_socket_options_are_defaults_of_new_sockets(lib: ModuleType, context: Any) -> None:
    context.linger = 7
    context.setsockopt(lib.RCVHWM, 5)
    context.SUBSCRIBE = b"topic"
    assert context.linger == context.getsockopt(lib.LINGER) == 7
    assert context.sockopts == {lib.LINGER: 7, lib.RCVHWM: 5, lib.SUBSCRIBE: b"topic"}
    with context.socket(lib.PUSH) as push, context.socket(lib.SUB) as sub:
        assert (push.linger, push.rcvhwm, sub.linger) == (7, 5, 7)
    del context.linger
    with pytest.raises(AttributeError):
        _ = context.linger
    with pytest.raises(AttributeError):
        del context.linger


def test_unknown_attributes(context: Any) -> None:
    with pytest.raises(AttributeError, match="Context has no such option: MADE_UP"):
        context.made_up = 1
    with pytest.raises(AttributeError, match="Context has no such option: MADE_UP"):
        _ = context.made_up
    with pytest.raises(AttributeError):
        del context.made_up
    assert not hasattr(context, "linger")


def test_a_subclass_declares_its_attributes(lib: ModuleType) -> None:
    base: Any = lib.Context

    class MyContext(base):
        extra: int

    context = MyContext()
    context.extra = 5
    assert context.extra == 5
    assert repr(context).startswith(f"<{MyContext.__module__}.MyContext(")
    context.term()


def test_dir_lists_options(lib: ModuleType, context: Any) -> None:
    assert {"IO_THREADS", "socket", "term"} <= set(dir(context))


def test_blocky_off_means_linger_zero(lib: ModuleType, context: Any) -> None:
    context.set(lib.BLOCKY, 0)
    context.set(lib.IPV6, 1)
    with context.socket(lib.PUSH) as socket:
        assert socket.linger == 0
        assert socket.ipv6 == 1
        assert socket.ipv4only == 0


def test_classes_subscript(lib: ModuleType) -> None:
    assert lib.Context[lib.Socket]
    assert lib.Socket[bytes]


# -- sockets


def test_socket_limit(lib: ModuleType, context: Any) -> None:
    context.max_sockets = 2
    with context.socket(lib.PAIR), context.socket(lib.PAIR):
        assert errno_of(lib, context.socket, lib.PAIR) == errno.EMFILE
    if lib is zmq:  # libzmq counts closed sockets until its reaper comes by
        context.socket(lib.PAIR).close()


@pytest.mark.parametrize("kind", [-2, 21, 99])
def test_unknown_type(lib: ModuleType, context: Any, kind: int) -> None:
    with pytest.raises((lib.ZMQError, TypeError)) as caught:
        context.socket(kind)
    if kind > 0:
        assert caught.value.errno == lib.EINVAL


def test_socket_class(lib: ModuleType, context: Any) -> None:
    base: Any = lib.Socket

    class MySocket(base):
        def __init__(self, context: Any, kind: int, flavour: str = "") -> None:
            super().__init__(context, kind)
            self.__dict__["flavour"] = flavour

    with context.socket(lib.PAIR, socket_class=MySocket, flavour="sweet") as socket:
        assert type(socket) is MySocket
        assert socket.flavour == "sweet"


def test_repr(lib: ModuleType) -> None:
    context = lib.Context()
    assert repr(context) == f"<zmq.Context() at {hex(id(context))}>"
    with context.socket(lib.PAIR):
        assert repr(context) == f"<zmq.Context(1 socket) at {hex(id(context))}>"
        with context.socket(lib.PAIR):
            assert repr(context) == f"<zmq.Context(2 sockets) at {hex(id(context))}>"
    context.term()
    assert repr(context) == f"<zmq.Context() at {hex(id(context))} closed>"


def test_sockets_are_referred_to_weakly(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PAIR)
    assert len(context._sockets) == 1
    with pytest.warns(ResourceWarning, match="Unclosed socket"):
        del socket
    assert len(context._sockets) == 0


# -- shadows


def test_shadow(lib: ModuleType) -> None:
    context = lib.Context()
    shadows = [
        lib.Context.shadow(context),
        lib.Context.shadow(context.underlying),
        lib.Context(context),
        lib.Context(shadow=context),
        copy.copy(context),
        copy.deepcopy(context),
    ]
    assert context.underlying
    for shadow in shadows:
        assert shadow.underlying == context.underlying
        with shadow.socket(lib.PAIR) as socket:
            assert socket.context is shadow
            assert repr(context).startswith("<zmq.Context()")  # each handle tracks its own
    del shadow, shadows
    gc.collect()
    assert not context.closed
    context.term()


def test_shadow_of_a_terminated_context(lib: ModuleType) -> None:
    context = lib.Context()
    shadow = lib.Context.shadow(context)
    context.term()
    assert errno_of(lib, shadow.socket, lib.PAIR) == lib.EFAULT


def test_destroying_a_shadow_closes_its_own_sockets_only() -> None:
    context = zmq.Context()
    shadow = zmq.Context.shadow(context)
    mine, its = context.socket(zmq.PAIR), shadow.socket(zmq.PAIR)
    ender = threading.Thread(target=shadow.destroy)
    ender.start()
    with pytest.raises(zmq.ContextTerminated):
        mine.recv()
    assert its.closed
    assert not mine.closed
    mine.close()
    ender.join(TIMEOUT)
    assert shadow.closed
    context.term()


# -- instance


def test_instance(lib: ModuleType) -> None:
    context = lib.Context.instance()
    try:
        assert lib.Context.instance() is context
        context.term()
        again = lib.Context.instance(io_threads=2)
        assert again is not context
        assert again.io_threads == 2
        again.term()
    finally:
        lib.Context._instance = None


def test_instance_is_made_once(lib: ModuleType) -> None:
    start = threading.Barrier(8)
    seen = []

    def get() -> None:
        start.wait()
        seen.append(lib.Context.instance())

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len({id(context) for context in seen}) == 1
    finally:
        seen[0].term()
        lib.Context._instance = None


def test_a_subclass_shares_the_instance_unless_it_defines_its_own(lib: ModuleType) -> None:
    base: Any = lib.Context

    class Own(base):
        _instance = None

    own = Own.instance()
    assert type(own) is Own
    assert lib.Context._instance is None
    own.term()


# -- the end


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
            patience.over("nothing")
        except TimeoutError:
            break
        spoken.append(now[0])
    assert spoken == [5.0, 10.0, 20.0]
    assert now[0] == 30.0
    assert len(caplog.records) == 3


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
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        context.term()
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
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        context.term()
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


def test_a_second_context_of_the_same_thread_is_independent() -> None:
    with zmq.Context() as one, zmq.Context() as other:
        with one.socket(zmq.PAIR) as a, other.socket(zmq.PAIR) as b:
            a.bind("inproc://same")
            b.bind("inproc://same")
        one.term()
        with other.socket(zmq.PAIR) as c:
            assert not c.closed
