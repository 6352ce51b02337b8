"""`poll` and `Poller`, awaited."""

import os
from typing import Any

import anyio
import pytest

import peromq
import peromq.anyio
from peromq.anyio import Poller
from tests.anyio.conftest import Made, Run, always_woken, blocked

POLLIN, POLLOUT = peromq.POLLIN, peromq.POLLOUT


def test_poll_of_a_socket(run: Run, make: Made) -> None:
    push, pull = make.pair("PUSH", "PULL")

    async def main() -> None:
        assert await pull.poll(0) == 0
        assert await pull.poll(5) == 0
        assert await push.poll(0, POLLOUT) == POLLOUT
        await push.send(b"x")
        assert await pull.poll() == POLLIN
        assert await pull.poll(1000) == POLLIN
        assert await pull.recv() == b"x"

    run(main)


def test_poller(run: Run, make: Made, transport: str) -> None:
    push, pull = make.pair("PUSH", "PULL", transport)
    poller = Poller()
    poller.register(pull, POLLIN)

    async def main() -> None:
        assert await poller.poll(0) == []
        assert await poller.poll(5) == []
        async with anyio.create_task_group() as group:
            group.start_soon(push.send, b"x")
            assert await poller.poll(10_000) == [(pull, POLLIN)]
        poller.register(push, POLLOUT)
        assert await poller.poll() == [(pull, POLLIN), (push, POLLOUT)]
        assert await pull.recv() == b"x"
        poller.unregister(push)
        assert await poller.apoll(timeout=0) == []

    run(main)


def test_nothing_to_wait_for(run: Run) -> None:
    async def main() -> None:
        assert await Poller().poll() == []

    run(main)


def test_descriptors_and_plain_sockets(run: Run, make: Made) -> None:
    plain = make.context.socket(peromq.PULL, socket_class=peromq.Socket)
    make.made.append(plain)
    plain.bind("inproc://plain")
    push = make("PUSH")
    push.connect("inproc://plain")
    ours, theirs = os.pipe()
    poller = Poller()
    poller.register(plain, POLLIN)
    poller.register(ours, POLLIN)

    async def later(action: Any) -> None:
        await blocked()
        action()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(later, lambda: os.write(theirs, b"x"))
            assert await poller.poll() == [(ours, POLLIN)]
        os.read(ours, 1)
        async with anyio.create_task_group() as group:
            group.start_soon(push.send, b"x")
            assert await poller.poll() == [(plain, POLLIN)]
        poller.register(theirs, POLLIN | POLLOUT)
        assert (theirs, POLLOUT) in await poller.poll()

    try:
        run(main)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_poller_takes_no_wake_up_from_who_waits(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")
    poller = Poller()
    poller.register(b, POLLOUT)

    async def send_and_poll() -> None:
        await a.send(b"x")
        assert await poller.poll(0) == [(b, POLLOUT)]

    always_woken(run, b, send_and_poll)


def test_two_pollers_on_one_socket(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")
    found: list[Any] = []

    async def wait() -> None:
        poller = Poller()
        poller.register(b, POLLIN)
        found.append(await poller.poll())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(wait)
            await blocked()
            await a.send(b"x")

    run(main)
    assert found == [[(b, POLLIN)]] * 2


def test_closing_what_is_polled(run: Run, make: Made) -> None:
    """One error, not a group."""
    pull = make("PULL")
    poller = Poller()
    poller.register(pull, POLLIN)

    async def wait() -> None:
        with pytest.raises(peromq.anyio.ClosedSocketError):
            await poller.poll()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await blocked()
            pull.close()
        with pytest.raises(peromq.anyio.ClosedSocketError):
            await poller.poll(0)

    run(main)
