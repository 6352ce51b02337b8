"""`zmq_ppoll` and `Poller.ppoll`: a wait that signals end, with its own signal mask."""

from __future__ import annotations

import importlib
import signal
import socket as stdsocket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import peromq as zmq
from tests.helpers import signal_main

TIMEOUT_MS = 10_000
pytestmark = pytest.mark.no_sanitizer


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """SIGUSR1, handled, and blocked except where a test says otherwise."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: numbers.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    yield numbers
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    with (
        zmq.Context() as context,
        context.socket(zmq.PAIR) as left,
        context.socket(zmq.PAIR) as right,
    ):
        left.bind("inproc://pair")
        right.connect("inproc://pair")
        yield left, right


def signal_me() -> None:
    """It stays pending while the main thread blocks it."""
    signal_main(signal.SIGUSR1)


def test_a_signal_from_before_the_wait_is_not_missed(
    pair: tuple[Any, Any], handled: list[int]
) -> None:
    """That is what the mask is for: between two waits the signal cannot come."""
    signal_me()
    assert handled == []
    assert zmq.zmq_ppoll([(pair[0], zmq.POLLIN)], TIMEOUT_MS) == []
    assert handled == [signal.SIGUSR1]
    assert signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("timeout", [None, TIMEOUT_MS])
def test_a_signal_that_comes_meanwhile(
    pair: tuple[Any, Any], handled: list[int], timeout: int | None
) -> None:
    poller = zmq.Poller()
    poller.register(pair[0], zmq.POLLIN)
    thread = threading.Timer(0.02, signal_me)
    thread.start()
    assert poller.ppoll(timeout) == []
    thread.join()
    assert handled == [signal.SIGUSR1]


def test_a_blocked_signal_waits(pair: tuple[Any, Any], handled: list[int]) -> None:
    signal_me()
    pair[1].send(b"x")
    asked = [(pair[0], zmq.POLLIN)]
    assert zmq.zmq_ppoll(asked, TIMEOUT_MS, {signal.SIGUSR1}) == asked
    pair[0].recv()
    assert zmq.zmq_ppoll(asked, 1, {signal.SIGUSR1}) == []
    assert handled == []
    assert zmq.zmq_ppoll(asked, 0) == []  # as ppoll(2): also without any patience
    assert handled == [signal.SIGUSR1]


def test_without_signals_it_is_a_poll(pair: tuple[Any, Any]) -> None:
    left, right = pair
    asked = [(left, zmq.POLLIN | zmq.POLLOUT)]
    assert zmq.zmq_ppoll(asked) == [(left, zmq.POLLOUT)]
    thread = threading.Timer(0.02, right.send, (b"x",))
    thread.start()
    assert zmq.zmq_ppoll([(left, zmq.POLLIN)], TIMEOUT_MS) == [(left, zmq.POLLIN)]
    thread.join()


def test_descriptors(handled: list[int]) -> None:
    left, right = stdsocket.socketpair()
    with left, right:
        asked = [(left, zmq.POLLIN)]
        signal_me()
        assert zmq.zmq_ppoll(asked, TIMEOUT_MS) == []
        right.send(b"x")
        assert zmq.zmq_ppoll(asked, TIMEOUT_MS) == [(left.fileno(), zmq.POLLIN)]


def test_with_nothing_to_poll_it_waits_for_signals(handled: list[int]) -> None:
    signal_me()
    assert zmq.zmq_ppoll([]) == []
    assert handled == [signal.SIGUSR1]
    assert zmq.Poller().ppoll(1) == []


def test_a_handler_that_raises_ends_it_so(pair: tuple[Any, Any], handled: list[int]) -> None:
    def handler(number: int, _frame: object) -> None:
        raise ZeroDivisionError

    signal.signal(signal.SIGUSR1, handler)
    signal_me()
    with pytest.raises(ZeroDivisionError):
        zmq.zmq_ppoll([(pair[0], zmq.POLLIN)])


def test_in_another_thread_handlers_do_not_run(pair: tuple[Any, Any], handled: list[int]) -> None:
    """They run in the main thread; the wait ends all the same."""
    results: list[object] = []

    def wait() -> None:
        results.append(zmq.zmq_ppoll([(pair[0], zmq.POLLIN)], TIMEOUT_MS))

    thread = threading.Thread(target=wait)
    thread.start()
    assert thread.ident is not None
    signal.pthread_kill(thread.ident, signal.SIGUSR1)
    thread.join()
    assert results == [[]]


def test_bad_arguments(pair: tuple[Any, Any]) -> None:
    for bad in (0, -1, 1000):
        with pytest.raises(ValueError, match=f"{bad} is no signal"):
            zmq.zmq_ppoll([(pair[0], zmq.POLLIN)], 0, [bad])
    pair[0].close()
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.zmq_ppoll([(pair[0], zmq.POLLIN)], 0)
    assert caught.value.errno == zmq.ENOTSOCK
    with pytest.raises(TypeError):
        zmq.zmq_ppoll([(object(), zmq.POLLIN)], 0)


@pytest.mark.parametrize("module", ["asyncio", "anyio", "green"])
def test_pollers_of_event_loops_have_none(module: str) -> None:
    if module != "asyncio":
        pytest.importorskip("gevent" if module == "green" else "anyio")
    lib = importlib.import_module(f"peromq.{module}")
    with pytest.raises(NotImplementedError, match="the loop's signals"):
        lib.Poller().ppoll(0)
