"""The THREAD_… options of a context, as the system sees its threads."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

import peromq as zmq
from tests.conftest import eventually, threads

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux's")


@pytest.fixture
def context() -> Iterator[Any]:
    made = zmq.Context()
    yield made
    made.destroy(linger=0)


def started(context: Any) -> dict[int, str]:
    """A context's threads, those of its control plane included: {id: name}."""
    before = threads()
    with context.socket(zmq.PULL) as socket:
        socket.bind("tcp://127.0.0.1:*")
    found = {int(n): name for n, name in threads().items() if n not in before}
    assert len(found) == 2
    return found


def test_names(context: Any) -> None:
    context.set(zmq.THREAD_NAME_PREFIX, 7)
    assert context.get(zmq.THREAD_NAME_PREFIX) == 7
    made = started(context)
    assert eventually(lambda: {"7/peromq/io", "7/peromq/contro"} <= set(threads().values())), made


@pytest.mark.parametrize("prefix", ["feed", b"feed"])
def test_a_name_in_words(context: Any, prefix: str | bytes) -> None:
    context.set(zmq.THREAD_NAME_PREFIX, prefix)
    assert context.get(zmq.THREAD_NAME_PREFIX) == 0
    started(context)
    assert eventually(lambda: {"feed/peromq/io", "feed/peromq/con"} <= set(threads().values()))


@pytest.mark.parametrize("prefix", ["", "p" * 17, "ü" * 9])
def test_bad_names(context: Any, prefix: str) -> None:
    with pytest.raises(zmq.ZMQError, match="THREAD_NAME_PREFIX has 1 to 16 octets") as caught:
        context.set(zmq.THREAD_NAME_PREFIX, prefix)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(TypeError):
        context.set(zmq.THREAD_PRIORITY, "1")


def test_processors(context: Any) -> None:
    allowed = os.sched_getaffinity(0)
    one = max(allowed)
    context.set(zmq.THREAD_AFFINITY_CPU_ADD, one)
    context.set(zmq.THREAD_AFFINITY_CPU_ADD, 4000)
    context.set(zmq.THREAD_AFFINITY_CPU_REMOVE, 4000)
    made = started(context)
    assert eventually(lambda: all(os.sched_getaffinity(n) == {one} for n in made))
    assert os.sched_getaffinity(0) == allowed


def test_a_scheduling_policy(context: Any) -> None:
    context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)
    own = os.sched_getscheduler(0)
    made = started(context)
    assert eventually(lambda: all(os.sched_getscheduler(n) == os.SCHED_BATCH for n in made))
    assert os.sched_getscheduler(0) == own


@pytest.mark.parametrize("policy", [os.SCHED_RR, os.SCHED_OTHER], ids=["RR", "OTHER"])
def test_a_priority(context: Any, policy: int) -> None:
    """A real-time policy has one; for others it is niceness. Either takes a privilege."""
    context.set(zmq.THREAD_SCHED_POLICY, policy)
    context.set(zmq.THREAD_PRIORITY, 2)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    refusal = None
    try:
        context.socket(zmq.PULL).close()
    except zmq.ZMQError as failure:
        refusal = failure.errno
    if refusal is not None:
        assert refusal in (errno.EPERM, errno.EACCES)
        return
    io = next(int(n) for n, name in threads().items() if name == "peromq/io")
    assert os.sched_getscheduler(io) == policy
    if policy == os.SCHED_RR:
        assert os.sched_getparam(io).sched_priority == 2
    else:
        assert os.getpriority(os.PRIO_PROCESS, io) == -20
    assert os.getpriority(os.PRIO_PROCESS, 0) == nice


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        (zmq.THREAD_SCHED_POLICY, 99, r"\(THREAD_SCHED_POLICY=99\)"),
        (zmq.THREAD_AFFINITY_CPU_ADD, 1000, r"\(THREAD_AFFINITY_CPU_ADD=\[1000\]\)"),
    ],
)
def test_what_the_system_refuses_is_said_at_the_first_socket(
    context: Any, option: int, value: int, text: str
) -> None:
    """libzmq aborts the process."""
    context.set(option, value)
    with pytest.raises(zmq.ZMQError, match=re.compile(text)) as caught:
        context.socket(zmq.PULL)
    assert caught.value.errno == zmq.EINVAL
    if option == zmq.THREAD_AFFINITY_CPU_ADD:  # it can be mended
        context.set(zmq.THREAD_AFFINITY_CPU_REMOVE, value)
        context.socket(zmq.PULL).close()


def test_later_changes_have_no_effect(context: Any) -> None:
    context.socket(zmq.PAIR).close()
    context.set(zmq.THREAD_SCHED_POLICY, 99)
    made = started_later(context)
    assert all(os.sched_getscheduler(n) == os.sched_getscheduler(0) for n in made)


def started_later(context: Any) -> list[int]:
    before = threads()
    with context.socket(zmq.PULL) as socket:
        socket.bind("tcp://127.0.0.1:*")
    return [int(n) for n in threads() if n not in before]
