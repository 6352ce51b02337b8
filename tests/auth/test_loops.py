"""The authenticators that answer by themselves: in a thread, on an event loop."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.auth.zap import ENDPOINT, answer, request
from tests.helpers import AGAINST_LIBZMQ, LIB, TIMEOUT, differs_from_libzmq, wait_until, zmq

MODULES: Any = {
    name: importlib.import_module(f"{LIB}.auth.{name}") for name in ("thread", "asyncio")
}
KEY = bytes(32)


class Later:
    async def callback(self, domain: str, key: bytes) -> bool:
        await asyncio.sleep(0)
        return True


VERDICTS = (
    (request(b"NULL"), b"200"),
    (request(b"CURVE", KEY), b"200"),
    (request(b"PLAIN", b"a", b"b"), b"400"),
)


def test_in_a_thread(ctx: Any, sock: Any) -> None:
    authenticator = MODULES["thread"].ThreadAuthenticator(ctx)
    assert not authenticator.is_alive()
    authenticator.start()
    assert authenticator.is_alive()
    assert authenticator.thread.daemon
    authenticator.configure_curve_callback("*", Later())
    req = sock("REQ", connect=ENDPOINT)
    for frames, code in VERDICTS:
        req.send_multipart(frames)
        assert answer(req)[0] == code
    authenticator.stop()
    assert not authenticator.is_alive()
    authenticator.stop()
    authenticator.start()
    req = sock("REQ", connect=ENDPOINT)  # a new one: inproc does not reconnect
    req.send_multipart(request(b"NULL"))
    assert answer(req)[0] == b"200"
    authenticator.stop()


def test_commands_to_the_thread(ctx: Any) -> None:
    authenticator = MODULES["thread"].ThreadAuthenticator(ctx)
    authenticator.start()
    authenticator.pipe.send(b"nonsense")
    assert authenticator.pipe.recv() == b"ERROR"
    authenticator.stop()


@differs_from_libzmq
def test_stopping_what_has_ended(ctx: Any) -> None:
    """pyzmq's stop would wait for somebody to take its command."""
    authenticator = MODULES["thread"].ThreadAuthenticator(ctx)
    authenticator.start()
    authenticator.pipe.send(b"TERMINATE")
    wait_until(lambda: not authenticator.is_alive())
    authenticator.stop()


@differs_from_libzmq
def test_the_thread_survives_what_callbacks_raise(ctx: Any, sock: Any) -> None:
    class Broken:
        def callback(self, domain: str, key: bytes) -> bool:
            raise RuntimeError("no database")

    authenticator = MODULES["thread"].ThreadAuthenticator(ctx)
    authenticator.start()
    authenticator.configure_curve_callback("*", Broken())
    req = sock("REQ", connect=ENDPOINT)
    for _ in range(2):
        req.send_multipart(request(b"CURVE", KEY))
        assert answer(req)[0] == b"500"
    authenticator.stop()


@differs_from_libzmq
def test_the_thread_ends_with_the_context() -> None:
    context = zmq.Context()
    authenticator = MODULES["thread"].ThreadAuthenticator(context)
    authenticator.start()
    ender = threading.Thread(target=context.term)
    ender.start()
    wait_until(lambda: not authenticator.is_alive())
    authenticator.stop()
    ender.join(TIMEOUT)
    assert context.closed


@differs_from_libzmq
def test_collected_half_made(ctx: Any) -> None:
    """The error is __init__'s, and __del__ adds none."""
    with pytest.raises(TypeError):
        MODULES["thread"].ThreadAuthenticator(ctx, nonsense=1)


def test_on_an_event_loop(ctx: Any, sock: Any) -> None:
    async def run() -> None:
        authenticator = MODULES["asyncio"].AsyncioAuthenticator(ctx)
        authenticator.start()
        authenticator.configure_curve_callback("*", Later())
        req = sock("REQ", connect=ENDPOINT)
        for frames, code in VERDICTS:
            req.send_multipart(frames)
            while not req.poll(1):
                await asyncio.sleep(0)
            assert answer(req)[0] == code
        authenticator.stop()
        authenticator.stop()
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), TIMEOUT))


def test_loop_is_deprecated(ctx: Any) -> None:
    with pytest.warns(DeprecationWarning, match="ignored"):
        MODULES["asyncio"].AsyncioAuthenticator(ctx, loop=object())


def test_ioloop_is_deprecated(ctx: Any) -> None:
    with pytest.warns(DeprecationWarning, match="AsyncioAuthenticator"):
        ioloop = importlib.reload(importlib.import_module(f"{LIB}.auth.ioloop"))
    made = ioloop.IOLoopAuthenticator(ctx, "latin-1")
    assert isinstance(made, MODULES["asyncio"].AsyncioAuthenticator)
    assert made.encoding == "latin-1"


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="compares the two")
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("auth", "Authenticator"),
        ("auth.thread", "ThreadAuthenticator"),
        ("auth.asyncio", "AsyncioAuthenticator"),
    ],
)
def test_signatures_are_those_of_pyzmq(module: str, name: str) -> None:
    mine, theirs = (
        getattr(importlib.import_module(f"{lib}.{module}"), name) for lib in ("peromq", "zmq")
    )
    methods = [
        "__init__",
        *(n for n in dir(theirs) if n[0] != "_" and callable(getattr(theirs, n))),
    ]
    for method in methods:
        assert parameters(getattr(mine, method)) == parameters(getattr(theirs, method)), method


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]


NEVER_STOPPED = f"""
import asyncio
import {LIB} as zmq
from {LIB}.asyncio import Context
from {LIB}.auth.asyncio import AsyncioAuthenticator

async def main():
    global context, authenticator, server
    context = Context()
    authenticator = AsyncioAuthenticator(context)
    authenticator.start()
    server = context.socket(zmq.PULL)
    server.bind("tcp://127.0.0.1:*")

asyncio.run(main())
print("the end")
"""


def test_a_program_that_stops_nothing_comes_to_its_end() -> None:
    """Neither authenticator nor socket nor context: what is open does not hold up the exit."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NEVER_STOPPED],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"the end\n"
