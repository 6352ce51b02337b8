"""`eventloop.future`: sockets to await in tornado, on pyzmq as well."""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("tornado")

from tornado.ioloop import IOLoop


@pytest.fixture
def future(lib: ModuleType) -> ModuleType:
    return importlib.import_module(f"{lib.__name__}.eventloop.future")


@pytest.fixture
def context(future: ModuleType) -> Iterator[Any]:
    made = future.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def loop() -> Iterator[IOLoop]:
    made = IOLoop(make_current=False)
    yield made
    made.close(all_fds=True)


def test_messages(
    lib: ModuleType, future: ModuleType, context: Any, loop: IOLoop, tcp_endpoint: str
) -> None:
    async def main() -> list[bytes]:
        push, pull = context.socket(lib.PUSH), context.socket(lib.PULL)
        assert type(push) is future.Socket
        pull.bind(tcp_endpoint)
        push.connect(tcp_endpoint)
        received = []
        for number in range(100):
            await push.send(b"%d" % number)
            received.append(await pull.recv())
        poller = future.Poller()
        poller.register(pull, lib.POLLIN)
        await push.send(b"last")
        assert await poller.poll(10_000) == [(pull, lib.POLLIN)]
        received.append(await pull.recv())
        push.close()
        pull.close()
        return received

    received = loop.run_sync(main, timeout=20)
    assert received == [*(b"%d" % number for number in range(100)), b"last"]


def test_the_end_of_the_loop_closes_sockets(lib: ModuleType, context: Any) -> None:
    loop = IOLoop(make_current=False)
    socket = context.socket(lib.PULL)
    socket.bind("inproc://end")

    async def main() -> None:
        waiting = socket.poll(1)
        assert await waiting == 0

    loop.run_sync(main, timeout=20)
    assert not socket.closed
    loop.close(all_fds=True)
    assert socket.closed


def test_io_loop_is_deprecated(future: ModuleType, loop: IOLoop) -> None:
    with pytest.warns(DeprecationWarning, match="io_loop"):
        future.Context(io_loop=loop).term()
