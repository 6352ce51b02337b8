"""Ctrl-C ends every blocking call at once; other signals' handlers run and the call goes on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import (
    asleep,
    differs_from_libzmq,
    last_endpoint,
    signal_main,
    signal_soon,
    wait_until,
    zmq,
)

pytestmark = pytest.mark.no_sanitizer


@pytest.mark.parametrize(
    "call",
    [
        "recv",
        "recv_multipart",
        "poll",
        "poller",
        "select",
        "proxy",
        pytest.param("iterate", marks=differs_from_libzmq),
        "term",
    ],
)
@pytest.mark.parametrize("connected", [False, True], ids=["alone", "connected"])
def test_ctrl_c_ends_a_blocking_wait(sock: Any, spawn: Any, call: str, connected: bool) -> None:
    peer = spawn()
    endpoint = peer.socket("PULL", bind="tcp://127.0.0.1:*")
    if connected:
        sock("PUSH", connect=endpoint).send(b"x")
        assert peer.call("recv") == [b"x"]

    interrupt(peer, call)


@pytest.mark.parametrize("kind", ["PUSH", "DEALER", "REQ", "PAIR"])
def test_ctrl_c_ends_a_blocked_send(spawn: Any, kind: str) -> None:
    """Without a peer (all), so that even the first send blocks."""
    peer = spawn()
    peer.socket(kind, bind="tcp://127.0.0.1:*")

    interrupt(peer, "send")


def test_ctrl_c_ends_a_send_blocked_by_the_high_water_mark(spawn: Any, sock: Any) -> None:
    """Small buffers: the kernel would take millions of the messages first."""
    pull = sock("PULL", bind="tcp://127.0.0.1:*", rcvhwm=1, rcvbuf=4096)
    peer = spawn()
    peer.socket("PUSH", connect=last_endpoint(pull), sndhwm=1, sndbuf=4096)

    interrupt(peer, "send")


def test_the_socket_works_on_after_ctrl_c(spawn: Any, sock: Any) -> None:
    peer = spawn()
    push = sock("PUSH", connect=peer.socket("PULL", bind="tcp://127.0.0.1:*"))
    interrupt(peer, "recv")
    push.send(b"later")

    assert peer.call("recv") == [b"later"]


def interrupt(peer: Any, call: str) -> None:
    """Have the peer block in a call, and SIGINT end it: without that, it lasts for ever."""
    peer.start("block", call)
    assert peer.result() == "blocking"
    # the announcement comes right before the call: let it get inside
    wait_until(lambda: asleep(peer.process.pid), what="the call sleeps")
    os.kill(peer.process.pid, signal.SIGINT)
    assert peer.result() == "KeyboardInterrupt"
    peer.result()  # block() itself returns None


@pytest.mark.parametrize("call", ["recv", "poll"])
def test_a_handler_that_returns_lets_the_call_go_on(sock: Any, endpoints: Any, call: str) -> None:
    """PEP 475: the handler runs while we wait, and the wait is resumed."""
    handled: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: handled.append(number))
    try:
        pull = sock("PULL", bind=endpoints.any("tcp"))
        push = sock("PUSH", connect=last_endpoint(pull))

        def disturb() -> None:
            deadline = time.monotonic() + 5
            while not handled and time.monotonic() < deadline:
                signal_main(signal.SIGUSR1)
                time.sleep(0.01)
            push.send(b"after the signal")

        thread = threading.Thread(target=disturb)
        thread.start()
        if call == "poll":
            assert pull.poll(10_000)
        assert pull.recv() == b"after the signal"
        thread.join()
        assert handled
    finally:
        signal.signal(signal.SIGUSR1, before)


class Enough(Exception):
    """What the alarm's handler raises."""


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """Sets it off, soon."""

    def handler(number: int, _: Any) -> None:
        raise Enough

    timers: list[threading.Timer] = []
    before = signal.signal(signal.SIGALRM, handler)
    yield lambda: timers.append(signal_soon(signal.SIGALRM, 0.05))
    for timer in timers:
        timer.join()
    signal.signal(signal.SIGALRM, before)


def test_a_handler_that_raises_ends_the_call(sock: Any, endpoints: Any, alarm: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"), rcvtimeo=-1)

    def wait() -> None:
        alarm()
        pull.recv()

    with pytest.raises(Enough):
        wait()
    push = sock("PUSH", connect=last_endpoint(pull))
    push.send(b"goes on")
    assert pull.recv() == b"goes on"


@pytest.mark.parametrize("call", ["recv", "poll"])
@differs_from_libzmq  # which does not spin
def test_a_signal_that_comes_while_the_call_spins(
    sock: Any, endpoints: Any, alarm: Any, call: str
) -> None:
    """Python's C handler has run by then, and nothing would interrupt the sleep that follows."""
    pull = sock("PULL", bind=endpoints.any("tcp"), rcvtimeo=20_000, spin_us=300_000)
    push = sock("PUSH", connect=last_endpoint(pull))
    push.send(b"so that there is a connection to read")
    wait_until(lambda: pull.get(zmq.EVENTS) & zmq.POLLIN)
    assert pull.recv(zmq.DONTWAIT)

    def wait() -> None:
        alarm()
        pull.recv() if call == "recv" else pull.poll(20_000)

    began = time.monotonic()
    with pytest.raises(Enough):
        wait()
    assert time.monotonic() - began < 10


def test_other_threads_of_python_run_while_one_waits(sock: Any, endpoints: Any) -> None:
    """A blocking call gives the GIL away: what it waits for is sent by Python code."""
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", connect=last_endpoint(pull))
    pause = threading.Event()

    def work() -> None:
        for _ in range(20):
            pause.wait(0.001)
        push.send(b"done")

    thread = threading.Thread(target=work)
    thread.start()
    assert pull.recv() == b"done"
    thread.join()
