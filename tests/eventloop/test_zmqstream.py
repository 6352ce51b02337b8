"""`ZMQStream` in tornado's loop; on pyzmq as well with PEROMQ_TEST_AGAINST=zmq."""

import asyncio
import importlib
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.helpers import LIB, TIMEOUT, new_context, zmq

pytest.importorskip("tornado", reason="not installed: tornado")
ZMQStream: Any = importlib.import_module(f"{LIB}.eventloop.zmqstream").ZMQStream

_names = itertools.count()
Main = Callable[[Any], Coroutine[Any, Any, Any]]


class Streams:
    """Makes streams of one context, within a running loop, and closes them."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.made: list[Any] = []

    def socket(self, kind: str) -> Any:
        socket = self.context.socket(getattr(zmq, kind))
        socket.linger = 0
        return socket

    def pair(self, one: str = "PUSH", other: str = "PULL") -> Any:
        endpoint = f"inproc://stream-{next(_names)}"
        bound, connecting = self.socket(other), self.socket(one)
        bound.bind(endpoint)
        connecting.connect(endpoint)
        self.made += [ZMQStream(connecting), ZMQStream(bound)]
        return self.made[-2:]

    def close(self) -> None:
        for stream in self.made:
            stream.close(linger=0)


@pytest.fixture
def run() -> Iterator[Callable[[Main], Any]]:
    """`run(main)`: await `main(streams)` in a loop of its own."""

    async def limited(main: Main, context: Any) -> Any:
        streams = Streams(context)
        try:
            return await asyncio.wait_for(main(streams), TIMEOUT)
        finally:
            streams.close()

    with new_context() as context:
        yield lambda main: asyncio.run(limited(main, context))


def until(number: int) -> tuple[list[Any], asyncio.Event, Callable[..., None]]:
    """(what a callback was called with, set after `number` of calls, the callback)."""
    seen: list[Any] = []
    enough = asyncio.Event()

    def callback(*args: Any) -> None:
        seen.append(args)
        if len(seen) == number:
            enough.set()

    return seen, enough, callback


def heard(stream: Any, number: int) -> tuple[list[Any], asyncio.Event]:
    """(what the stream receives from now on, set when it has received `number` of messages)."""
    seen, enough, callback = until(number)
    stream.on_recv(callback)
    return seen, enough


def test_messages_arrive_in_order(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        seen, enough = heard(pull, 300)
        for number in range(300):
            push.send_multipart([b"%d" % number, b"x"])
        await enough.wait()
        assert seen == [([b"%d" % number, b"x"],) for number in range(300)]

    run(main)


def test_frames(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        seen, enough, callback = until(1)
        pull.on_recv(callback, copy=False)
        push.send(b"x", copy=False)
        await enough.wait()
        (parts,) = seen[0]
        assert isinstance(parts[0], zmq.Frame)
        assert parts[0].bytes == b"x"

    run(main)


def test_the_stream_comes_along(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        received, arrived, on_recv = until(1)
        sent, gone, on_send = until(1)
        pull.on_recv_stream(on_recv)
        push.on_send_stream(on_send)
        push.send(b"x")
        await arrived.wait()
        await gone.wait()
        assert received == [(pull, [b"x"])]
        assert sent == [(push, [b"x"], None)]

    run(main)


def test_on_send_tells_of_errors(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main(streams: Streams) -> None:
        dealer, router = streams.pair("DEALER", "ROUTER")
        del dealer
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        seen, enough, callback = until(1)
        router.send_multipart([b"nobody", b"x"], callback=callback)
        await enough.wait()
        message, status = seen[0]
        assert message == [b"nobody", b"x"]
        assert isinstance(status, zmq.ZMQError)
        assert status.errno == zmq.EHOSTUNREACH

    with caplog.at_level(logging.CRITICAL):
        run(main)


def test_stop_on_recv(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        seen, enough = heard(pull, 1)
        assert pull.receiving()
        push.send(b"1")
        await enough.wait()
        pull.stop_on_recv()
        assert not pull.receiving()
        push.send(b"2")
        push.flush()
        for _ in range(5):
            await asyncio.sleep(0)
        assert seen == [([b"1"],)]
        again, enough = heard(pull, 1)
        await enough.wait()
        assert again == [([b"2"],)]

    run(main)


def test_stop_on_send(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        seen, _, callback = until(1)
        received, enough, on_recv = until(1)
        push.on_send(callback)
        push.stop_on_send()
        pull.on_recv(on_recv)
        push.send(b"x")
        await enough.wait()
        assert received == [([b"x"],)]
        assert seen == []

    run(main)


def test_flush(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        seen, _ = heard(pull, 5)
        for _ in range(5):
            push.send(b"x")
        assert push.sending()
        assert push.flush(zmq.POLLOUT) == 5
        assert not push.sending()
        assert pull.flush(zmq.POLLIN, limit=2) == 2
        assert len(seen) == 2

    run(main)


def test_text_json_pickles(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        seen, enough = heard(pull, 3)
        push.send_string("grüße")
        push.send_json([1, None])
        push.send_pyobj({"a": 1})
        await enough.wait()
        assert seen[0] == (["grüße".encode()],)
        assert seen[1] == ([b"[1, null]"],) or seen[1] == ([b"[1,null]"],)
        with pytest.raises(TypeError):
            push.send_string(b"bytes")

    run(main)


def test_coroutines_as_callbacks(run: Any) -> None:
    async def main(streams: Streams) -> None:
        req, rep = streams.pair("REQ", "REP")
        done = asyncio.Event()

        async def answer(parts: list[bytes]) -> None:
            await asyncio.sleep(0)
            rep.send_multipart([b"re: ", *parts])

        def finish(parts: list[bytes]) -> None:
            assert parts == [b"re: ", b"x"]
            done.set()

        rep.on_recv(answer)
        req.on_recv(finish)
        req.send(b"x")
        await done.wait()

    run(main)


def test_close(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        closed: list[str] = []
        pull.set_close_callback(lambda: closed.append("closed"))
        pull.on_recv(lambda parts: None)
        socket = pull.socket
        pull.close()
        assert socket.closed
        assert pull.closed()
        assert closed == ["closed"]
        pull.close()
        with pytest.raises(OSError, match="closed"):
            pull.on_recv(lambda parts: None)
        with pytest.raises(OSError, match="closed"):
            pull.send(b"x")
        assert not push.closed()

    run(main)


def test_closing_in_its_own_callback(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        done = asyncio.Event()
        seen: list[Any] = []

        def last(parts: list[bytes]) -> None:
            seen.append(parts)
            pull.close()
            done.set()

        pull.on_recv(last)
        push.send(b"1")
        push.send(b"2")
        await done.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        assert seen == [[b"1"]]

    run(main)


def test_callbacks_are_callable(run: Any) -> None:
    async def main(streams: Streams) -> None:
        push, pull = streams.pair()
        with pytest.raises(AssertionError):
            pull.on_recv(1)
        with pytest.raises(AssertionError):
            push.on_send("callback")

    run(main)


def test_busy_streams_share_the_loop(run: Any) -> None:
    """A stream that always has something lets another one, and a timer, have their turns."""

    async def main(streams: Streams) -> None:
        busy_push, busy_pull = streams.pair()
        push, pull = streams.pair()
        handled = 0

        def busy(parts: list[bytes]) -> None:
            nonlocal handled
            handled += 1
            busy_push.send(b"again")

        busy_pull.on_recv(busy)
        seen, enough = heard(pull, 20)
        for _ in range(50):
            busy_push.send(b"x")
        for _ in range(20):
            push.send(b"y")
        await enough.wait()
        assert len(seen) == 20
        assert handled >= 10

    run(main)
