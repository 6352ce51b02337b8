"""proxy: what goes in comes out, on the other side and at the capture socket."""

from __future__ import annotations

import itertools
import signal
import threading
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    differs_from_libzmq,
    last_endpoint,
    raises_errno,
    readable,
    signal_soon,
    zmq,
)

BIG = bytes(range(256)) * 400


def test_requests_and_replies(sock: Any, background: Any) -> None:
    frontend = background.socket("ROUTER", bind="tcp://127.0.0.1:*")
    backend = background.socket("DEALER", bind="inproc://back")
    capture = background.socket("PUSH", bind="inproc://capture")
    seen = sock("PULL", connect="inproc://capture")
    rep = sock("REP", connect="inproc://back")
    req = sock("REQ", connect=last_endpoint(frontend))
    background.run(zmq.proxy, frontend, backend, capture)
    for parts in ([b"one"], [b"two", b"", BIG]):
        req.send_multipart(parts)
        assert rep.recv_multipart() == parts
        assert seen.recv_multipart()[-len(parts) :] == parts
        rep.send_multipart([*parts, b"reply"])
        assert req.recv_multipart() == [*parts, b"reply"]
        assert seen.recv_multipart()[-1] == b"reply"


def test_it_ends_with_the_context(background: Any) -> None:
    args = (background.socket("PULL", bind="inproc://a"), background.socket("PUSH"))
    background.run(zmq.device, zmq.STREAMER, *args)
    background.end()
    assert [type(outcome) for outcome in background.outcomes] == [zmq.ContextTerminated]


def test_one_socket_as_both_ends(sock: Any, background: Any) -> None:
    echo = background.socket("REP", bind="inproc://echo")
    background.run(zmq.proxy, echo, echo)
    req = sock("REQ", connect="inproc://echo")
    parts = [b"one"] if AGAINST_LIBZMQ else [b"one", b"two", BIG]
    for _ in range(3):
        req.send_multipart(parts)
        assert req.recv_multipart() == parts


def test_a_capture_socket_that_blocks_holds_everything_up(sock: Any, background: Any) -> None:
    frontend = background.socket("PULL", bind="inproc://front")
    backend = background.socket("PUSH", bind="inproc://back")
    capture = background.socket("PUSH", bind="inproc://capture")
    background.run(zmq.proxy, frontend, backend, capture)
    sink = sock("PULL", connect="inproc://back")
    sock("PUSH", connect="inproc://front").send(b"x")
    assert not readable(sink)
    seen = sock("PULL", connect="inproc://capture")
    assert sink.recv() == b"x"
    assert seen.recv() == b"x"


@differs_from_libzmq
def test_a_capture_socket_must_be_able_to_send(ctx: Any, background: Any) -> None:
    with (
        ctx.socket(zmq.PULL) as front,
        ctx.socket(zmq.PUSH) as back,
        ctx.socket(zmq.SUB) as sub,
        raises_errno(zmq.ENOTSUP),
    ):
        zmq.proxy(front, back, sub)


@differs_from_libzmq
def test_it_ends_when_a_socket_is_closed(background: Any) -> None:
    """libzmq's sockets must not be closed by other threads."""
    frontend, backend = background.socket("PULL"), background.socket("PUSH")
    thread = background.run(zmq.proxy, frontend, backend)
    backend.close()
    thread.join()
    assert background.outcomes[0].errno == zmq.ENOTSOCK


@pytest.mark.parametrize("args", [("in", "out"), (None, None)])
def test_not_sockets(args: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError):
        zmq.proxy(*args)


@differs_from_libzmq
def test_groups_pass(sock: Any, background: Any) -> None:
    """From DISH to RADIO; libzmq does it as well, if built for it."""
    frontend = background.socket("DISH", bind="inproc://front")
    for group in ("a", "b"):
        frontend.join(group)
    backend = background.socket("RADIO", bind="inproc://back")
    dish = sock("DISH", connect="inproc://back")
    for group in ("", "b"):
        dish.join(group)
    radio = sock("RADIO", connect="inproc://front")
    background.run(zmq.proxy, frontend, backend)
    for group in ("a", "b"):
        radio.send(group.encode(), group=group)
    frame = dish.recv(copy=False)
    assert (frame.group, frame.bytes) == ("b", b"b")
    assert not readable(dish)


class Interrupted(Exception):
    pass


@differs_from_libzmq
def test_signals_are_handled_while_it_is_busy(sock: Any, background: Any) -> None:
    """In pyzmq only when it finds nothing to do."""
    frontend = sock("PULL", bind="inproc://front")
    backend = sock("PUSH", bind="inproc://back")
    source = sock("PUSH", connect="inproc://front")
    sink = sock("PULL", connect="inproc://back")
    over = threading.Event()

    def flood() -> None:
        for _ in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
            source.send_many([b"x"] * 500)

    def drain() -> None:
        while sink.recv_many()[-1] != b"end":
            pass

    def interrupt(*args: Any) -> None:
        raise Interrupted

    threads = [threading.Thread(target=flood), threading.Thread(target=drain)]
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for thread in threads:
            thread.start()
        threads.append(signal_soon(signal.SIGALRM, 0.02))
        with pytest.raises(Interrupted):
            zmq.proxy(frontend, backend)
    finally:
        over.set()
        while threads[0].is_alive():
            frontend.recv_many(flags=zmq.DONTWAIT) if readable(frontend, 1) else None
        backend.send(b"end")
        for thread in threads:
            thread.join()
        signal.signal(signal.SIGALRM, before)
