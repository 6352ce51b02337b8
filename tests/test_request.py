"""`request`: a REQ gets over lost replies, by itself or by asking again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat
from typing import Any

import pytest

import peromq as zmq
import peromq.asyncio
from tests.helpers import TIMEOUT, new_context, together


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    with new_context() as context:
        server, client = context.socket(zmq.ROUTER), context.socket(zmq.REQ)
        server.rcvtimeo = int(TIMEOUT * 1000)
        client.linger = server.linger = 0
        server.bind("tcp://127.0.0.1:*")
        client.connect(server.last_endpoint)
        yield client, server
        client.close()
        server.close()


Answer = Callable[[list[bytes]], list[bytes] | None]


class Serving(threading.Thread):
    """Answers requests in turn, the last way from then on, until it is joined; None is none.

    Whoever is too slow to take an answer in time asks again, and is answered again.
    """

    def __init__(self, server: Any, *answers: Answer) -> None:
        super().__init__(daemon=True)
        self.server, self.answers = server, chain(answers, repeat(answers[-1]))
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.is_set():
            if not self.server.poll(5):
                continue
            request = self.server.recv_multipart()
            cut = request.index(b"") + 1
            reply = next(self.answers)(request[cut:])
            if reply is not None:
                self.server.send_multipart(request[:cut] + reply)

    def join(self, timeout: float | None = TIMEOUT) -> None:
        self.over.set()
        super().join(timeout)
        assert not self.is_alive()


def echo(body: list[bytes]) -> list[bytes]:
    return body


def silence(body: list[bytes]) -> None:
    return None


def not_the_lost(body: list[bytes]) -> list[bytes] | None:
    return None if body == [b"lost"] else body


def test_one_part_and_several(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = Serving(server, echo, echo, lambda body: [b"two", b"parts"])
    assert client.request(b"hello") == b"hello"
    assert client.request([b"a", b"b"], timeout=TIMEOUT) == [b"a", b"b"]
    assert client.request(b"c", timeout=TIMEOUT) == b"twoparts"
    thread.join()


def test_a_lost_reply_is_asked_for_again(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = Serving(server, silence, silence, echo)
    assert client.request(b"again", timeout=0.1, retries=100) == b"again"
    thread.join()


def test_without_retries_the_socket_can_be_used_again(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = Serving(server, not_the_lost)
    with pytest.raises(zmq.NoReply, match=r"no reply within 0\.02 s") as caught:
        client.request(b"lost", timeout=0.02)
    assert isinstance(caught.value, zmq.Again)
    assert isinstance(caught.value, TimeoutError)
    assert client.request(b"next", timeout=TIMEOUT) == b"next"
    thread.join()


def test_a_late_reply_is_nobodys(pair: tuple[Any, Any]) -> None:
    client, server = pair
    with pytest.raises(zmq.NoReply):
        client.request(b"first", timeout=0.3)
    late = server.recv_multipart()
    server.send_multipart([*late[:-1], b"too late"])
    thread = Serving(server, echo)
    assert client.request(b"second", timeout=TIMEOUT) == b"second"
    thread.join()


def test_nobody_is_there() -> None:
    with new_context() as context:
        client = context.socket(zmq.REQ)
        with pytest.raises(zmq.NoReply, match=r"3 times 0\.01 s"):
            client.request(b"?", timeout=0.01, retries=2)
        client.close()


def test_the_next_server_answers() -> None:
    """The first one is dead: the attempt after goes elsewhere."""
    with new_context() as context:
        servers = [context.socket(zmq.ROUTER) for _ in range(2)]
        client = context.socket(zmq.REQ)
        client.linger = 0
        for server in servers:
            server.bind("tcp://127.0.0.1:*")
            client.connect(server.last_endpoint)
            server.rcvtimeo = int(TIMEOUT * 1000)
        client.wait_connected(timeout=TIMEOUT)
        thread = Serving(servers[1], echo)
        assert client.request(b"anybody?", timeout=0.1, retries=100) == b"anybody?"
        thread.join()
        for sock in (client, *servers):
            sock.close()


def test_misuse(pair: tuple[Any, Any]) -> None:
    client, server = pair
    with pytest.raises(zmq.ZMQError) as caught:
        server.request(b"x")
    assert caught.value.errno == zmq.ENOTSUP
    with pytest.raises(ValueError, match="timeout"):
        client.request(b"x", retries=1)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        client.request(b"x", timeout=1, retries=-1)
    for timeout in (0, -1):
        with pytest.raises(zmq.NoReply):
            client.request(b"x", timeout=timeout)
    client.close()
    with pytest.raises(zmq.ZMQError) as caught:
        client.request(b"x")
    assert caught.value.errno == zmq.ENOTSOCK


def test_for_ever(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = Serving(server, echo)
    for timeout in (float("inf"), 1e300):
        assert client.request(b"x", timeout=timeout) == b"x"
    thread.join()


def test_threads_take_turns(pair: tuple[Any, Any]) -> None:
    """Nobody gets another's reply."""
    client, server = pair
    count, each = 4, 50
    thread = Serving(server, echo)

    def ask(name: int) -> None:
        for number in range(each):
            body = b"%d-%d" % (name, number)
            assert client.request(body, timeout=TIMEOUT) == body

    together(*(partial(ask, name) for name in range(count)))
    thread.join()


