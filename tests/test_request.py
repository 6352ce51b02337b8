"""`request`: a REQ gets over lost replies, by itself or by asking again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import peromq as zmq
import peromq.asyncio
from tests.helpers import TIMEOUT, new_context


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


def serving(server: Any, *answers: Callable[[list[bytes]], list[bytes] | None]) -> threading.Thread:
    """A thread that takes a request for each of the answers; None is none."""

    def serve() -> None:
        for answer in answers:
            request = server.recv_multipart()
            cut = request.index(b"") + 1
            reply = answer(request[cut:])
            if reply is not None:
                server.send_multipart(request[:cut] + reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def echo(body: list[bytes]) -> list[bytes]:
    return body


def silence(body: list[bytes]) -> None:
    return None


def test_one_part_and_several(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = serving(server, echo, echo, lambda body: [b"two", b"parts"])
    assert client.request(b"hello") == b"hello"
    assert client.request([b"a", b"b"], timeout=TIMEOUT) == [b"a", b"b"]
    assert client.request(b"c", timeout=TIMEOUT) == b"twoparts"
    thread.join()


def test_a_lost_reply_is_asked_for_again(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = serving(server, silence, silence, echo)
    assert client.request(b"again", timeout=0.05, retries=100) == b"again"
    thread.join()


def test_without_retries_the_socket_can_be_used_again(pair: tuple[Any, Any]) -> None:
    client, server = pair
    thread = serving(server, silence, echo)
    with pytest.raises(zmq.NoReply, match=r"no reply within 0\.02 s") as caught:
        client.request(b"lost", timeout=0.02)
    assert isinstance(caught.value, zmq.Again)
    assert isinstance(caught.value, TimeoutError)
    assert client.request(b"next", timeout=TIMEOUT) == b"next"
    thread.join()


def test_a_late_reply_is_nobodys(pair: tuple[Any, Any]) -> None:
    client, server = pair
    with pytest.raises(zmq.NoReply):
        client.request(b"first", timeout=0.02)
    late = server.recv_multipart()
    server.send_multipart([*late[:-1], b"too late"])
    thread = serving(server, echo)
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
        thread = serving(servers[1], echo)
        assert client.request(b"anybody?", timeout=0.1, retries=20) == b"anybody?"
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
    client.close()
    with pytest.raises(zmq.ZMQError) as caught:
        client.request(b"x")
    assert caught.value.errno == zmq.ENOTSOCK


async def lost_once(context: Any) -> None:
    with context, context.socket(zmq.REQ) as client, zmq.Context() as plain:
        server = plain.socket(zmq.ROUTER)
        server.rcvtimeo = int(TIMEOUT * 1000)
        server.bind("tcp://127.0.0.1:*")
        client.linger = 0
        client.connect(server.last_endpoint)
        thread = serving(server, silence, echo)
        assert await client.request(b"again", timeout=0.05, retries=100) == b"again"
        with pytest.raises(zmq.NoReply):
            await client.request([b"lost"], timeout=0.01)
        thread.join()
        server.close()


def test_asyncio() -> None:
    import asyncio

    asyncio.run(lost_once(peromq.asyncio.Context()))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(backend: str) -> None:
    anyio = pytest.importorskip("anyio")
    pytest.importorskip(backend)
    import peromq.anyio

    anyio.run(lost_once, peromq.anyio.Context(), backend=backend)
