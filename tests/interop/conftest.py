from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, Sockets, last_endpoint, readable, terminate
from tests.interop import libzmq_ctypes
from tests.raw_old import PARTNER, OldPeer
from tests.raw_zmtp import RawListener, RawPeer
from tests.sharedfixtures import ctx, endpoints, monitor, raw, raw_listener, sock, spawn

__all__ = ["ctx", "endpoints", "monitor", "raw", "raw_listener", "sock", "spawn"]

PYZMQ = pytest.param("pyzmq", marks=pytest.mark.no_sanitizer)
DEBIAN = pytest.param("libzmq.so.5", marks=[pytest.mark.debian_libzmq, pytest.mark.no_sanitizer])


@pytest.fixture(params=[PYZMQ, DEBIAN])
def theirs(request: pytest.FixtureRequest) -> Iterator[Callable[..., object]]:
    """`theirs("PULL", bind=…)`: a socket of a real libzmq; `sock(…)` makes ours."""
    if request.param == "pyzmq":
        context = pytest.importorskip("zmq").Context()
    else:
        lib = libzmq_ctypes.load(request.param)
        if lib is None:
            pytest.skip(f"{request.param} is not installed")
        context = libzmq_ctypes.Context(lib)
    sockets = Sockets(context)
    yield sockets
    sockets.close()
    terminate(context)


@pytest.fixture
def end(request: pytest.FixtureRequest) -> str:
    """Which end of a connection we are: "bind", unless a test is told otherwise (`both_ends`)."""
    return getattr(request, "param", "bind")


@pytest.fixture
def wired(end: str, sock: Any, raw: Any, raw_listener: RawListener) -> Any:
    """wired("PULL", **options): our socket, and a connection to it that nobody has spoken on."""

    def make(kind: str, **options: Any) -> tuple[Any, RawPeer]:
        made = sock(kind, **options)
        if end == "bind":
            made.bind("tcp://127.0.0.1:*")
            return made, raw(last_endpoint(made))
        made.connect(raw_listener.endpoint)
        return made, raw_listener.accept()

    return make


@pytest.fixture
def old_link(wired: Any) -> Any:
    """old_link("PULL", dialect, **options): our socket and its peer older than ZMTP 3."""

    def make(kind: str, dialect: str, identity: bytes = b"", **options: Any) -> tuple[Any, OldPeer]:
        made, wire = wired(kind, **options)
        peer = OldPeer(wire, dialect, PARTNER[kind], identity)
        peer.shake(kind, options.get("routing_id", b""))
        if AGAINST_LIBZMQ:
            readable(made)  # what it has to do on a new connection, it does when looked at
        return made, peer

    return make
