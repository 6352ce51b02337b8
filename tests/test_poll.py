"""`Poller`, `select`, `zmq_poll` and `Socket.poll`, on pyzmq as well."""

import signal
import socket as stdsocket
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import peromq as zmq
from tests.helpers import signal_soon

TIMEOUT_MS = 10_000


@pytest.fixture
def pair(lib: ModuleType) -> Iterator[tuple[Any, Any]]:
    """Two connected PAIR sockets."""
    with (
        lib.Context() as context,
        context.socket(lib.PAIR) as left,
        context.socket(lib.PAIR) as right,
    ):
        left.linger = right.linger = 0
        left.bind("inproc://pair")
        right.connect("inproc://pair")
        yield left, right


@pytest.fixture
def plain() -> Iterator[tuple[stdsocket.socket, stdsocket.socket]]:
    """Two connected plain sockets."""
    left, right = stdsocket.socketpair()
    with left, right:
        yield left, right


# -- the set


def test_register_modify_unregister(lib: ModuleType) -> None:
    poller, items = lib.Poller(), [object(), object(), object()]
    for item in items:
        poller.register(item)
    both = lib.POLLIN | lib.POLLOUT
    assert poller.sockets == [(item, both) for item in items]
    poller.register(items[1], lib.POLLIN)
    poller.modify(items[2], lib.POLLOUT)
    assert poller.sockets == [
        (items[0], both),
        (items[1], lib.POLLIN),
        (items[2], lib.POLLOUT),
    ]
    poller.unregister(items[0])
    poller.register(items[2], 0)
    poller.register(items[0], 0)
    assert poller.sockets == [(items[1], lib.POLLIN)]
    assert items[1] in poller
    assert items[0] not in poller
    assert poller._map == {items[1]: 0}
    with pytest.raises(KeyError):
        poller.unregister(items[0])


# -- waiting


