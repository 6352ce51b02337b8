"""The end of a context, while all sorts of things go on: ETERM everywhere, and nothing hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, TIMEOUT, last_endpoint, raises_errno, together, zmq

pytestmark = [
    pytest.mark.no_sanitizer,
    pytest.mark.skipif(AGAINST_LIBZMQ, reason="pyzmq has no Context.shutdown"),
]

CALLS: dict[str, Callable[[Any], object]] = {
    "send": lambda s: s.send(b"x"),
    "send now": lambda s: s.send(b"x", zmq.DONTWAIT),
    "send multipart": lambda s: s.send_multipart([b"x", b"y"]),
    "send uncopied": lambda s: s.send(b"x" * 100_000, copy=False),
    "recv": lambda s: s.recv(),
    "recv now": lambda s: s.recv(zmq.DONTWAIT),
    "recv multipart": lambda s: s.recv_multipart(),
    "poll": lambda s: s.poll(0),
    "poll for ever": lambda s: s.poll(),
    "bind": lambda s: s.bind("tcp://127.0.0.1:*"),
    "bind inproc": lambda s: s.bind("inproc://late"),
    "connect": lambda s: s.connect("tcp://127.0.0.1:9"),
    "unbind": lambda s: s.unbind("inproc://early"),
    "disconnect": lambda s: s.disconnect("inproc://none"),
    "get": lambda s: s.getsockopt(zmq.LINGER),
    "set": lambda s: s.setsockopt(zmq.LINGER, 0),
    "events": lambda s: s.getsockopt(zmq.EVENTS),
    "monitor": lambda s: s.monitor("inproc://monitor", zmq.EVENT_ALL),
    "proxy": lambda s: zmq.proxy(s, s),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_eterm_after_shutdown(sock: Any, ctx: Any, name: str) -> None:
    dealer = sock("DEALER", bind="inproc://early")
    sock("DEALER", connect="inproc://early").send(b"something to receive")
    ctx.shutdown()
    with pytest.raises(zmq.ContextTerminated):
        CALLS[name](dealer)
    dealer.close()
    with raises_errno(zmq.ENOTSOCK, zmq.ENOTSUP):  # poll has the latter, as pyzmq's
        CALLS[name](dealer)


def test_no_sockets_after_shutdown(ctx: Any) -> None:
    ctx.shutdown()
    ctx.shutdown()
    with pytest.raises(zmq.ContextTerminated):
        ctx.socket(zmq.PULL)
    ctx.term()
    with raises_errno(zmq.ENOTSUP):
        ctx.socket(zmq.PULL)


def test_term_while_threads_are_busy() -> None:
    """Each thread does one thing over and over, and closes its socket when it is told."""
    context = zmq.Context()
    hub = context.socket(zmq.ROUTER)
    hub.bind("tcp://127.0.0.1:*")
    hub.bind("inproc://hub")
    endpoint = last_endpoint(hub)
    busy = threading.Barrier(8)

    def serve() -> None:
        busy.wait(TIMEOUT)
        while True:
            hub.send_multipart(hub.recv_multipart())

    def dealer(act: Callable[[Any], object]) -> Callable[[], None]:
        def work() -> None:
            with context.socket(zmq.DEALER) as made:  # a context that has ended makes none
                made.linger = 0
                made.connect(endpoint)
                made.connect("inproc://hub")
                busy.wait(TIMEOUT)
                while True:
                    act(made)

        return work

    def ask(made: Any) -> None:
        made.send_multipart([b"", b"x" * 1000])
        made.recv_multipart()

    def come_and_go(made: Any) -> None:
        with context.socket(zmq.DEALER) as other:
            other.linger = 0
            other.connect(endpoint)
            other.send(b"x", zmq.DONTWAIT)

    def rebind(made: Any) -> None:
        made.bind("inproc://passing")
        made.unbind("inproc://passing")

    works = [
        dealer(ask),
        dealer(come_and_go),
        dealer(lambda made: made.send(b"x" * 50_000)),
        dealer(rebind),
        dealer(lambda made: made.poll(1, zmq.POLLIN)),
        dealer(lambda made: made.setsockopt(zmq.SNDHWM, 100)),
    ]

    def until_the_end(work: Callable[[], None], *close: Any) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except (zmq.ContextTerminated, zmq.Again):
                pass
            finally:
                for made in close:
                    made.close(linger=0)

        return run

    def end() -> None:
        busy.wait(TIMEOUT)
        context.term()

    together(end, until_the_end(serve, hub), *[until_the_end(work) for work in works])
    assert context.closed


def test_destroy_while_others_block() -> None:
    context = zmq.Context()
    sockets = [context.socket(zmq.PULL) for _ in range(5)]
    outcomes: list[int | None] = []

    def receive(made: Any) -> None:
        try:
            made.recv()
        except zmq.ZMQError as failure:
            outcomes.append(failure.errno)

    threads = [threading.Thread(target=receive, args=(made,)) for made in sockets]
    for thread in threads:
        thread.start()
    context.destroy(linger=0)
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert len(outcomes) == 5
    assert set(outcomes) <= {zmq.ETERM, zmq.ENOTSOCK}
