"""However a wait ends, every message is received once, in order; and sent once, or not at all."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.helpers import differs_from_libzmq, zmq

End = Callable[[Awaitable[Any], random.Random], Awaitable[Any]]


async def by_timeout(call: Awaitable[Any], chance: random.Random) -> Any:
    async with asyncio.timeout(chance.choice((0, 0, 1e-5, 1e-4, 1e-3))):
        return await call


async def by_wait_for(call: Awaitable[Any], chance: random.Random) -> Any:
    return await asyncio.wait_for(call, chance.choice((1e-5, 1e-4, 1e-3)))


async def by_wait(call: Awaitable[Any], chance: random.Random) -> Any:
    future = asyncio.ensure_future(call)
    try:
        await asyncio.wait({future}, timeout=chance.choice((0, 1e-5, 1e-4, 1e-3)))
    finally:
        future.cancel()
    return await future


async def by_cancelling_the_task(call: Awaitable[Any], chance: random.Random) -> Any:
    """Some turns of the loop later."""
    task = asyncio.current_task()
    assert task is not None
    patience = itertools.count(-chance.randrange(6))

    def count() -> None:
        nonlocal handle
        if next(patience) < 0:
            handle = loop.call_soon(count)
        else:
            task.cancel()

    loop = asyncio.get_running_loop()
    handle = loop.call_soon(count)
    try:
        return await call
    finally:
        handle.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize("end", [by_timeout, by_wait_for, by_wait, by_cancelling_the_task])
@differs_from_libzmq
def test_no_message_is_lost(run: Any, pair: Any, transport: str, end: End) -> None:
    """A few tasks receive and are cancelled at odd moments while messages trickle in."""
    count = 1500

    async def main() -> None:
        chance = random.Random(f"{transport} {end.__name__}")
        push, pull = pair("PUSH", "PULL", transport)
        received: list[bytes] = []
        tally = {"cancelled": 0}

        async def receive(call: Callable[[], Awaitable[Any]]) -> None:
            while len(received) < count:
                try:
                    message = await end(call(), chance)
                except (asyncio.CancelledError, TimeoutError):
                    tally["cancelled"] += 1
                else:
                    received.append(message[0] if isinstance(message, list) else message)

        async def send() -> None:
            for number in range(count):
                await push.send(b"%d" % number)
                for _ in range(chance.choice((0, 1, 2, 8))):
                    await asyncio.sleep(0)

        receivers = [
            asyncio.create_task(receive(call))
            for call in (pull.recv, pull.recv_multipart, pull.recv_string, pull.recv)
        ]
        await send()
        while len(received) < count:
            await asyncio.sleep(0)
        for task in receivers:
            task.cancel()
        await asyncio.wait(receivers)
        numbers = [int(message) for message in received]
        if end in (by_wait, by_wait_for):
            numbers.sort()  # the future is done in time, its task runs when it does
        assert numbers == list(range(count))
        assert tally["cancelled"] > 10, "this tests nothing"
        assert not pull._receivers

    run(main)


@differs_from_libzmq  # the classic loss
def test_cancelled_between_the_wake_up_and_the_task(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")

        async def receive() -> Any:
            return await pull.recv()

        for number in range(20):
            task, other = asyncio.create_task(receive()), asyncio.create_task(receive())
            await asyncio.sleep(0)
            await push.send(b"%d" % number)
            while not pull._receivers[0].woken:
                await asyncio.sleep(0)
            task.cancel()  # would run next
            assert await other == b"%d" % number  # the message and the wake-up are the other's
            assert task.cancelled()

    run(main)


def test_a_cancelled_future_has_received_nothing(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        calls = [pull.recv(), pull.recv_multipart(), pull.recv_json(), pull.poll(1000)]
        for call in calls:
            assert call.cancel()
            assert call.done()
            assert not call.cancel()
        await asyncio.sleep(0)
        await push.send(b"still there")
        assert await pull.recv() == b"still there"
        for call in calls:
            with pytest.raises(asyncio.CancelledError):
                await call

    run(main)


def test_a_finished_future_cannot_be_cancelled(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        call = pull.recv()
        await push.send(b"x")
        while not call.done():
            await asyncio.sleep(0)
        assert not call.cancel()
        assert await call == b"x"

    run(main)


@differs_from_libzmq
def test_a_send_that_was_cancelled_waiting_has_sent_nothing(
    run: Any, sock: Any, endpoints: Any
) -> None:
    """Senders against full queues, cancelled at odd moments: what arrives is what succeeded."""

    async def main() -> None:
        chance = random.Random(1)
        push, pull = sock("PUSH", sndhwm=2), sock("PULL", rcvhwm=2)
        endpoint = endpoints.any("inproc")
        pull.bind(endpoint)
        push.connect(endpoint)
        sent: list[bytes] = []
        numbers = itertools.count()
        cancelled = 0

        async def send() -> None:
            nonlocal cancelled
            while len(sent) < 1000:
                message = b"%d" % next(numbers)
                sending = push.send(message)
                if sending.done():
                    sent.append(message)
                    await sending
                    continue
                try:
                    await by_cancelling_the_task(sending, chance)
                except asyncio.CancelledError:
                    cancelled += 1
                else:
                    sent.append(message)

        senders = [asyncio.create_task(send()) for _ in range(3)]
        received = []
        while not all(task.done() for task in senders):
            if await pull.poll(0):
                received.append(await pull.recv())
            await asyncio.sleep(0)
        while await pull.poll(0):
            received.append(await pull.recv())
        assert sorted(received) == sorted(sent)
        assert cancelled > 10, "this tests nothing"

    run(main)


def test_polls_that_are_cancelled_leave_nothing(run: Any, pair: Any) -> None:
    async def main() -> None:
        _push, pull = pair("PUSH", "PULL")
        for _ in range(100):
            asyncio.ensure_future(pull.poll(1000, zmq.POLLIN)).cancel()
            await asyncio.sleep(0)
        while len(pull._recv_futures):
            await asyncio.sleep(0)

    run(main)
