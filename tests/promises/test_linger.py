"""LINGER: what is still queued when a socket closes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.helpers import (
    check_numbered,
    differs_from_libzmq,
    last_endpoint,
    new_context,
    numbered,
    readable,
    zmq,
)

WIRES = ("tcp", "ipc")


def closing_time(context: Any) -> float:
    began = time.monotonic()
    context.term()
    return time.monotonic() - began


@pytest.mark.parametrize("transport", WIRES)
@pytest.mark.parametrize("size", [5, 5000])
def test_without_limit_all_is_delivered_before_term_returns(
    sock: Any, endpoints: Any, transport: str, size: int
) -> None:
    pull = sock("PULL", bind=endpoints.any(transport), rcvhwm=0)
    with new_context() as other:
        push = other.socket(zmq.PUSH)
        push.setsockopt(zmq.SNDHWM, 0)
        push.connect(last_endpoint(pull))
        for number in range(3000):
            push.send(numbered(1, number, size))
        push.close(linger=-1)
        other.term()

    assert [check_numbered(pull.recv(), size)[1] for _ in range(3000)] == list(range(3000))


@pytest.mark.parametrize("transport", WIRES)
def test_without_limit_a_late_peer_still_gets_it(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", connect=endpoint, reconnect_ivl=10)
    push.send(b"parting words")
    push.close(linger=-1)
    pull = sock("PULL", bind=endpoint)

    assert pull.recv() == b"parting words"


def test_zero_drops_at_once(endpoints: Any) -> None:
    with new_context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoints.fixed("tcp"))
        for _ in range(100):
            push.send(b"in vain")
        push.close(linger=0)

        assert closing_time(context) < 2


@pytest.mark.parametrize("limit", [100, 400])
def test_a_limit_is_kept(endpoints: Any, limit: int) -> None:
    with new_context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoints.fixed("tcp"))
        push.send(b"in vain")
        push.close(linger=limit)

        assert limit / 1000 - 0.02 <= closing_time(context) < limit / 1000 + 2


def test_a_limit_is_not_waited_for_when_nothing_is_queued(endpoints: Any) -> None:
    with new_context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoints.fixed("tcp"))
        push.close(linger=30_000)

        assert closing_time(context) < 2


def test_a_limit_ends_with_delivery(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"))
    with new_context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(last_endpoint(pull))
        push.send(b"swift")
        push.close(linger=30_000)
        assert closing_time(context) < 5

    assert pull.recv() == b"swift"


def test_a_subscriber_never_lingers(endpoints: Any) -> None:
    """SUB and XSUB start with LINGER 0: a subscription is worth no wait."""
    with new_context() as context:
        for kind in (zmq.SUB, zmq.XSUB):
            sub = context.socket(kind)
            sub.connect(endpoints.fixed("tcp"))
            sub.close()

        assert closing_time(context) < 2


def test_the_default_is_to_wait(ctx: Any) -> None:
    push = ctx.socket(zmq.PUSH)
    assert push.getsockopt(zmq.LINGER) == -1
    push.close()


def test_blocky_off_makes_zero_the_default() -> None:
    with new_context() as context:
        context.set(zmq.BLOCKY, 0)
        push = context.socket(zmq.PUSH)
        assert push.getsockopt(zmq.LINGER) == 0
        push.close()


def test_close_returns_at_once_whatever_lingers(sock: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("tcp")
    push = sock("PUSH", connect=endpoint, reconnect_ivl=10)
    push.send(b"queued")
    push.close(linger=-1)
    # there is nobody before, so that a close which waited would wait for ever
    assert sock("PULL", bind=endpoint).recv() == b"queued"


def test_unread_messages_do_not_hold_up_the_end(endpoints: Any) -> None:
    with new_context() as context:
        pull = context.socket(zmq.PULL)
        pull.bind(endpoints.any("tcp"))
        push = context.socket(zmq.PUSH)
        push.connect(last_endpoint(pull))
        for _ in range(50):
            push.send(b"unread")
        assert readable(pull, 10_000)
        pull.close()
        push.close(linger=0)
        assert closing_time(context) < 5


def test_disconnect_flushes_first(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", connect=last_endpoint(pull), linger=-1)
    for number in range(1000):
        push.send(numbered(1, number))
    push.disconnect(last_endpoint(pull))

    assert [check_numbered(pull.recv())[1] for _ in range(1000)] == list(range(1000))


def test_inproc_messages_outlive_their_sender(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("inproc"))
    push = sock("PUSH", connect=last_endpoint(pull))
    for number in range(100):
        push.send(numbered(1, number))
    push.close(linger=0)

    assert [check_numbered(pull.recv())[1] for _ in range(100)] == list(range(100))


@differs_from_libzmq
@pytest.mark.parametrize(("linger", "there"), [(0, 0), (1, 0), (60_000, 1), (-1, 1)])
def test_what_waits_for_an_inproc_name_waits_no_longer_than_linger(
    sock: Any, endpoints: Any, linger: int, there: int
) -> None:
    endpoint = endpoints.fixed("inproc")
    push = sock("PUSH", connect=endpoint)
    push.send(b"parting words")
    push.close(linger=linger)
    readable(sock("PULL", bind=endpoints.any("inproc")), 20)  # time passes
    pull = sock("PULL", bind=endpoint)

    assert readable(pull, 0) == bool(there)
