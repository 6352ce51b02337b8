from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.helpers import LIB, TIMEOUT, Sock, last_endpoint, terminate, zmq
from tests.sharedfixtures import endpoints

__all__ = ["endpoints"]

aio: Any = importlib.import_module(f"{LIB}.asyncio")

try:
    import uvloop
except ImportError:
    uvloop = None
else:
    uvloop.new_event_loop().close()  # the first opens descriptors that stay

Main = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture(params=["asyncio", "uvloop"])
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes event loops of one kind."""
    if request.param == "asyncio":
        return asyncio.new_event_loop
    if uvloop is None:
        pytest.skip("no uvloop")
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make


@pytest.fixture
def run(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Main], Any]:
    """`run(main)`: main() in a new loop, within bounds. What the loop complains of is a failure."""

    def run_it(main: Main) -> Any:
        complaints: list[dict[str, Any]] = []

        async def bounded() -> Any:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
            async with asyncio.timeout(4 * TIMEOUT):
                return await main()

        with asyncio.Runner(loop_factory=new_loop) as runner:
            result = runner.run(bounded())
        assert not complaints
        return result

    return run_it


@pytest.fixture
def ctx() -> Iterator[Any]:
    """An asyncio context of the library under test."""
    context = aio.Context()
    yield context
    terminate(context)


@pytest.fixture
def sock(ctx: Any) -> Iterator[Callable[..., Sock]]:
    """`sock("PUSH", sndhwm=1)`: a socket, closed after the test: when its loop has long been."""
    made: list[Sock] = []

    def make(kind: str, **options: Any) -> Sock:
        made.append(ctx.socket(getattr(zmq, kind)))
        for name, value in {"linger": 0, **options}.items():
            setattr(made[-1], name, value)
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def pair(sock: Callable[..., Sock], endpoints: Any) -> Callable[..., tuple[Sock, Sock]]:
    """`pair("PUSH", "PULL")`: two connected sockets, the second bound."""

    def make(first: str, second: str, transport: str = "inproc") -> tuple[Sock, Sock]:
        one, two = sock(first), sock(second)
        two.bind(endpoints.any(transport))
        one.connect(last_endpoint(two))
        return one, two

    return make
