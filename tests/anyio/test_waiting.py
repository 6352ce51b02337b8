"""Cancellation, closing, fairness: whoever waits loses nothing and keeps nobody from running."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import peromq
import peromq.anyio
from peromq.anyio import ClosedSocketError
from tests.anyio.conftest import Made, Run, always_woken, blocked


async def cancelled(function: Callable[[], Any], before: Callable[[], Any] | None = None) -> None:
    """Let a call wait, do something, and cancel it before its task runs again."""
    async with anyio.create_task_group() as group:
        group.start_soon(function)
        await blocked()
        if before is not None:
            before()
        group.cancel_scope.cancel()


def test_a_cancelled_receiver_has_taken_nothing(run: Run, make: Made, transport: str) -> None:
    _, pull = make.pair("PUSH", "PULL", transport)
    plain = make.context.socket(peromq.PUSH, socket_class=peromq.Socket)
    make.made.append(plain)
    plain.connect(pull.last_endpoint.decode())

    async def main() -> None:
        for number in range(20):
            await cancelled(pull.recv, lambda n=number: plain.send(b"%d" % n))
            assert await pull.recv() == b"%d" % number

    run(main)


def test_messages_and_cancellation_race(run: Run, make: Made, transport: str) -> None:
    """Each wait ends by a message or by its time limit, whichever comes first: all arrive."""
    push, pull = make.pair("PUSH", "PULL", transport)
    total = 2000
    got: list[int] = []

    async def send() -> None:
        for number in range(total):
            await push.send(b"%d" % number)
            if number % 7 == 0:
                await anyio.sleep(0.0001)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            for patience in itertools.cycle([0.0, 0.0001, 0.0002, 0.01]):
                if len(got) == total:
                    break
                with anyio.move_on_after(patience):
                    got.append(int(await pull.recv()))

    run(main)
    assert got == list(range(total))


def test_a_cancelled_sender_has_sent_nothing(run: Run, make: Made) -> None:
    push, pull = make.pair("PUSH", "PULL", sndhwm=2, rcvhwm=2)

    async def main() -> None:
        room = await push.send_many([b"first"] * 100, peromq.DONTWAIT)
        await cancelled(lambda: push.send(b"cancelled"))
        await cancelled(lambda: push.send_multipart([b"cancelled", b"too"]))
        for _ in range(room):
            assert await pull.recv() == b"first"
        await push.send(b"last")
        assert await pull.recv() == b"last"

    run(main)


def test_a_cancelled_scope_lets_nothing_through(run: Run, make: Made) -> None:
    """Although the message is there, and the queue has room."""
    a, b = make.pair("PAIR", "PAIR")

    async def main() -> None:
        await a.send(b"1")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await b.recv()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await a.send(b"no")
        assert await b.recv() == b"1"
        with pytest.raises(peromq.Again):
            await b.recv(peromq.DONTWAIT)

    run(main)


def test_the_next_one_takes_over(run: Run, make: Made) -> None:
    """The first waiter, who watches the descriptor, goes; the others still get theirs."""
    a, b = make.pair("PAIR", "PAIR")
    got: list[tuple[str, bytes]] = []

    async def receive(name: str) -> None:
        got.append((name, await b.recv()))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            async with anyio.create_task_group() as first:
                first.start_soon(receive, "first")
                await blocked()
                group.start_soon(receive, "second")
                await blocked()
                group.start_soon(receive, "third")
                await blocked()
                first.cancel_scope.cancel()
            await a.send(b"1")
            await blocked()
            await a.send(b"2")

    run(main)
    assert got == [("second", b"1"), ("third", b"2")]


def test_first_come_first_served(run: Run, make: Made, transport: str) -> None:
    push, pull = make.pair("PUSH", "PULL", transport)
    got: list[tuple[int, bytes]] = []

    async def receive(number: int) -> None:
        got.append((number, await pull.recv()))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(receive, number)
                await blocked()
            for number in range(10):
                await push.send(b"%d" % number)

    run(main)
    assert got == [(number, b"%d" % number) for number in range(10)]


def test_tasks_share_a_socket_evenly(run: Run, make: Made) -> None:
    push, pull = make.pair("PUSH", "PULL")
    counts = [0] * 5

    async def receive(which: int) -> None:
        while await pull.recv() != b"end":
            counts[which] += 1

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for which in range(5):
                group.start_soon(receive, which)
                await blocked()
            for _ in range(1000):
                await push.send(b"x")
                await anyio.lowlevel.checkpoint()
            for _ in range(5):
                await push.send(b"end")

    run(main)
    assert sum(counts) == 1000
    assert min(counts) >= 100


def test_senders_wait_in_turn(run: Run, make: Made) -> None:
    push, pull = make.pair("PUSH", "PULL", sndhwm=1, rcvhwm=1)

    async def main() -> list[bytes]:
        room = await push.send_many([b"x"] * 100, peromq.DONTWAIT)
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(push.send, b"%d" % number)
                await blocked()
            return [await pull.recv() for _ in range(room + 5)][room:]

    assert run(main) == [b"0", b"1", b"2", b"3", b"4"]


def test_both_directions_wait_at_once(run: Run, make: Made) -> None:
    """One watches for the receiver, the sender and the poller of a socket."""
    a, b = make.pair("PAIR", "PAIR", sndhwm=1, rcvhwm=1)
    got: list[Any] = []

    async def note(what: Any) -> None:
        got.append(await what())

    async def main() -> None:
        room = await a.send_many([b"x"] * 100, peromq.DONTWAIT)
        async with anyio.create_task_group() as group:
            group.start_soon(note, a.recv)
            await blocked()
            group.start_soon(note, lambda: a.poll(None, peromq.POLLIN))
            await blocked()
            group.start_soon(note, lambda: a.send(b"y"))
            await blocked()
            assert not got
            for _ in range(room):
                await b.recv()
            assert await b.recv() == b"y"
            await blocked()
            assert got == [None]
            await b.send(b"1")
            await blocked()
            await b.send(b"2")
        assert b"1" in got
        assert peromq.POLLIN in got

    run(main)


def test_a_call_that_gets_again_takes_no_wake_up(run: Run, make: Made) -> None:
    """Again is an answer about one direction, and takes note of both."""
    a, b = make.pair("PAIR", "PAIR", sndhwm=1, rcvhwm=1)
    plain = peromq.Socket.shadow(a)
    peromq.Socket.shadow(b).send_many([b"full"] * 100, peromq.DONTWAIT)

    async def send_in_vain() -> None:
        plain.send(b"x", peromq.DONTWAIT)
        with pytest.raises(peromq.Again):
            await b.send(b"no room", peromq.DONTWAIT)

    always_woken(run, b, send_in_vain)


def test_events_are_for_everyone(run: Run, make: Made) -> None:
    """Whoever reads EVENTS takes no wake-up from those who wait."""
    a, b = make.pair("PAIR", "PAIR")

    async def send_and_look() -> None:
        await a.send(b"x")
        assert b.events & peromq.POLLIN

    always_woken(run, b, send_and_look)


@pytest.mark.parametrize("wait", ["recv", "recv_multipart", "recv_many", "poll"])
def test_closing_wakes_who_waits(run: Run, make: Made, transport: str, wait: str) -> None:
    _, pull = make.pair("PUSH", "PULL", transport)
    failed: list[BaseException] = []

    async def receive() -> None:
        with pytest.raises(ClosedSocketError) as caught:
            await getattr(pull, wait)()
        failed.append(caught.value)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(receive)
            await blocked()
            pull.close()

    run(main)
    assert len(failed) == 3
    for error in failed:
        assert isinstance(error, (peromq.ZMQError, anyio.ClosedResourceError))
        assert error.errno == peromq.ENOTSOCK


def test_closing_a_socket_without_peers(run: Run, make: Made) -> None:
    """Its descriptor is closed at once, and its number may be another's the moment after."""
    pull = make("PULL")

    async def receive() -> None:
        with pytest.raises(ClosedSocketError):
            await pull.recv()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(receive)
            await blocked()
            pull.close()
            other = make("PULL")
            assert other.fileno() >= 0
        other.close()

    run(main)


