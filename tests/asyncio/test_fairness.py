"""Who waits first is served first, and a busy socket leaves the loop to others."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import TIMEOUT, differs_from_libzmq, wait_until, zmq

SECONDS = 0.4
TICK = 0.01  # a timer that ought to keep ticking


@pytest.fixture
def flood(sock: Any, endpoints: Any) -> Iterator[Any]:
    """A PULL that always has messages: a thread sees to that."""
    endpoint = endpoints.any("inproc")
    pull = sock("PULL", rcvhwm=100_000)
    pull.bind(endpoint)
    context, over = zmq.Context.shadow(pull.context.underlying), threading.Event()

    def send() -> None:
        with context.socket(zmq.PUSH) as push:
            push.linger, push.sndhwm, push.sndtimeo = 0, 100_000, 100
            push.connect(endpoint)
            while not over.is_set():
                try:
                    for _ in range(1000):
                        push.send(b"x" * 16)
                except zmq.Again:
                    pass

    thread = threading.Thread(target=send)
    thread.start()
    yield pull
    over.set()
    thread.join(TIMEOUT)
    assert not thread.is_alive()


async def turns_beside(work: Any) -> None:
    """Do `work` for SECONDS. The loop must turn while its thread uses no more than TICK.

    On a busy machine the thread gets less than all of the time, so its own is what counts.
    """
    turns: list[float] = []

    async def turn() -> None:
        while True:
            turns.append(time.thread_time())
            await asyncio.sleep(0)

    gc.disable()  # a full collection in a process as large as pytest's takes longer than TICK
    try:
        turner = asyncio.create_task(turn())
        await asyncio.sleep(0)
        await work(time.monotonic() + SECONDS)
        turner.cancel()
        turns.append(time.thread_time())
    finally:
        gc.enable()
    held = [after - before for before, after in itertools.pairwise(turns)]
    assert max(held) < 3 * TICK
    assert sum(held) / len(held) < TICK / 2


@pytest.mark.no_sanitizer
@pytest.mark.slow
@pytest.mark.parametrize("how", ["recv", "recv_multipart", "recv_string", "async for", "slowly"])
@differs_from_libzmq  # pyzmq's ticks not once
def test_a_busy_receiver_lets_the_loop_turn(run: Any, flood: Any, how: str) -> None:
    async def work(end: float) -> None:
        count = 0
        if how == "async for":
            async for _ in flood:
                count += 1
                if count % 64 == 0 and time.monotonic() > end:
                    return
        while time.monotonic() < end:
            if how == "slowly":
                await flood.recv()
                pause = time.perf_counter() + 0.001
                while time.perf_counter() < pause:
                    pass
            else:
                call = getattr(flood, how)
                for _ in range(64):
                    await call()

    async def main() -> None:
        await turns_beside(work)

    run(main)


@pytest.mark.no_sanitizer
@pytest.mark.slow
@differs_from_libzmq
def test_a_busy_sender_lets_the_loop_turn(run: Any, sock: Any) -> None:
    """To a PUB every message can be sent, to nobody."""
    pub = sock("PUB")

    async def work(end: float) -> None:
        while time.monotonic() < end:
            for _ in range(64):
                await pub.send(b"x")
            await pub.send_multipart([b"x", b"y"])

    async def main() -> None:
        await turns_beside(work)

    run(main)


@pytest.mark.no_sanitizer
@pytest.mark.slow
@differs_from_libzmq
@pytest.mark.parametrize("ready", [True, False])
def test_busy_polling_lets_the_loop_turn(run: Any, pair: Any, ready: bool) -> None:
    push, pull = pair("PUSH", "PULL")

    async def work(end: float) -> None:
        if ready:
            await push.send(b"x")
        while time.monotonic() < end:
            for _ in range(64):
                await pull.poll(0)

    async def main() -> None:
        await turns_beside(work)

    run(main)


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_first_come_first_served(run: Any, pair: Any, transport: str) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", transport)
        served: list[tuple[int, bytes]] = []

        async def receive(number: int) -> None:
            message = await pull.recv()
            served.append((number, message))

        tasks = [asyncio.create_task(receive(number)) for number in range(50)]
        await asyncio.sleep(0)
        for number in range(50):
            await push.send(b"%d" % number)
        await asyncio.gather(*tasks)
        assert served == [(number, b"%d" % number) for number in range(50)]

    run(main)


@differs_from_libzmq  # with pyzmq the first to come takes what is ready, whoever waits
def test_shares_are_equal(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        shares = [0] * 10

        async def receive(number: int) -> None:
            while await pull.recv():
                shares[number] += 1

        tasks = [asyncio.create_task(receive(number)) for number in range(10)]
        await asyncio.sleep(0)
        for _ in range(1000):
            await push.send(b"x")
        for _ in range(10):
            await push.send(b"")
        await asyncio.gather(*tasks)
        assert shares == [100] * 10

    run(main)


@differs_from_libzmq
def test_one_wake_up_serves_all(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        looks = 0
        look = pull._look

        async def receive() -> int:
            count = 0
            while await pull.recv():
                count += 1
            return count

        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        assert len(pull._receivers) == 1

        def counted() -> None:
            nonlocal looks
            looks += 1
            look()

        pull.__dict__["_look"] = counted
        await push.send_many([*[b"x"] * 200, b""])
        assert await task == 200
        assert looks <= 3  # more than one only if all this took longer than a turn may

    run(main)


@differs_from_libzmq
def test_nobody_is_woken_for_nothing(run: Any, pair: Any) -> None:
    """A socket on which nobody waits does not make its loop turn."""

    async def main() -> None:
        push, pull = pair("PUSH", "PULL", "tcp")
        await push.send(b"x")
        await pull.recv()
        looks = 0

        def counted() -> None:
            nonlocal looks
            looks += 1

        pull.__dict__["_look"] = counted
        shadow = zmq.Socket.shadow(pull)
        for _ in range(50):
            await push.send(b"x")
            wait_until(lambda: shadow.poll(0))
            await asyncio.sleep(0)
            assert shadow.recv() == b"x"
        assert looks <= 1  # what two events at once left behind for the first recv

    run(main)
