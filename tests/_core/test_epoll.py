"""The control thread's epoll."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peromq._core.handles_epoll import Epoll
from tests.helpers import AGAINST_LIBZMQ, TIMEOUT

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="a room of ours")

READ, WRITE = 0x001, 0x004


@pytest.fixture
def epoll() -> Iterator[Epoll]:
    made = Epoll()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_descriptors_come_and_go(epoll: Epoll, pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    epoll.register(reader, READ)
    epoll.register(writer, 0)
    assert epoll.poll(0) == []
    epoll.modify(writer, WRITE)
    assert epoll.poll(-1) == [writer]
    os.write(writer, b"x")
    assert sorted(epoll.poll(-1)) == sorted(pipe)
    epoll.unregister(writer)
    assert epoll.poll(-1) == [reader]  # level-triggered
    epoll.unregister(reader)
    assert epoll.poll(0) == []


def test_a_wait_ends(epoll: Epoll) -> None:
    assert epoll.poll(1) == []


def test_wake_is_kept_until_it_is_seen(epoll: Epoll) -> None:
    epoll.wake()
    epoll.wake()
    assert epoll.poll(-1) == []
    assert epoll.poll(0) == []


def test_wake_from_another_thread(epoll: Epoll) -> None:
    thread = threading.Thread(target=epoll.wake)
    thread.start()
    assert epoll.poll(int(TIMEOUT * 1000)) == []
    thread.join()


def test_many_are_given_in_turns(epoll: Epoll) -> None:
    with ExitStack() as stack:
        writers = set()
        for _ in range(100):
            ends = os.pipe()
            for end in ends:
                stack.callback(os.close, end)
            epoll.register(ends[1], WRITE)
            writers.add(ends[1])
        first = epoll.poll(-1)
        assert len(first) == 64
        assert set(first) | set(epoll.poll(-1)) == writers


def test_what_the_system_refuses(epoll: Epoll, pipe: tuple[int, int]) -> None:
    with pytest.raises(FileNotFoundError):
        epoll.unregister(pipe[0])
    epoll.register(pipe[0], READ)
    with pytest.raises(FileExistsError):
        epoll.register(pipe[0], READ)


def test_close_is_idempotent(epoll: Epoll, pipe: tuple[int, int]) -> None:
    epoll.close()
    epoll.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        epoll.register(pipe[0], READ)
    with pytest.raises(OSError, match="Bad file descriptor"):
        epoll.poll(0)
