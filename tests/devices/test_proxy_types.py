"""Proxies between sockets of every type, at full queues, and ended in the middle of it all."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    drain,
    fill,
    last_endpoint,
    needs_draft,
    readable,
    try_send,
    wait_until,
    zmq,
)

LINES = [
    ("PUSH", "PULL", "PUSH", "PULL"),
    ("PAIR", "PAIR", "PAIR", "PAIR"),
    ("DEALER", "DEALER", "DEALER", "DEALER"),
    ("PUB", "XSUB", "XPUB", "SUB"),
    pytest.param("SCATTER", "GATHER", "SCATTER", "GATHER", marks=needs_draft),
    pytest.param("CHANNEL", "CHANNEL", "CHANNEL", "CHANNEL", marks=needs_draft),
    pytest.param("RADIO", "DISH", "RADIO", "DISH", marks=needs_draft),
]
"""(source, frontend, backend, sink). SERVERs know whom to answer by numbers that no proxy keeps."""


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize(("source", "front", "back", "sink"), LINES)
def test_messages_pass(
    sock: Any, background: Any, endpoints: Any, transport: str, source: str, front: str, back: str,
    sink: str,
) -> None:  # fmt: skip
    frontend = background.socket(front, bind=endpoints.any(transport))
    backend = background.socket(back, bind=endpoints.any(transport))
    if front == "DISH":
        frontend.join("group")
    output = sock(sink, connect=last_endpoint(backend))
    if sink == "SUB":
        output.subscribe(b"")
    if sink == "DISH":
        output.join("group")
    input_ = sock(source, connect=last_endpoint(frontend))
    background.run(zmq.proxy, frontend, backend)
    group = {"group": "group"} if source == "RADIO" else {}
    for size in (0, 1, 70_000):
        message = b"x" * size

        def arrives(message: bytes = message) -> bool:
            """A publisher may have to wait for the subscription."""
            input_.send(message, **group)
            readable(output, 50 if source in ("PUB", "RADIO") else 10_000)
            return [message] in drain(output)  # one of those sent before may come late

        wait_until(arrives)


@pytest.mark.parametrize("kind", ["PAIR", "DEALER", pytest.param("CHANNEL", marks=needs_draft)])
def test_both_ways(sock: Any, background: Any, kind: str) -> None:
    frontend = background.socket(kind, bind="inproc://front")
    backend = background.socket(kind, bind="inproc://back")
    left, right = sock(kind, connect="inproc://front"), sock(kind, connect="inproc://back")
    background.run(zmq.proxy, frontend, backend)
    for one, other in ((left, right), (right, left)):
        one.send(b"x")
        assert other.recv() == b"x"


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq 4.3.5's proxy stops for good at such queues")
def test_a_full_backend_holds_up_and_loses_nothing(sock: Any, background: Any) -> None:
    """The queues between fill up, then the source blocks; everything arrives, and in order."""
    frontend = background.socket("PULL", bind="inproc://front", rcvhwm=5)
    backend = background.socket("PUSH", bind="inproc://back", sndhwm=5)
    sink = sock("PULL", connect="inproc://back", rcvhwm=5)
    source = sock("PUSH", connect="inproc://front", sndhwm=5)
    background.run(zmq.proxy, frontend, backend)
    sent = fill(source, wait_ms=50, at_least=10)
    assert 10 <= sent <= 40
    numbers = [b"%d" % number for number in range(1000)]
    received = []
    for number in numbers:
        while not try_send(source, number):
            received.append(sink.recv())
    while len(received) < sent + len(numbers):
        received.append(sink.recv())
    assert received == [b"x"] * sent + numbers


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq 4.3.5 has no proxy_steerable")
def test_terminate_under_load(sock: Any, background: Any) -> None:
    frontend = background.socket("PULL", bind="tcp://127.0.0.1:*")
    backend = background.socket("PUSH", bind="tcp://127.0.0.1:*")
    steered = background.socket("PAIR", bind="inproc://control")
    control = sock("PAIR", connect="inproc://control")
    sink = sock("PULL", connect=last_endpoint(backend))
    source = sock("PUSH", connect=last_endpoint(frontend))
    thread = background.run(zmq.proxy_steerable, frontend, backend, None, steered)
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            try_send(source, b"x" * 100)

    flooder = threading.Thread(target=flood)
    flooder.start()
    for _ in range(1000):
        sink.recv()
    control.send(b"TERMINATE")
    thread.join(10)
    stop.set()
    flooder.join()
    assert not thread.is_alive()
    assert background.outcomes == [0]
