"""Fixtures that the conftest files of the patterns, promises and interop suites take over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.helpers import Endpoints, Monitor, Sock, Sockets, new_context
from tests.peer import Peer
from tests.raw_zmtp import RawListener, RawPeer


@pytest.fixture
def ctx() -> Iterator[Any]:
    """A context of the library under test."""
    with new_context() as context:
        yield context


@pytest.fixture
def sock(ctx: Any) -> Iterator[Sockets]:
    """`sock("PUSH", bind=…, sndhwm=…)`: a socket that cannot wait for ever."""
    sockets = Sockets(ctx)
    yield sockets
    sockets.close()


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    # a short path of its own: pytest's tmp_path can outgrow sun_path
    with TemporaryDirectory(prefix="pm") as directory:
        made = Endpoints(Path(directory))
        yield made
        made.close()


@pytest.fixture
def monitor(sock: Sockets) -> Iterator[Callable[[Sock], Monitor]]:
    monitors: list[Monitor] = []

    def make(watched: Sock) -> Monitor:
        monitors.append(Monitor(watched))
        return monitors[-1]

    yield make
    for made in monitors:
        made.close()


@pytest.fixture
def spawn() -> Iterator[Callable[..., Peer]]:
    """`spawn()`: a process with sockets of the library under test; `spawn("zmq")`: of pyzmq."""
    peers: list[Peer] = []

    def make(*args: str) -> Peer:
        peers.append(Peer(*args))
        return peers[-1]

    yield make
    for peer in peers:
        peer.kill()


@pytest.fixture
def raw() -> Iterator[Callable[[str], RawPeer]]:
    """`raw(endpoint)`: a connection that speaks ZMTP by hand."""
    made: list[RawPeer] = []

    def connect(endpoint: str) -> RawPeer:
        made.append(RawPeer.connect(endpoint))
        return made[-1]

    yield connect
    for peer in made:
        peer.close()


@pytest.fixture
def raw_listener() -> Iterator[RawListener]:
    """A listener whose accepted connections speak ZMTP by hand."""
    listener = RawListener()
    yield listener
    listener.close()
