"""Calls that wait several times, written once for sockets that block and for awaited ones.

Such a call is a generator. It yields functions of no arguments, each of which does one thing that
may have to wait (a poll, a send, a receive), and gets back what that returned, or raised.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeVar

_T = TypeVar("_T")

FOR_EVER = 1e6
"""Seconds that nobody waits; more need not fit where a poll keeps its milliseconds."""

Steps = Generator[Callable[[], Any], Any, _T]


def run(steps: Steps[_T]) -> _T:
    """Take them all, where waiting blocks the caller (a thread, or a greenlet)."""
    go_on: Callable[[], Any] = partial(next, steps)
    try:
        while True:
            step = go_on()
            try:
                go_on = partial(steps.send, step())
            except Exception as failure:
                go_on = partial(steps.throw, failure)
    except StopIteration as end:
        result: _T = end.value
        return result
    finally:
        steps.close()


async def run_awaited(steps: Steps[_T]) -> _T:
    """Take them all, where waiting is awaited."""
    go_on: Callable[[], Any] = partial(next, steps)
    try:
        while True:
            step = go_on()
            try:
                go_on = partial(steps.send, await step())
            except Exception as failure:
                go_on = partial(steps.throw, failure)
    except StopIteration as end:
        result: _T = end.value
        return result
    finally:
        steps.close()


def milliseconds(seconds: float | None) -> int | None:
    """For a poll: whole ones, and no shorter than asked for. None is for ever, as is infinity."""
    return None if seconds is None or seconds > FOR_EVER else -int(-seconds * 1000 // 1)


__all__ = ["Steps", "milliseconds", "run", "run_awaited"]