def test_closing_wakes_senders(run: Run, make: Made) -> None:
    push = make("PUSH")

    async def send() -> None:
        with pytest.raises(ClosedSocketError):
            await push.send(b"nobody is there")

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            group.start_soon(send)
            await blocked()
            push.close()

    run(main)


def test_closed_before(run: Run, make: Made) -> None:
    socket = make("PAIR")
    socket.close()

    async def main() -> None:
        for call in (socket.recv, socket.poll, lambda: socket.send(b"x"), socket.recv_many):
            with pytest.raises(ClosedSocketError):
                await call()

    run(main)


def test_another_thread_ends_the_context(run: Run) -> None:
    context = peromq.anyio.Context()
    socket = context.socket(peromq.PULL)

    async def main() -> None:
        ender = threading.Thread(target=context.term)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(receive)
                await blocked()
                ender.start()
        finally:
            socket.close()
            ender.join()

    async def receive() -> None:
        with pytest.raises(peromq.ContextTerminated):
            await socket.recv()

    run(main)


def test_a_busy_socket_starves_nobody(run: Run, make: Made) -> None:
    """One task receives what is always there; a timer of 10 ms goes on ticking.

    On a busy machine the thread gets less than all of the time, so its own is what counts.
    """
    push, pull = make.pair("PUSH", "PULL", "tcp")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.01)
            ticks += 1

    async def main() -> None:
        batch = [b"x"] * 500
        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            end = time.thread_time() + 0.5
            while time.thread_time() < end:
                await push.send_many(batch)
                for _ in batch:
                    await pull.recv()
            group.cancel_scope.cancel()

    run(main)
    assert ticks >= 10


def test_what_is_ready_takes_at_most_a_checkpoint(run: Run, make: Made) -> None:
    """Another task runs once a turn: count its turns while messages are received."""
    push, pull = make.pair("PUSH", "PULL")
    turns = 0

    async def spin() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async def main() -> None:
        await push.send_many([b"x"] * 500)
        async with anyio.create_task_group() as group:
            group.start_soon(spin)
            await anyio.lowlevel.checkpoint()
            before = turns
            for _ in range(500):
                await pull.recv()
            group.cancel_scope.cancel()
        assert turns - before <= 510

    run(main)