def test_a_socket_without_events_is_no_pair(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    """Above all, it is not taken apart by receiving from it."""
    with pytest.raises(TypeError):
        lib.zmq_poll([pair[1]], 0)


def test_nothing_registered_returns_at_once(lib: ModuleType) -> None:
    assert lib.Poller().poll() == []
    assert lib.zmq_poll([]) == []
    assert lib.select([], [], []) == ([], [], [])


def test_readable_and_writable(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    poller = lib.Poller()
    poller.register(left)
    poller.register(right, lib.POLLIN)
    assert poller.poll(TIMEOUT_MS) == [(left, lib.POLLOUT)]
    right.send(b"x")
    poller.modify(left, lib.POLLIN)
    assert poller.poll(TIMEOUT_MS) == [(left, lib.POLLIN)]
    poller.register(left, lib.POLLIN | lib.POLLOUT)
    assert dict(poller.poll()) == {left: lib.POLLIN | lib.POLLOUT}
    left.recv()
    assert poller.poll(0) == [(left, lib.POLLOUT)]


def test_results_come_in_the_order_of_registration(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    for order in ([left, right], [right, left]):
        poller = lib.Poller()
        for socket in order:
            poller.register(socket, lib.POLLOUT)
        assert [socket for socket, _ in poller.poll(TIMEOUT_MS)] == order


def test_time_over(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, _ = pair
    poller = lib.Poller()
    poller.register(left, lib.POLLIN)
    for timeout in (0, 0.5, 1, 20.9, 20):
        begin = time.monotonic()
        assert poller.poll(timeout) == []
        assert time.monotonic() - begin >= int(timeout) / 1000 * 0.9
    assert left.poll(1) == 0
    assert left.poll(0, lib.POLLOUT) == lib.POLLOUT


def test_a_message_wakes_a_poll(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(left.poll(TIMEOUT_MS)))
    thread.start()
    right.send(b"x")
    thread.join()
    assert seen == [lib.POLLIN]


def test_plain_sockets_and_descriptors(
    lib: ModuleType, pair: tuple[Any, Any], plain: tuple[stdsocket.socket, stdsocket.socket]
) -> None:
    """An object with fileno() appears as its number, in whatever company."""
    left, right = pair
    near, far = plain
    poller = lib.Poller()
    poller.register(left, lib.POLLIN)
    poller.register(near, lib.POLLIN)
    poller.register(far.fileno(), lib.POLLOUT)
    assert poller.poll(TIMEOUT_MS) == [(far.fileno(), lib.POLLOUT)]
    far.send(b"x")
    right.send(b"x")
    assert poller.poll(TIMEOUT_MS) == [
        (left, lib.POLLIN),
        (near.fileno(), lib.POLLIN),
        (far.fileno(), lib.POLLOUT),
    ]


def test_a_plain_socket_alone(
    lib: ModuleType, plain: tuple[stdsocket.socket, stdsocket.socket]
) -> None:
    near, far = plain
    assert lib.zmq_poll([(near, lib.POLLIN)], 1) == []
    far.send(b"x")
    assert lib.zmq_poll([(near, lib.POLLIN)], TIMEOUT_MS) == [(near.fileno(), lib.POLLIN)]


@pytest.mark.parametrize("flags", ["POLLIN", "POLLOUT"])
def test_socket_poll(lib: ModuleType, pair: tuple[Any, Any], flags: str) -> None:
    left, right = pair
    wanted = getattr(lib, flags)
    right.send(b"x")
    assert left.poll(flags=wanted) == wanted
    assert left.poll(TIMEOUT_MS, wanted) == wanted


def test_what_cannot_be_polled(lib: ModuleType) -> None:
    class Broken:
        def fileno(self) -> int:
            raise OSError

    with pytest.raises(TypeError, match="fileno"):
        lib.zmq_poll([("text", lib.POLLIN)])
    with pytest.raises(ValueError, match="fileno"):
        lib.zmq_poll([(Broken(), lib.POLLIN)])


def test_a_closed_socket_is_refused(ctx: zmq.Context[Any]) -> None:
    socket = ctx.socket(zmq.PAIR)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.zmq_poll([(socket, zmq.POLLIN)], 0)
    assert caught.value.errno == zmq.ENOTSOCK


def test_term_ends_a_poll(lib: ModuleType) -> None:
    context = lib.Context()
    socket = context.socket(lib.PAIR)
    seen: list[Any] = []

    def wait() -> None:
        try:
            socket.poll(TIMEOUT_MS)
        except lib.ZMQError as failure:
            seen.append(type(failure))
        socket.close()

    waiter = threading.Thread(target=wait)
    waiter.start()
    context.term()
    waiter.join()
    assert seen == [lib.ContextTerminated]


# -- select


def test_select(
    lib: ModuleType, pair: tuple[Any, Any], plain: tuple[stdsocket.socket, stdsocket.socket]
) -> None:
    left, right = pair
    near, _ = plain
    assert lib.select([left], [], [], 0.001) == ([], [], [])
    right.send(b"x")
    readable, writable, failed = lib.select([left, right], [left, near], [left], 1)
    assert readable == [left]
    assert set(writable) == {left, near.fileno()}
    assert failed == []
    assert lib.select([left], [left], []) == ([left], [left], [])


# -- signals


@pytest.mark.no_sanitizer
def test_a_signal_handler_runs_and_polling_goes_on(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, _ = pair
    handled: list[int] = []
    old = signal.signal(signal.SIGALRM, lambda number, _: handled.append(number))
    try:
        timer = signal_soon(signal.SIGALRM, 0.02)
        begin = time.monotonic()
        assert left.poll(100) == 0
        took = time.monotonic() - begin
        timer.join()
        assert took >= 0.09 or lib is not zmq  # pyzmq's ends early now and then
    finally:
        signal.signal(signal.SIGALRM, old)
    assert handled == [signal.SIGALRM]


@pytest.mark.no_sanitizer
def test_a_signal_handler_that_raises_ends_the_poll(pair: tuple[Any, Any]) -> None:
    left, _ = pair
    timers: list[threading.Timer] = []

    def wait() -> None:
        timers.append(signal_soon(signal.SIGINT, 0.02))
        left.poll(TIMEOUT_MS)

    with pytest.raises(KeyboardInterrupt):
        wait()
    timers[0].join()


# -- proxy


def test_proxy_ends_with_the_context() -> None:
    context = zmq.Context()
    frontend, backend = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    frontend.bind("inproc://front")
    backend.bind("inproc://back")
    source.connect("inproc://front")
    sink.connect("inproc://back")
    seen: list[type[BaseException]] = []

    def forward() -> None:
        try:
            zmq.device(zmq.STREAMER, frontend, backend)
        except zmq.ZMQError as failure:
            seen.append(type(failure))
        frontend.close()
        backend.close()

    thread = threading.Thread(target=forward)
    thread.start()
    source.send_multipart([b"a", b"b"])
    assert sink.recv_multipart() == [b"a", b"b"]
    source.close()
    sink.close()
    context.term()
    thread.join()
    assert seen == [zmq.ContextTerminated]
