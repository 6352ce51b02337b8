"""Contexts and sockets for the time of a call."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.helpers import LIB, zmq
from tests.sharedfixtures import ctx

__all__ = ["ctx"]

decorators: Any = importlib.import_module(f"{LIB}.decorators")
context, socket = decorators.context, decorators.socket


def test_they_come_behind_the_arguments_and_are_closed() -> None:
    seen: list[Any] = []

    @context()
    @socket(zmq.PULL)
    @socket(zmq.PUSH)
    def work(first: int, ctx: Any, pull: Any, push: Any, *, last: int) -> int:
        """Works."""
        assert (pull.type, push.type) == (zmq.PULL, zmq.PUSH)
        assert pull.context is push.context is ctx
        seen.extend([ctx, pull, push])
        return first + last

    assert work(1, last=2) == 3
    assert (work.__name__, work.__doc__) == ("work", "Works.")
    assert [thing.closed for thing in seen] == [True, True, True]
    work(1, last=2)  # each call has its own
    assert len({id(thing) for thing in seen}) == 6


def test_by_name() -> None:
    @context("ctx", 2)
    @socket("a", zmq.PUSH, context_name="ctx")
    @socket(zmq.PULL, name="b", context_name="ctx")
    def work(ctx: Any, a: Any, b: Any) -> None:
        assert ctx.get(zmq.IO_THREADS) == 2
        assert a.context is b.context is ctx
        assert (a.type, b.type) == (zmq.PUSH, zmq.PULL)

    work()
    with pytest.raises(TypeError, match="multiple values"):
        work(a=1)


def test_the_context_of_the_call(ctx: Any) -> None:
    @socket(zmq.PUSH)
    def work(*args: Any, **kwargs: Any) -> Any:
        return args[-1].context

    assert work(1, ctx, None) is ctx
    assert work(context=ctx) is ctx
    with zmq.Context.instance() as shared:
        assert work("no context", context="none either") is shared


def test_methods_and_errors() -> None:
    class Worker:
        made: Any = None

        @context(name="ctx")
        def fail(self, ctx: Any) -> None:
            self.made = ctx
            raise KeyError

    worker = Worker()
    with pytest.raises(KeyError):
        worker.fail()
    assert worker.made.closed


def test_a_socket_of_a_bad_type(ctx: Any) -> None:
    @socket(1000)
    def work(*args: Any) -> None:
        pytest.fail("never called")

    with pytest.raises(zmq.ZMQError):
        work(ctx)
