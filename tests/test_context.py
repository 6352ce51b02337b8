"""`Context`: what pyzmq promises (tested on both), and what is ours."""

import copy
import errno
import gc
import importlib
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import peromq as zmq
from tests.eitherlib import errno_of

TIMEOUT = 10.0  # seconds; nothing here should take a hundredth of it


@pytest.fixture
def context(lib: ModuleType) -> Iterator[Any]:
    context = lib.Context()
    yield context
    context.destroy(linger=0)


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

    before = lib.Context._instance  # whatever tests have left there
    own = Own.instance()
    assert type(own) is Own
    assert lib.Context._instance is before
    own.term()


def test_a_second_context_of_the_same_thread_is_independent() -> None:
    with zmq.Context() as one, zmq.Context() as other:
        with one.socket(zmq.PAIR) as a, other.socket(zmq.PAIR) as b:
            a.bind("inproc://same")
            b.bind("inproc://same")
        one.term()
        with other.socket(zmq.PAIR) as c:
            assert not c.closed


def test_an_affinity_that_names_no_thread(lib: ModuleType, context: Any) -> None:
    context.io_threads = 2
    with context.socket(lib.PULL) as socket:
        socket.linger = 0
        socket.affinity = 4
        assert errno_of(lib, socket.bind, "tcp://127.0.0.1:*") == lib.EMTHREAD
        assert errno_of(lib, socket.connect, "ipc://@nobody-is-here") == lib.EMTHREAD
        socket.bind("inproc://affinity")
        socket.affinity = 6  # the third thread there is not, but the second
        socket.bind("tcp://127.0.0.1:*")
        socket.connect("ipc://@nobody-is-here")
