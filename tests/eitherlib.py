"""Fixtures of tests that run on PeroMQ and on pyzmq alike: sockets of `lib`, whichever it is."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

TIMEOUT_MS = 10_000


@pytest.fixture
def context(lib: ModuleType) -> Iterator[Any]:
    context = lib.Context()
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = TIMEOUT_MS
    yield context
    context.destroy(linger=0)
    context.__dict__.pop("kept", None)


@pytest.fixture
def make(lib: ModuleType, context: Any) -> Callable[[str], Any]:
    """Make a socket of a type by name; it stays until the context ends."""
    kept = context.__dict__["kept"] = []

    def socket_of(kind: str) -> Any:
        kept.append(context.socket(getattr(lib, kind)))
        return kept[-1]

    return socket_of


@pytest.fixture
def pair(make: Any) -> tuple[Any, Any]:
    """Two connected PAIR sockets."""
    left, right = make("PAIR"), make("PAIR")
    left.bind("inproc://pair")
    right.connect("inproc://pair")
    return left, right


def errno_of(lib: ModuleType, function: Any, *args: Any) -> int | None:
    with pytest.raises(lib.ZMQError) as caught:
        function(*args)
    number: int | None = caught.value.errno
    return number
