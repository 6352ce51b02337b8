"""Handshakes with libzmq itself, in both directions, on both transports."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from peromq.constants import Event, SocketType
from tests.control.fakes import TIMEOUT, Plane

PAIRS = [("PUSH", "PULL"), ("SUB", "PUB"), ("REQ", "ROUTER"), ("DEALER", "REP"), ("PAIR", "PAIR")]


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/s"


def libzmq_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: str
) -> contextlib.AbstractContextManager[zmq.Socket[bytes]]:
    made = context.socket(getattr(zmq, kind))
    made.linger = 0
    made.rcvtimeo = int(TIMEOUT * 1000)
    return made


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_libzmq_connects(
    plane: Plane,
    context: zmq.Context[zmq.Socket[bytes]],
    address: str,
    ours: str,
    theirs: str,
) -> None:
    sock = plane.socket(SocketType[ours])
    endpoint = plane.control.bind(sock, address)
    with libzmq_socket(context, theirs) as peer:
        if theirs == "ROUTER":
            peer.routing_id = b"libzmq"
        peer.connect(endpoint)
        attached = sock.next_attached()
        assert attached.facts["peer_type"] == theirs
        assert attached.facts["minor"] == 1
        assert attached.facts["routing_id"] == (b"libzmq" if theirs == "ROUTER" else b"")


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_libzmq_binds(
    plane: Plane,
    context: zmq.Context[zmq.Socket[bytes]],
    address: str,
    ours: str,
    theirs: str,
) -> None:
    sock = plane.socket(SocketType[ours], reconnect_ivl=5)
    with libzmq_socket(context, theirs) as peer:
        peer.bind(address)
        plane.control.connect(sock, peer.last_endpoint.decode())
        assert sock.next_attached().facts["peer_type"] == theirs


def test_a_message_passes_after_the_handshake(
    plane: Plane, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    sock = plane.socket(SocketType.PUSH)
    with libzmq_socket(context, "PULL") as peer:
        peer.bind("tcp://127.0.0.1:*")
        plane.control.connect(sock, peer.last_endpoint.decode())
        attached = sock.next_attached()
        assert attached.connection is not None
        attached.connection.sendall(b"\x00\x05hello")
        assert peer.recv() == b"hello"


def test_libzmq_reconnects_to_us(plane: Plane, context: zmq.Context[zmq.Socket[bytes]]) -> None:
    sock = plane.socket(SocketType.PULL)
    with libzmq_socket(context, "PUSH") as peer:
        peer.reconnect_ivl = 5
        peer.connect(plane.control.bind(sock, "tcp://127.0.0.1:*"))
        for _ in range(3):
            sock.lose(sock.next_attached().token)


def test_the_wrong_libzmq_type_is_refused(
    plane: Plane, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    sock = plane.socket(SocketType.PUSH)
    with libzmq_socket(context, "REP") as peer:
        peer.bind("tcp://127.0.0.1:*")
        plane.control.connect(sock, peer.last_endpoint.decode())
        # libzmq sees our type first and just closes, or we see its; either way it is over.
        sock.wait_for(Event.DISCONNECTED)
    assert sock.attached.empty()
