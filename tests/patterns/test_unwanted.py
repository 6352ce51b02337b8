"""What a pattern drops (late replies, requests without envelope, other topics) delays nobody."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, last_endpoint, zmq

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="a call of libzmq's drops one and gives up")

UNWANTED = 5000
KINDS = ("SUB", "REP", "REQ")


def flooded(sock: Any, kind: str) -> Any:
    """A socket with one message behind thousands that it does not want; all of them are there."""
    made = sock(kind, bind="inproc://flooded", rcvhwm=0)
    if kind == "SUB":
        pub = sock("PUB", connect=last_endpoint(made), sndhwm=0)
        made.setsockopt(zmq.SUBSCRIBE, b"")
        for _ in range(UNWANTED):
            pub.send_multipart([b"other", b"t"])
        made.setsockopt(zmq.SUBSCRIBE, b"t")
        made.setsockopt(zmq.UNSUBSCRIBE, b"")
        pub.send(b"t")
    elif kind == "REP":
        dealer = sock("DEALER", connect=last_endpoint(made), sndhwm=0)
        for _ in range(UNWANTED):
            dealer.send_multipart([b"no", b"envelope"])
        dealer.send_multipart([b"", b"t"])
    else:
        made.setsockopt(zmq.REQ_RELAXED, 1)
        made.setsockopt(zmq.REQ_CORRELATE, 1)
        router = sock("ROUTER", connect=last_endpoint(made), sndhwm=0)
        made.send(b"request")
        peer, request, _, _ = router.recv_multipart()
        for _ in range(UNWANTED):
            router.send_multipart([peer, b"late", b"", b"reply"])
        router.send_multipart([peer, request, b"", b"t"])
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", ["recv", "recv_multipart"])
def test_a_call_that_does_not_wait_finds_what_is_behind(sock: Any, kind: str, call: str) -> None:
    made = flooded(sock, kind)
    wanted: dict[str, Any] = {"recv": b"t", "recv_multipart": [b"t"]}

    assert getattr(made, call)(zmq.DONTWAIT) == wanted[call]


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_waits_finds_what_is_behind(sock: Any, kind: str) -> None:
    assert flooded(sock, kind).recv() == b"t"


@pytest.mark.parametrize("kind", KINDS)
def test_poll_finds_what_is_behind(sock: Any, kind: str) -> None:
    made = flooded(sock, kind)

    assert made.poll(10_000) == zmq.POLLIN
    assert made.getsockopt(zmq.EVENTS) & zmq.POLLIN
    assert made.recv(zmq.DONTWAIT) == b"t"


def test_a_flood_without_end_does_not_hold_a_caller_beyond_its_time(sock: Any) -> None:
    rep = sock("REP", bind="inproc://flooded", rcvtimeo=30)
    dealer = sock("DEALER", connect="inproc://flooded")
    done = threading.Event()
    sent = 0

    def flood() -> None:
        nonlocal sent
        while not done.is_set():
            dealer.send_multipart([b"no", b"envelope"])
            sent += 1

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    try:
        with pytest.raises(zmq.Again):
            rep.recv()
        with pytest.raises(zmq.Again):
            rep.recv(zmq.DONTWAIT)
        assert not rep.poll(30)
        assert sent  # the other thread had its turns
    finally:
        done.set()
        while thread.is_alive():
            rep.poll(1)  # it may wait for room
            thread.join(0.001)
