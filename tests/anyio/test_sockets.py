"""Everything a socket can send and receive, awaited."""

from typing import Any

import anyio
import pytest

import peromq
import peromq.anyio
from tests.anyio.conftest import Made, Run, blocked


def test_one_part(run: Run, make: Made, transport: str) -> None:
    push, pull = make.pair("PUSH", "PULL", transport)

    async def main() -> None:
        for number in range(100):
            await push.send(b"%d" % number)
        for number in range(100):
            assert await pull.recv() == b"%d" % number

    run(main)


def test_it_waits_for_what_comes(run: Run, make: Made, transport: str) -> None:
    req, rep = make.pair("REQ", "REP", transport)

    async def echo() -> None:
        for _ in range(20):
            await rep.send(await rep.recv())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(echo)
            for number in range(20):
                await req.send(b"%d" % number)
                assert await req.recv() == b"%d" % number

    run(main)


def test_several_parts(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")

    async def main() -> None:
        await a.send_multipart([b"1", b"2", b"3"])
        assert await b.recv_multipart() == [b"1", b"2", b"3"]
        await a.send(b"x", peromq.SNDMORE)
        await a.send(b"y")
        assert await b.recv() == b"x"
        assert b.rcvmore
        assert await b.recv_multipart() == [b"y"]

    run(main)


def test_frames(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")

    async def main() -> None:
        tracker = await a.send(b"x" * 100_000, copy=False, track=True)
        frame = await b.recv(copy=False)
        assert isinstance(frame, peromq.Frame)
        assert frame.bytes == b"x" * 100_000
        assert isinstance(tracker, peromq.MessageTracker)
        await a.send_multipart([b"1", b"2"])
        assert [part.bytes for part in await b.recv_multipart(copy=False)] == [b"1", b"2"]

    run(main)


def test_into_a_buffer(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")
    buffer = bytearray(4)

    async def main() -> None:
        await a.send(b"abcdef")
        assert await b.recv_into(buffer) == 6
        assert buffer == b"abcd"

    run(main)


def test_text_json_pickles(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")

    async def main() -> None:
        await a.send_string("grüße")
        assert await b.recv_string() == "grüße"
        await a.send_string("grüße", encoding="latin1")
        assert await b.recv_string(encoding="latin1") == "grüße"
        await a.send_json({"a": [1, None]})
        assert await b.recv_json() == {"a": [1, None]}
        await a.send_pyobj({1, 2})
        assert await b.recv_pyobj() == {1, 2}
        await a.send_serialized([1, 2], lambda numbers: [b"%d" % n for n in numbers])
        assert await b.recv_serialized(lambda parts: [int(p) for p in parts]) == [1, 2]
        with pytest.raises(TypeError):
            await a.send_string(b"bytes")

    run(main)


def test_names_of_zmq_anyio(run: Run, make: Made) -> None:
    a, b = make.pair("PAIR", "PAIR")

    async def main() -> None:
        await a.asend(b"x")
        assert await b.arecv() == b"x"
        await a.asend_multipart([b"x", b"y"])
        assert await b.apoll(1000) == peromq.POLLIN
        assert await b.arecv_multipart() == [b"x", b"y"]
        await a.asend_json([1])
        assert await b.arecv_json() == [1]
        await a.asend_string("t")
        assert await b.arecv_string() == "t"

    run(main)


def test_many_at_once(run: Run, make: Made, transport: str) -> None:
    push, pull = make.pair("PUSH", "PULL", transport)
    messages = [b"%d" % number for number in range(5000)]  # more than the queues hold
    received: list[Any] = []

    async def receive() -> None:
        while len(received) < len(messages):
            some = await pull.recv_many(700)
            assert 1 <= len(some) <= 700
            received.extend(some)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(receive)
            assert await push.send_many(messages) == len(messages)

    run(main)
    assert received == messages


def test_send_many_up_to_its_limit(run: Run, make: Made) -> None:
    push, pull = make.pair("PUSH", "PULL", sndhwm=5, rcvhwm=5)

    async def main() -> None:
        sent = await push.send_many([b"x"] * 100, peromq.DONTWAIT)
        assert 0 < sent < 100
        with pytest.raises(peromq.Again):
            await push.send_many([b"x"], peromq.DONTWAIT)
        assert len(await pull.recv_many()) == sent
        push.sndtimeo = 10
        assert 0 < await push.send_many([b"x"] * 100) < 100

    run(main)


def test_async_for(run: Run, make: Made) -> None:
    push, pull = make.pair("PUSH", "PULL")

    async def send() -> None:
        for number in range(10):
            await push.send(b"%d" % number)
            await anyio.sleep(0)

    async def main() -> list[bytes]:
        got = []
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            async for message in pull:
                got.append(message)
                if len(got) == 10:
                    break
        return got

    assert run(main) == [b"%d" % number for number in range(10)]


def test_plain_for_says_what_to_use(make: Made) -> None:
    with pytest.raises(TypeError, match="async for"):
        iter(make("PULL"))


def test_time_limits_of_the_socket(run: Run, make: Made) -> None:
    push, pull = make("PUSH", sndtimeo=10), make("PULL", rcvtimeo=10)

    async def main() -> None:
        with pytest.raises(peromq.Again):
            await pull.recv()
        with pytest.raises(peromq.Again):
            await push.send(b"nobody is there")
        pull.rcvtimeo = 0
        with pytest.raises(peromq.Again):
            await pull.recv()
        pull.rcvtimeo = -1
        with pytest.raises(peromq.Again):
            await pull.recv(peromq.DONTWAIT)

    run(main)


def test_wrong_turn(run: Run, make: Made) -> None:
    req, rep = make.pair("REQ", "REP")

    async def main() -> None:
        for wrong in (req.recv, lambda: rep.send(b"unasked")):
            with pytest.raises(peromq.ZMQError) as caught:
                await wrong()
            assert caught.value.errno == peromq.EFSM

    run(main)


def test_the_socket_is_a_context_manager(run: Run, make: Made) -> None:
    async def main() -> None:
        async with make("PULL") as socket:
            assert not socket.closed
        assert socket.closed
        socket = make("PULL")
        await socket.aclose()
        await socket.aclose()
        assert socket.closed

    run(main)


def test_another_handle_shares_who_waits(run: Run, make: Made) -> None:
    """Two handles of one socket, each with a task that waits: neither takes the other's wake-up."""
    a, b = make.pair("PAIR", "PAIR")
    again = peromq.anyio.Socket(b)
    got: list[bytes] = []

    async def receive(socket: Any) -> None:
        got.append(await socket.recv())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(receive, b)
            group.start_soon(receive, again)
            await blocked()
            await a.send(b"1")
            await a.send(b"2")

    run(main)
    assert got == [b"1", b"2"]
    again.close()


def test_a_plain_context_makes_them_too(run: Run) -> None:
    async def main() -> None:
        with peromq.Context() as context:
            push = context.socket(peromq.PUSH, socket_class=peromq.anyio.Socket)
            pull = context.socket(peromq.PULL, socket_class=peromq.anyio.Socket)
            with push, pull:
                pull.bind("inproc://plain")
                push.connect("inproc://plain")
                await push.send(b"x")
                assert await pull.recv() == b"x"

    run(main)


def test_the_context_has_an_instance_of_its_own() -> None:
    ours = peromq.anyio.Context.instance()
    try:
        assert ours is peromq.anyio.Context.instance()
        assert type(ours) is peromq.anyio.Context
        assert repr(ours).startswith("<peromq.anyio.Context(")
    finally:
        ours.term()
