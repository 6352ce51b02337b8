"""Where replies come soon the loop watches the connections itself; I/O threads stand in for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.asyncio.conftest import aio
from tests.helpers import TIMEOUT, zmq

ROUNDS = 20
NewLoop = Callable[[], asyncio.AbstractEventLoop]


async def play(one: Any, two: Any, rounds: int = ROUNDS) -> None:
    """Messages to and fro, each awaited: now both ends expect the next one soon."""

    async def answer() -> None:
        for _ in range(rounds):
            await two.send(await two.recv())

    task = asyncio.create_task(answer())
    for number in range(rounds):
        await one.send(b"%d" % number)
        assert await one.recv() == b"%d" % number
    await task


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_loop_that_is_held_up_does_not_hold_up_its_peers(
    run: Any, pair: Any, transport: str
) -> None:
    """More than the kernel holds is received while the loop does something else."""
    count, message = 40, bytes(1_000_000)

    async def main() -> None:
        one, two = pair("PAIR", "PAIR", transport)
        await play(one, two)
        plain = zmq.Socket.shadow(one)
        sent = threading.Event()

        def send() -> None:
            plain.sndhwm = 1
            for _ in range(count):
                plain.send(message)
            sent.set()

        pending = two.recv()
        await asyncio.sleep(0)
        thread = threading.Thread(target=send)
        thread.start()
        assert sent.wait(TIMEOUT)  # the loop stands still
        thread.join()
        assert await pending == message
        for _ in range(count - 1):
            assert await two.recv() == message

    run(main)


def test_nobody_waits_when_something_comes(run: Any, pair: Any) -> None:
    """The loop is woken for nothing at most once, and the message is there for who asks later."""

    async def main() -> None:
        one, two = pair("PAIR", "PAIR", "tcp")
        await play(one, two)
        call = two.recv()
        await asyncio.sleep(0)
        call.cancel()
        await one.send(b"later")
        for _ in range(100):
            await asyncio.sleep(0)
        async with asyncio.timeout(TIMEOUT):
            assert await two.recv() == b"later"
        await play(one, two)

    run(main)


def test_poll(run: Any, pair: Any) -> None:
    async def main() -> None:
        one, two = pair("PAIR", "PAIR", "tcp")
        await play(one, two)
        for number in range(ROUNDS):
            waiting = asyncio.ensure_future(two.poll(TIMEOUT * 1000))
            await asyncio.sleep(0)
            await one.send(b"%d" % number)
            assert await waiting == zmq.POLLIN
            assert await two.recv() == b"%d" % number

    run(main)


def test_a_thread_waits_on_the_same_socket(run: Any, pair: Any) -> None:
    """It gets what comes, though the loop was about to."""

    async def main() -> None:
        one, two = pair("PAIR", "PAIR", "tcp")
        plain = zmq.Socket.shadow(two)
        plain.rcvtimeo = int(TIMEOUT * 1000)
        for number in range(ROUNDS):
            await play(one, two, 3)
            received = asyncio.ensure_future(asyncio.to_thread(plain.recv))
            await one.send(b"%d" % number)
            assert await received == b"%d" % number

    run(main)


def test_two_handles_of_one_socket(run: Any, pair: Any) -> None:
    async def main() -> None:
        one, two = pair("PAIR", "PAIR", "tcp")
        other = aio.Socket.from_socket(two)
        for _ in range(5):
            await play(one, two, 3)
            await play(one, other, 3)
        calls = {asyncio.ensure_future(each.recv()) for each in (two, other)}
        await one.send(b"first")
        done, calls = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert [call.result() for call in done] == [b"first"]
        await one.send(b"second")
        assert [await call for call in calls] == [b"second"]
        other._unregister()

    run(main)


def test_the_next_loop(new_loop: NewLoop, pair: Any) -> None:
    one, two = pair("PAIR", "PAIR", "tcp")
    for _ in range(3):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(asyncio.wait_for(play(one, two), TIMEOUT))


def test_closed_while_the_loop_watches(run: Any, pair: Any) -> None:
    async def main() -> None:
        for _ in range(5):
            one, two = pair("PAIR", "PAIR", "tcp")
            await play(one, two)
            call = asyncio.ensure_future(two.recv())
            await asyncio.sleep(0)
            two.close()
            with pytest.raises(asyncio.CancelledError):
                await call
            one.close()

    run(main)


def test_the_peer_goes_and_comes_back(run: Any, sock: Any, endpoints: Any) -> None:
    async def main() -> None:
        server = sock("REP")
        endpoint = endpoints.any("tcp")
        server.bind(endpoint)
        endpoint = server.last_endpoint.decode().rstrip("\0")
        for _ in range(5):
            client = sock("REQ")
            client.connect(endpoint)
            await play(client, server)
            client.close()

    run(main)


def test_streams_and_turns(run: Any, pair: Any) -> None:
    """From round trips to a stream and back: in order, nothing lost."""

    async def main() -> None:
        one, two = pair("PAIR", "PAIR", "tcp")
        for _ in range(3):
            await play(one, two)
            for number in range(5000):
                await one.send(b"%d" % number)
            for number in range(5000):
                assert await two.recv() == b"%d" % number

    run(main)


def test_many_connections(run: Any, sock: Any, endpoints: Any) -> None:
    """More than one look at the connections brings."""

    async def main() -> None:
        server = sock("REP")
        server.bind(endpoints.any("tcp"))
        clients = [sock("REQ") for _ in range(80)]
        for client in clients:
            client.connect(server.last_endpoint.decode().rstrip("\0"))

        async def answer() -> None:
            for _ in range(5 * len(clients)):
                await server.send(await server.recv())

        async def ask(client: Any) -> None:
            for number in range(5):
                await client.send(b"%d" % number)
                assert await client.recv() == b"%d" % number

        await asyncio.gather(answer(), *map(ask, clients))

    run(main)
