"""Every test runs under asyncio, uvloop and trio, and within a time limit."""

import importlib.util
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import peromq
import peromq.anyio

try:
    import uvloop
except ImportError:
    pass
else:
    uvloop.new_event_loop().close()  # the first opens descriptors that stay

LIMIT = 40.0  # seconds a test may take

BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
_names = itertools.count()

Run = Callable[[Callable[[], Awaitable[Any]]], Any]


@pytest.fixture(params=BACKENDS)
def run(request: pytest.FixtureRequest) -> Run:
    """`run(coroutine_function)`: what it returns."""
    name = request.param
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"not installed: {name}")
    backend, options = BACKENDS[name]

    def run(function: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            with anyio.fail_after(LIMIT):
                return await function()

        return anyio.run(limited, backend=backend, backend_options=options)

    return run


async def blocked() -> None:
    """Until every other task waits for something: quicker than anyio's on asyncio, which naps."""
    for _ in range(6):
        await anyio.lowlevel.checkpoint()


def always_woken(run: Run, socket: Any, act: Callable[[], Awaitable[Any]]) -> None:
    """Somebody waits for b"x", `act` sends it and does something besides: it comes all the same."""
    got: list[bytes] = []

    async def receive() -> None:
        got.append(await socket.recv())

    async def main() -> None:
        for _ in range(20):
            async with anyio.create_task_group() as group:
                group.start_soon(receive)
                await blocked()
                await act()

    run(main)
    assert got == [b"x"] * 20


class Made:
    """Sockets of one context, with LINGER 0."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.made: list[Any] = []

    def __call__(self, kind: str, **options: Any) -> Any:
        socket = self.context.socket(getattr(peromq, kind))
        self.made.append(socket)
        for name, value in ({"linger": 0} | options).items():
            setattr(socket, name, value)
        return socket

    def pair(self, one: str, other: str, transport: str = "inproc", **options: Any) -> Any:
        """Two connected sockets; the second one is bound."""
        bound, connecting = self(other, **options), self(one, **options)
        if transport == "tcp":
            bound.bind("tcp://127.0.0.1:*")
        else:
            bound.bind(f"inproc://anyio-{next(_names)}")
        connecting.connect(bound.last_endpoint.decode())
        return connecting, bound


@pytest.fixture
def make() -> Iterator[Made]:
    context = peromq.anyio.Context()
    yield Made(context)
    context.destroy(linger=0)


@pytest.fixture(params=["inproc", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
