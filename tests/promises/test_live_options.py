"""Options that act on connections there are already."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    fill,
    last_endpoint,
    readable,
    together,
    try_send,
    wait_until,
    writable,
    zmq,
)


@differs_from_libzmq  # whose queues learn of it only now and then
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_marks_change_while_messages_wait(sock: Any, endpoints: Any, transport: str) -> None:
    """Up: there is room at once. Down: there is none until less is queued than now may be."""
    push = sock("PUSH", sndhwm=10, connect=endpoints.fixed(transport))
    assert fill(push) == 10
    push.sndhwm = 25
    assert writable(push)
    assert fill(push) == 15
    push.sndhwm = 5
    assert not try_send(push, b"x")
    endpoint = last_endpoint(push)
    pull = sock("PULL", rcvhwm=1000, bind=endpoint)
    for _ in range(25):
        assert pull.recv() == b"x"
    wait_until(lambda: writable(push))
    push.send(b"later")
    assert pull.recv() == b"later"


@differs_from_libzmq
def test_a_receive_mark_that_rises_lets_more_in(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", rcvhwm=2, bind=endpoints.any("inproc"))
    push = sock("PUSH", sndhwm=2, connect=last_endpoint(pull))
    before = fill(push)
    pull.rcvhwm = 10
    assert fill(push) == 10 + 2 - before


@differs_from_libzmq
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_no_mark_at_all_from_now_on(sock: Any, endpoints: Any, transport: str) -> None:
    push = sock("PUSH", sndhwm=3, connect=endpoints.fixed(transport))
    assert fill(push) == 3
    push.sndhwm = 0
    for _ in range(2000):
        assert try_send(push, b"x")


@differs_from_libzmq
def test_a_sender_that_waits_goes_on_when_the_mark_rises(sock: Any, endpoints: Any) -> None:
    """Whoever raises it: inproc's queue is of both ends."""
    pull = sock("PULL", rcvhwm=1, bind=endpoints.any("inproc"))
    push = sock("PUSH", sndhwm=1, connect=last_endpoint(pull))
    assert fill(push) == 2
    together(lambda: push.send(b"waits"), lambda: setattr(pull, "rcvhwm", 2))
    assert fill(push) == 0
    together(lambda: push.send(b"waits"), lambda: setattr(push, "sndhwm", 2))
    assert fill(push) == 0


def test_linger_is_that_of_the_moment_of_close(sock: Any, endpoints: Any) -> None:
    push = sock("PUSH", linger=-1, connect=endpoints.fixed("tcp"))
    push.send(b"nobody will come for this")
    push.linger = 0
    push.close()
    # and the fixture ends the context, which would wait for ever


def test_timeouts_are_those_of_the_next_call(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", rcvtimeo=-1, bind=endpoints.any("inproc"))
    pull.rcvtimeo = 1
    assert not readable(pull, 0)
    with pytest.raises(zmq.Again):
        pull.recv()
