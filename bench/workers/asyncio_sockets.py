"""PUSH to PULL and REQ to REP, awaited."""

import asyncio
import importlib
import time
from argparse import Namespace
from collections.abc import Callable, Coroutine
from itertools import repeat
from typing import Any

from bench.workers.common import Side, hear, quantiles, say, skip
from bench.workers.reqrep import WARM_UP


class AsyncSide(Side):
    """A worker whose sockets are the library's asyncio ones."""

    def __init__(self, options: Namespace) -> None:
        super().__init__(options)
        self.context.term()
        self.context = importlib.import_module(f"{options.lib}.asyncio").Context()


Part = Callable[[Side, Namespace], Coroutine[Any, Any, None]]


def worker(part: Part) -> Callable[[Namespace], None]:
    """A worker that runs `part` in the loop the run asks for."""

    def run(options: Namespace) -> None:
        async def main() -> None:
            side = AsyncSide(options)
            await part(side, options)
            hear()
            side.close()

        if options.loop == "asyncio":
            asyncio.run(main())
            return
        try:
            uvloop = importlib.import_module("uvloop")
        except ImportError:
            skip("no uvloop")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    return run


async def pull(side: Side, options: Namespace) -> None:
    """As the plain worker: one message starts the clock, then `count` more."""
    sock = side.open("PULL")
    say(endpoint=side.attach(sock))
    for _ in range(options.peers):
        await sock.recv()
    say(ready=True)
    await sock.recv()
    start = time.perf_counter()
    for _ in repeat(None, options.count):
        await sock.recv()
    say(seconds=time.perf_counter() - start, count=options.count)


async def push(side: Side, options: Namespace) -> None:
    """Greet, wait for the word, send 1 + `count` messages."""
    sock = side.open("PUSH")
    sock.connect(options.endpoint)
    await sock.send(b"hello")
    hear()
    body = b"x" * options.size
    for _ in repeat(None, 1 + options.count):
        await sock.send(body)


async def rep(side: Side, options: Namespace) -> None:
    """Echo as often as the client asks."""
    sock = side.open("REP")
    say(endpoint=side.attach(sock))
    for _ in repeat(None, WARM_UP + options.count):
        await sock.send(await sock.recv())


async def req(side: Side, options: Namespace) -> None:
    """`count` round trips, each on the clock."""
    sock = side.open("REQ")
    sock.connect(options.endpoint)
    hear()
    body = b"x" * options.size
    clock = time.perf_counter
    for _ in repeat(None, WARM_UP):
        await sock.send(body)
        await sock.recv()
    times = []
    begin = clock()
    for _ in repeat(None, options.count):
        start = clock()
        await sock.send(body)
        await sock.recv()
        times.append(clock() - start)
    say(seconds=clock() - begin, count=options.count, quantiles=quantiles(times))