def test_who_does_not_get_a_turn_is_told(pair: tuple[Any, Any]) -> None:
    client, server = pair
    replies: list[bytes] = []
    first = threading.Thread(target=lambda: replies.append(client.request(b"first")))
    first.start()
    request = server.recv_multipart()
    with pytest.raises(zmq.NoReply, match=r"other requests .* took longer than 0\.02 s"):
        client.request(b"second", timeout=0.01, retries=1)
    server.send_multipart(request)
    first.join()
    assert replies == [b"first"]


def test_a_closed_socket_lets_everybody_go(pair: tuple[Any, Any]) -> None:
    client, server = pair
    errors: list[int | None] = []

    def ask() -> None:
        with pytest.raises(zmq.ZMQError) as caught:
            client.request(b"x")
        errors.append(caught.value.errno)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    server.recv_multipart()
    client.close()
    for thread in threads:
        thread.join()
    assert errors == [zmq.ENOTSOCK] * 3


async def lost_once(context: Any) -> None:
    with context, context.socket(zmq.REQ) as client, zmq.Context() as plain:
        server = plain.socket(zmq.ROUTER)
        server.rcvtimeo = int(TIMEOUT * 1000)
        server.bind("tcp://127.0.0.1:*")
        client.linger = 0
        client.connect(server.last_endpoint)
        thread = Serving(server, silence, not_the_lost)
        assert await client.request(b"again", timeout=0.1, retries=100) == b"again"
        with pytest.raises(zmq.NoReply):
            await client.request([b"lost"], timeout=0.01)
        thread.join()
        server.close()


def test_asyncio() -> None:
    asyncio.run(lost_once(peromq.asyncio.Context()))


def test_tasks_take_turns() -> None:
    """Also with one that is cancelled in line, one while its request is under way."""

    async def main() -> None:
        with zmq.Context() as plain, peromq.asyncio.Context() as context:
            server, client = plain.socket(zmq.ROUTER), context.socket(zmq.REQ)
            server.rcvtimeo = int(TIMEOUT * 1000)
            server.bind("tcp://127.0.0.1:*")
            client.linger = 0
            client.connect(server.last_endpoint)
            tasks = [asyncio.ensure_future(client.request(b"%d" % n)) for n in range(10)]
            lost = await asyncio.to_thread(server.recv_multipart)
            assert lost[-1] == b"0"
            tasks[5].cancel()
            with pytest.raises(zmq.NoReply, match="other requests"):
                await client.request(b"late", timeout=0.01)
            tasks[0].cancel()
            thread = Serving(server, echo)
            replies = await asyncio.gather(*tasks, return_exceptions=True)
            thread.join()
            for number, reply in enumerate(replies):
                if number in (0, 5):
                    assert isinstance(reply, asyncio.CancelledError)
                else:
                    assert reply == b"%d" % number
            client.close()
            server.close()

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(backend: str) -> None:
    anyio = pytest.importorskip("anyio")
    pytest.importorskip(backend)
    import peromq.anyio

    anyio.run(lost_once, peromq.anyio.Context(), backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_takes_turns(backend: str) -> None:
    anyio = pytest.importorskip("anyio")
    pytest.importorskip(backend)
    import peromq.anyio

    async def main() -> None:
        replies = {}
        with zmq.Context() as plain, peromq.anyio.Context() as context:
            server, client = plain.socket(zmq.ROUTER), context.socket(zmq.REQ)
            server.rcvtimeo = int(TIMEOUT * 1000)
            server.bind("tcp://127.0.0.1:*")
            client.linger = 0
            client.connect(server.last_endpoint)
            thread = Serving(server, not_the_lost)

            async def ask(number: int) -> None:
                replies[number] = await client.request(b"%d" % number, timeout=TIMEOUT)

            with pytest.raises(zmq.NoReply):
                await client.request(b"lost", timeout=0.05)
            async with anyio.create_task_group() as tasks:
                for number in range(10):
                    tasks.start_soon(ask, number)
            thread.join()
            client.close()
            server.close()
        assert replies == {number: b"%d" % number for number in range(10)}

    anyio.run(main, backend=backend)
