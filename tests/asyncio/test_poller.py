"""poll and Poller, awaited."""

from __future__ import annotations

import asyncio
import os
import socket as stdsocket
from typing import Any

import pytest

from tests.asyncio.conftest import aio
from tests.helpers import differs_from_libzmq, last_endpoint, zmq


def test_poll(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", "tcp")
        assert await pull.poll(0) == 0
        assert await pull.poll(5) == 0
        assert await push.poll(5000, zmq.POLLOUT) == zmq.POLLOUT
        waiting = pull.poll(5000)
        assert not waiting.done()
        await push.send(b"x")
        assert await waiting == zmq.POLLIN
        assert await pull.poll() == zmq.POLLIN
        assert await pull.poll(0, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLIN
        assert await pull.recv() == b"x"

    run(main)


def test_polls_beside_receives(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", "tcp")
        polls = [pull.poll(5000) for _ in range(3)]
        received = pull.recv()
        assert not received.done()
        await push.send(b"x")
        assert await received == b"x"
        await push.send(b"y")
        assert await asyncio.gather(*polls) == [zmq.POLLIN] * 3

    run(main)


def test_poller_with_all_kinds(run: Any, pair: Any, endpoints: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        plain = zmq.Context()
        plain_pull = plain.socket(zmq.PULL)
        plain_pull.bind(endpoints.any("tcp"))
        plain_push = plain.socket(zmq.PUSH)
        plain_push.linger = 0
        plain_push.connect(last_endpoint(plain_pull))
        left, right = stdsocket.socketpair()
        poller = aio.Poller()
        poller.register(pull, zmq.POLLIN)
        poller.register(plain_pull, zmq.POLLIN)
        poller.register(left, zmq.POLLIN)
        for _ in range(3):
            assert await poller.poll(5) == []

            waiting = poller.poll(5000)
            assert not waiting.done()
            await push.send(b"1")
            assert await waiting == [(pull, zmq.POLLIN)]
            assert await poller.poll() == [(pull, zmq.POLLIN)]
            await pull.recv()

            waiting = poller.poll(5000)
            plain_push.send(b"2")
            assert await waiting == [(plain_pull, zmq.POLLIN)]
            plain_pull.recv()

            waiting = poller.poll(5000)
            right.send(b"3")
            assert await waiting == [(left.fileno(), zmq.POLLIN)]
            left.recv(1)
        poller.register(left, zmq.POLLIN | zmq.POLLOUT)
        assert await poller.poll(5000) == [(left.fileno(), zmq.POLLOUT)]
        for each in (plain_push, plain_pull, left, right):
            each.close()
        plain.term()

    run(main)


@differs_from_libzmq  # pyzmq takes the loop's only reader of a descriptor away
def test_others_watch_the_same_descriptor(run: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        reader, writer = os.pipe()
        seen: list[int] = []
        loop.add_reader(reader, seen.append, reader)
        pollers = [aio.Poller() for _ in range(2)]
        waiting = []
        for poller in pollers:
            poller.register(reader, zmq.POLLIN)
            waiting.append(poller.poll())
        os.write(writer, b"x")
        assert await asyncio.gather(*waiting) == [[(reader, zmq.POLLIN)]] * 2
        await asyncio.sleep(0)
        assert seen
        loop.remove_reader(reader)
        os.close(reader)
        os.close(writer)

    run(main)


def test_what_cannot_be_polled(run: Any) -> None:
    async def main() -> None:
        poller = aio.Poller()
        poller.register("text", zmq.POLLIN)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError)):
            await poller.poll(10)

    run(main)


def test_nothing_to_poll(run: Any) -> None:
    async def main() -> None:
        assert await aio.Poller().poll(5) == []
        assert await aio.Poller().poll(0) == []

    run(main)


def test_cancelled_polls(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        poller = aio.Poller()
        poller.register(pull, zmq.POLLIN)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(poller.poll(), 0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pull.poll()
        while pull._recv_futures:
            await asyncio.sleep(0)
        await push.send(b"x")
        assert await poller.poll() == [(pull, zmq.POLLIN)]

    run(main)


def test_closing_cancels_polls(run: Any, pair: Any) -> None:
    async def main() -> None:
        _push, pull = pair("PUSH", "PULL")
        poller = aio.Poller()
        poller.register(pull, zmq.POLLIN)
        waiting = [pull.poll(5000), poller.poll(5000)]
        pull.close()
        for _ in range(5):
            await asyncio.sleep(0)
        assert all(future.cancelled() for future in waiting)

    run(main)
