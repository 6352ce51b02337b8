"""Sockets, loops and contexts end in any order, and leave nothing behind."""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.asyncio.conftest import aio
from tests.helpers import TIMEOUT, differs_from_libzmq, zmq

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@differs_from_libzmq  # pyzmq forgets recv_string
def test_closing_cancels_what_is_pending(run: Any, sock: Any) -> None:
    async def main() -> None:
        pull, push = sock("PULL"), sock("PUSH")
        calls = [pull.recv(), pull.recv_multipart(), pull.recv_string(), push.send(b"x")]
        task = asyncio.ensure_future(_receive(pull))
        await asyncio.sleep(0)
        pull.close()
        push.close()
        await asyncio.wait([*calls, task], timeout=20)
        assert all(call.cancelled() for call in [*calls, task])

    run(main)


async def _receive(sock: Any) -> Any:
    return await sock.recv()


@differs_from_libzmq
@pytest.mark.parametrize("end", ["close the plain handle", "destroy the context"])
def test_closed_by_somebody_else(run: Any, end: str) -> None:
    async def main() -> None:
        context = aio.Context()
        sock = context.socket(zmq.PULL)
        plain = zmq.Socket.shadow(sock)
        call = sock.recv()
        await asyncio.sleep(0)
        if end == "close the plain handle":
            await asyncio.to_thread(plain.close)
        else:
            await asyncio.to_thread(context.destroy, 0)
        with pytest.raises(asyncio.CancelledError):
            await call
        assert sock.closed
        context.term()

    run(main)


@differs_from_libzmq  # pyzmq's futures stay pending
def test_the_context_terminates(run: Any) -> None:
    async def main() -> None:
        context = aio.Context()
        sock, other = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        tasks = [asyncio.create_task(_receive(sock)) for _ in range(3)]
        calls = [sock.recv(), other.send(b"x"), sock.poll()]
        await asyncio.sleep(0)
        ender = threading.Thread(target=context.term)
        ender.start()
        for call in [*tasks, *calls]:
            with pytest.raises(zmq.ContextTerminated):
                await call
        with pytest.raises(zmq.ContextTerminated):
            await sock.recv()
        sock.close()
        other.close()
        await asyncio.to_thread(ender.join, TIMEOUT)
        assert not ender.is_alive()

    run(main)


def test_one_loop_after_the_other(new_loop: NewLoop, pair: Any) -> None:
    push, pull = pair("PUSH", "PULL", "tcp")

    async def main() -> None:
        waiting = pull.recv()
        await push.send(b"x")
        assert await asyncio.wait_for(waiting, 20) == b"x"

    for _ in range(3):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())


@differs_from_libzmq  # pyzmq's receives what the next loop waits for
def test_a_loop_that_is_closed_leaves_nobody_waiting(new_loop: NewLoop, pair: Any) -> None:
    push, pull = pair("PUSH", "PULL")
    left: list[Any] = []

    async def leave() -> None:
        left.append(pull.recv())  # not awaited, not cancelled
        left.append(asyncio.create_task(_receive(pull)))

    async def go_on() -> bytes:
        for number in range(2000):
            await push.send(b"%d" % number)
        received: bytes = await pull.recv()
        return received

    for run_it in (leave, go_on):
        loop = new_loop()
        result = loop.run_until_complete(run_it())
        loop.close()
    assert result == b"0"
    assert left[0].cancelled()
    left[1].get_coro().close()
    left[1]._log_destroy_pending = False


@differs_from_libzmq
def test_two_loops_by_turns(new_loop: NewLoop, pair: Any) -> None:
    """Neither is closed while the other runs."""
    push, pull = pair("PUSH", "PULL", "tcp")
    loops = [new_loop() for _ in range(2)]

    async def main() -> bytes:
        waiting = pull.recv()
        await push.send(b"x")
        return await asyncio.wait_for(waiting, 20)

    for _ in range(5):
        for loop in loops:
            assert loop.run_until_complete(main()) == b"x"
    for loop in loops:
        loop.close()


