"""What awaited calls return, and what that is good for."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.asyncio.conftest import aio
from tests.helpers import differs_from_libzmq, last_endpoint, raises_errno, zmq

EFSM = zmq.EFSM if hasattr(zmq, "EFSM") else 156384763


@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
def test_messages_pass(run: Any, pair: Any, transport: str) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", transport)
        waiting = pull.recv()
        assert not waiting.done()
        await push.send(b"one")
        assert await waiting == b"one"
        await push.send_multipart([b"a", b"b"])
        assert await pull.recv_multipart() == [b"a", b"b"]
        await push.send(b"x" * 200_000)
        assert await pull.recv() == b"x" * 200_000
        await push.send(zmq.Frame(b"frame"), copy=False)
        frame = await pull.recv(copy=False)
        assert (type(frame), frame.bytes) == (zmq.Frame, b"frame")

    run(main)


def test_payloads(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        for early in (True, False):
            ways = [
                (pull.recv_string, push.send_string, "grüße"),
                (pull.recv_unicode, push.send_unicode, "grüße"),
                (pull.recv_json, push.send_json, {"a": [1, None]}),
                (pull.recv_pyobj, push.send_pyobj, (1, {2})),
            ]
            for receive, send, value in ways:
                if early:
                    waiting = receive()
                    await send(value)
                else:
                    await send(value)
                    waiting = receive()
                assert await waiting == value
                assert waiting.done()
                assert waiting.result() == value
            await push.send_serialized([1, 2], lambda numbers: [b"%d" % n for n in numbers])
            assert await pull.recv_serialized(lambda parts: [int(part) for part in parts]) == [1, 2]
            buffer = bytearray(4)
            await push.send(b"abcdef")
            assert await pull.recv_into(buffer) == 6
            assert buffer == b"abcd"

    run(main)


def test_what_cannot_be_decoded(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        waiting = pull.recv_json()
        await push.send(b"{")
        with pytest.raises(ValueError, match="Expecting"):
            await waiting
        await push.send(b"{")
        with pytest.raises(ValueError, match="Expecting"):
            await pull.recv_json()

    run(main)


@differs_from_libzmq  # with pyzmq a message may still be on its way through the I/O thread
def test_what_is_ready_does_not_suspend(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")

        async def both() -> bytes:
            await push.send(b"now")
            received: bytes = await pull.recv()
            return received

        with pytest.raises(StopIteration) as end:
            both().send(None)
        assert end.value.value == b"now"

    run(main)


def test_results_are_futures(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", "tcp")
        waiting = pull.recv()
        sent = push.send(b"1")
        for future in (waiting, sent):
            assert asyncio.isfuture(future)
            assert isinstance(future, asyncio.Future)
            assert asyncio.ensure_future(future) is future
            assert future.get_loop() is asyncio.get_running_loop()
        await sent
        assert await asyncio.wait_for(waiting, 20) == b"1"
        assert (sent.done(), sent.cancelled(), sent.cancel()) == (True, False, False)
        assert (sent.result(), sent.exception()) == (None, None)
        with pytest.raises(asyncio.InvalidStateError):
            sent.set_result(1)

        called: list[Any] = []
        received = pull.recv()
        received.add_done_callback(called.append)
        received.add_done_callback(pytest.fail)
        assert received.remove_done_callback(pytest.fail) == 1
        await push.send(b"2")
        assert await received == b"2"
        await asyncio.sleep(0)
        received.add_done_callback(called.append)  # of what is there already
        sent.add_done_callback(called.append)
        assert sent.remove_done_callback(pytest.fail) == 0
        await asyncio.sleep(0)
        assert called == [received, received, sent]

        one, two = pull.recv(), pull.recv()
        await push.send(b"4")
        await push.send(b"5")
        assert await asyncio.gather(one, two, push.send(b"6")) == [b"4", b"5", None]
        done, pending = await asyncio.wait(
            {pull.recv(), pull.recv()}, return_when="FIRST_COMPLETED"
        )
        assert [future.result() for future in done] == [b"6"]
        assert pending.pop().cancel()
        one = pull.recv()
        shield = asyncio.shield(one)
        shield.cancel()
        await push.send(b"7")
        assert await one == b"7"

    run(main)


def test_two_tasks_may_await_one_call(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")

        async def wait_for(future: asyncio.Future[bytes]) -> bytes:
            return await future

        call = pull.recv()
        tasks = [asyncio.create_task(wait_for(call)) for _ in range(3)]
        await asyncio.sleep(0)
        await push.send(b"for all")
        assert await asyncio.gather(*tasks) == [b"for all"] * 3
        assert await call == b"for all"
        call = pull.recv()
        tasks = [asyncio.create_task(wait_for(call)) for _ in range(3)]
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)

    run(main)


def test_calls_nobody_awaits(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        for number in range(1000):
            push.send(b"%d" % number)
        received = [await pull.recv() for _ in range(1000)]
        assert received == [b"%d" % number for number in range(1000)]
        first, second, third = pull.recv(), pull.recv(), pull.recv()
        for number in range(3):
            push.send(b"%d" % number)
        assert await third == b"2"
        assert (first.done(), first.result()) == (True, b"0")
        assert second.result() == b"1"

    run(main)


def test_sends_wait_for_room_in_order(run: Any, sock: Any, endpoints: Any) -> None:
    async def main() -> None:
        push = sock("PUSH", sndhwm=1)
        futures = [push.send(b"%d" % number) for number in range(50)]
        assert not any(future.done() for future in futures)
        pull = sock("PULL", rcvhwm=1)
        pull.bind(endpoints.any("tcp"))
        push.connect(last_endpoint(pull))
        received = [await pull.recv() for _ in range(50)]
        assert received == [b"%d" % number for number in range(50)]
        assert await asyncio.gather(*futures) == [None] * 50

    run(main)


def test_dontwait(run: Any, pair: Any, sock: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", "tcp")
        for call in (pull.recv, pull.recv_multipart, pull.recv_string, pull.recv_json):
            future = call(flags=zmq.DONTWAIT)
            with pytest.raises(zmq.Again):
                await future
        lonely = sock("PUSH")
        with pytest.raises(zmq.Again):
            await lonely.send(b"", zmq.NOBLOCK)
        await push.send(b"x")
        await pull.poll(5000)
        assert await pull.recv(zmq.NOBLOCK) == b"x"

    run(main)


def test_timeouts(run: Any, pair: Any, sock: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        pull.rcvtimeo = 20
        first = pull.recv()
        pull.rcvtimeo = -1
        second = pull.recv_multipart()
        with pytest.raises(zmq.Again):
            await first
        await push.send(b"for the second")
        assert await second == [b"for the second"]
        lonely = sock("PUSH", sndtimeo=20)
        with pytest.raises(zmq.Again):
            await lonely.send(b"x")
        pull.rcvtimeo = 5000
        received = pull.recv()
        await push.send(b"in time")
        assert await received == b"in time"

    run(main)


def test_errors_are_the_futures(run: Any, pair: Any) -> None:
    async def main() -> None:
        req, _rep = pair("REQ", "REP")
        with raises_errno(EFSM):
            await req.send(b"x", zmq.SNDMORE)
            await req.send(b"x")
            await req.send(b"x")
        with pytest.raises(TypeError):
            await req.send("text")
        with pytest.raises(TypeError):
            await req.send_multipart([1])
        req.close()
        with pytest.raises(zmq.ZMQError):
            await req.send(b"x")
        with pytest.raises(zmq.ZMQError):
            await req.recv()
        with pytest.raises(zmq.ZMQError):
            await req.poll(0)

    run(main)


@differs_from_libzmq
def test_a_closed_socket_says_so_at_any_time(run: Any, sock: Any) -> None:
    """Also when the loop is overdue for a turn."""

    async def main() -> None:
        for kind in ("PULL", "PUSH"):
            closed = sock(kind)
            closed.close()
            end = time.monotonic() + 0.02
            while time.monotonic() < end:
                for call in (closed.recv(), closed.recv_multipart(), closed.send(b"x")):
                    with raises_errno(zmq.ENOTSOCK):
                        await call

    run(main)


def test_request_and_reply(run: Any, pair: Any) -> None:
    async def main() -> None:
        req, rep = pair("REQ", "REP", "tcp")

        async def serve() -> None:
            while (request := await rep.recv()) != b"end":
                await rep.send(request.upper())
            await rep.send(b"bye")

        server = asyncio.create_task(serve())
        for number in range(100):
            await req.send(b"q%d" % number)
            assert await req.recv() == b"Q%d" % number
        await req.send(b"end")
        assert await req.recv() == b"bye"
        await server

    run(main)


def test_handles_of_plain_sockets(run: Any) -> None:
    async def main() -> None:
        plain = zmq.Context()
        push, pull = plain.socket(zmq.PUSH), plain.socket(zmq.PULL)
        pull.bind("inproc://plain")
        push.connect("inproc://plain")
        for handle in (aio.Socket(pull), aio.Socket.from_socket(pull), aio.Socket(shadow=pull)):
            assert handle.underlying == pull.underlying
            waiting = handle.recv()
            push.send(b"x")
            assert await waiting == b"x"
        made = plain.socket(zmq.PULL, socket_class=aio.Socket)
        assert type(made) is aio.Socket
        made.close()
        with pytest.warns(DeprecationWarning, match="io_loop"):
            aio.Socket(pull, io_loop=asyncio.get_running_loop())
        for sock in (push, pull):
            sock.close()
        plain.term()

    run(main)


def test_the_plain_instance_is_another() -> None:
    plain, awaited = zmq.Context.instance(), aio.Context.instance()
    assert type(plain) is zmq.Context
    assert type(awaited) is aio.Context
    assert aio.Context.instance() is awaited
    for context in (plain, awaited):
        context.term()


def test_subclasses(run: Any) -> None:
    class Shouting(aio.Socket):  # type: ignore[misc, name-defined]
        calls: int

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.calls = 0

        def send(self, data: bytes, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return super().send(data.upper(), *args, **kwargs)

    class Shouters(aio.Context):  # type: ignore[misc, name-defined]
        _socket_class = Shouting

    async def main() -> None:
        context = Shouters()
        one, two = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        one.bind("inproc://shout")
        two.connect("inproc://shout")
        await one.send_string("hey")
        assert await two.recv() == b"HEY"
        assert one.calls == 1
        context.destroy(linger=0)

    run(main)


@differs_from_libzmq
def test_a_coroutine_of_ones_own(run: Any, pair: Any) -> None:
    """PayloadMixin's receivers go through whatever recv a subclass has."""

    class Slow(aio.Socket):  # type: ignore[misc, name-defined]
        async def recv(self, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return await super().recv(*args, **kwargs)

    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        await push.send(b"[1]")
        assert await Slow(shadow=pull).recv_json() == [1]

    run(main)


@differs_from_libzmq
def test_async_for_ends_with_the_socket(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL")
        received = []

        async def receive() -> None:
            async for message in pull:
                received.append(message)  # noqa: PERF401

        task = asyncio.create_task(receive())
        for number in range(10):
            await push.send(b"%d" % number)
        while len(received) < 10:
            await asyncio.sleep(0)
        pull.close()
        await task
        assert received == [b"%d" % number for number in range(10)]
        async for _ in pull:
            pytest.fail("closed")

    run(main)


@differs_from_libzmq
def test_async_with(run: Any) -> None:
    async def main() -> None:
        async with aio.Context() as context:
            async with context.socket(zmq.PUSH) as sock:
                sock.bind("inproc://with")
            assert sock.closed
        assert context.closed
        with pytest.warns(ResourceWarning):
            async with aio.Context() as context:
                sock = context.socket(zmq.PUSH)
        assert sock.closed

    run(main)


@differs_from_libzmq
def test_many_at_once(run: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair("PUSH", "PULL", "tcp")
        messages = [b"%d" % number for number in range(20_000)]
        sending = push.send_many(messages)
        received: list[bytes] = []
        while len(received) < len(messages):
            received += await pull.recv_many(777)
        assert received == messages
        assert await sending == len(messages)
        waiting = pull.recv_many()
        await push.send(b"one")
        assert await waiting == [b"one"]
        with pytest.raises(zmq.Again):
            await pull.recv_many(flags=zmq.DONTWAIT)

    run(main)


@differs_from_libzmq
def test_send_many_says_how_many(run: Any, sock: Any, endpoints: Any) -> None:
    async def main() -> None:
        push = sock("PUSH", sndhwm=10, sndtimeo=20)
        with pytest.raises(zmq.Again):
            await push.send_many([b"x"])
        with pytest.raises(zmq.Again):
            await push.send_many([b"x"], zmq.DONTWAIT)
        push.connect(endpoints.fixed("tcp"))
        assert await push.send_many([b"x"] * 30, zmq.DONTWAIT) == 10
        with pytest.raises(zmq.Again):
            await push.send_many([b"x"] * 30)
        push.sndhwm = 15
        assert await push.send_many([b"x"] * 30) == 5

    run(main)


def test_outside_of_a_loop() -> None:
    context = aio.Context()
    sock = context.socket(zmq.PULL)
    asyncio.set_event_loop(None)
    with pytest.raises((RuntimeError, RuntimeWarning)):
        sock.recv()
    sock.close()
    context.term()


@pytest.mark.filterwarnings("ignore:No running event loop:RuntimeWarning")
def test_between_runs_of_a_loop(new_loop: Any) -> None:
    """What is ready is for whichever loop this thread will run: nothing received is lost."""
    loop = new_loop()
    asyncio.set_event_loop(loop)
    context = aio.Context()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    pull.bind("inproc://between-runs")
    push.connect("inproc://between-runs")
    try:
        for number in range(20):
            assert loop.run_until_complete(push.send(b"%d" % number)) is None
            assert loop.run_until_complete(pull.recv()) == b"%d" % number
        early = [push.send(b"x"), push.send_multipart([b"y"])]
        loop.run_until_complete(asyncio.wait(early))
        gathered = asyncio.gather(pull.recv(), pull.recv_multipart())
        assert loop.run_until_complete(gathered) == [b"x", [b"y"]]
        assert early[0].get_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        pull.close()
        push.close()
        context.term()
        loop.close()


def test_deprecated_names() -> None:
    with pytest.warns(DeprecationWarning, match="ZMQEventLoop"):
        aio.ZMQEventLoop().close()