@differs_from_libzmq
def test_a_loop_in_another_thread_takes_over(new_loop: NewLoop, pair: Any) -> None:
    push, pull = pair("PUSH", "PULL", "tcp")

    async def once() -> bytes:
        waiting = pull.recv()
        await push.send(b"x")
        return await asyncio.wait_for(waiting, 20)

    def other() -> bytes:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(once())

    async def main() -> None:
        assert await once() == b"x"
        assert await asyncio.to_thread(other) == b"x"
        assert await once() == b"x"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def test_loops_in_many_threads(new_loop: NewLoop, ctx: Any, endpoints: Any) -> None:
    """One context; a server and five clients, each with a loop of its own."""
    endpoint = endpoints.fixed("ipc")
    failed: list[BaseException] = []

    async def serve() -> None:
        with ctx.socket(zmq.ROUTER) as router:
            router.linger = 1000
            router.bind(endpoint)
            for _ in range(5 * 100):
                await router.send_multipart(await router.recv_multipart())

    async def ask() -> None:
        with ctx.socket(zmq.DEALER) as dealer:
            dealer.connect(endpoint)
            for number in range(100):
                await dealer.send(b"%d" % number)
                assert await dealer.recv() == b"%d" % number

    def work(main: Any) -> None:
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(asyncio.wait_for(main(), TIMEOUT))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(main,)) for main in (serve, *[ask] * 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * TIMEOUT)
    assert not failed


@differs_from_libzmq
def test_closing_from_another_thread(run: Any, sock: Any) -> None:
    async def main() -> None:
        pull = sock("PULL")
        call = pull.recv()
        await asyncio.to_thread(pull.close)
        with pytest.raises(asyncio.CancelledError):
            await call

    run(main)


@differs_from_libzmq
def test_no_reader_is_left(pair: Any) -> None:
    loop = asyncio.SelectorEventLoop()
    before = len(loop._selector.get_map())  # type: ignore[attr-defined]
    push, pull = pair("PUSH", "PULL")
    handles = [aio.Socket.from_socket(pull)]

    async def main() -> None:
        for each in (pull, *handles):
            call = each.recv()
            await push.send(b"x")
            assert await call == b"x"

    loop.run_until_complete(main())
    assert len(loop._selector.get_map()) == before + 2  # type: ignore[attr-defined]
    handles.clear()
    pull.close()
    assert len(loop._selector.get_map()) == before  # type: ignore[attr-defined]
    loop.close()


@differs_from_libzmq  # pyzmq's loop holds it
def test_a_socket_that_nobody_holds_is_collected(run: Any, ctx: Any) -> None:
    async def main() -> None:
        async def forget() -> None:
            sock = ctx.socket(zmq.PULL)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sock.recv(), 0.01)

        async def warned(seen: pytest.WarningsRecorder) -> None:
            await forget()
            while not seen:  # the loop, or a cycle, may have the socket for a moment
                await asyncio.sleep(0)
                gc.collect()

        with pytest.warns(ResourceWarning, match="Unclosed socket") as seen:
            await warned(seen)

    run(main)


@differs_from_libzmq
def test_a_call_whose_task_is_gone(pair: Any) -> None:
    """The loop is closed in the middle of everything; later the task is collected."""
    _push, pull = pair("PUSH", "PULL")
    coroutine = _receive(pull)
    loop = asyncio.SelectorEventLoop()

    async def begin() -> None:
        coroutine.send(None)

    loop.run_until_complete(begin())
    loop.close()
    coroutine.close()
    assert not pull._receivers


def test_a_forgotten_error_is_complained_of(new_loop: NewLoop, sock: Any) -> None:
    """As asyncio's futures do: a send that nobody awaits must not fail in silence."""
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, c: complaints.append(c))
        sock("PUSH").send("text")
        gc.collect()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    assert [type(complaint["exception"]) for complaint in complaints] == [TypeError]


@differs_from_libzmq
@pytest.mark.parametrize("spare", [0, 1])
def test_out_of_descriptors(run: Any, pair: Any, spare: int) -> None:
    """Who would have to wait hears of it, nothing is lost, and later it works."""

    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with tempfile.TemporaryFile() as lowest:
            limit = lowest.fileno()  # the lowest number that is free
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit + spare, hard))
        try:
            with pytest.raises(zmq.ZMQError) as caught:
                await pull.recv()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE
        call = asyncio.ensure_future(pull.recv())
        await asyncio.sleep(0)
        await push.send(b"x")
        assert await call == b"x"

    run(main)
