"""PLAIN with libzmq itself, in both directions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from peromq.constants import Event, SocketType
from peromq.error import ZMQError
from tests.control.fakes import TIMEOUT, Plane
from tests.control.test_zap_sessions import Handler
from tests.zmtp.mechanisms.test_plain import PASSWORD, USER

CREDENTIALS = {"plain_username": USER, "plain_password": PASSWORD}


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made = zmq.Context()
    made.linger = 0
    yield made
    made.destroy(linger=0)


@pytest.fixture
def handler(context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[list[list[bytes]]]:
    """libzmq's ZAP handler; the requests it got."""
    requests: list[list[bytes]] = []
    ready = threading.Event()

    def serve() -> None:
        with context.socket(zmq.REP) as zap:
            zap.bind("inproc://zeromq.zap.01")
            ready.set()
            try:
                while True:
                    request = zap.recv_multipart()
                    requests.append(request)
                    right = request[6:] == [USER, PASSWORD]
                    verdict = [b"200", b"OK", b"alice"] if right else [b"400", b"no", b""]
                    zap.send_multipart([b"1.0", request[1], *verdict, b""])
            except zmq.ContextTerminated:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(TIMEOUT)
    yield requests
    context.term()
    thread.join(TIMEOUT)


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/s"


@pytest.mark.parametrize("we_bind", [False, True])
def test_we_are_the_client(
    plane: Plane,
    context: zmq.Context[zmq.Socket[bytes]],
    handler: list[list[bytes]],
    address: str,
    we_bind: bool,
) -> None:
    sock = plane.socket(
        SocketType.DEALER, **{name: value.decode() for name, value in CREDENTIALS.items()}
    )
    sock.options.mechanism = int(zmq.PLAIN)
    with context.socket(zmq.ROUTER) as peer:
        peer.plain_server = 1
        peer.zap_domain = b"test"
        if we_bind:
            peer.connect(plane.control.bind(sock, address))
        else:
            peer.bind(address)
            plane.control.connect(sock, peer.last_endpoint.decode())
        assert sock.next_attached().facts["peer_type"] == "ROUTER"
    assert handler[0][2] == b"test"


def test_we_are_refused(
    plane: Plane,
    context: zmq.Context[zmq.Socket[bytes]],
    handler: list[list[bytes]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    sock = plane.socket(SocketType.DEALER, plain_username="admin", plain_password="wrong")
    sock.options.mechanism = int(zmq.PLAIN)
    with context.socket(zmq.ROUTER) as peer:
        peer.plain_server = 1
        peer.bind("tcp://127.0.0.1:*")
        plane.control.connect(sock, peer.last_endpoint.decode())
        value, _ = sock.wait_for(Event.HANDSHAKE_FAILED_AUTH)
    assert value == 400
    assert "PLAIN handshake failed" in caplog.text
    assert "wrong" not in caplog.text


@pytest.mark.parametrize("we_bind", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_we_are_the_server(
    plane: Plane,
    context: zmq.Context[zmq.Socket[bytes]],
    address: str,
    we_bind: bool,
    right: bool,
) -> None:
    handler = Handler(plane)
    sock = plane.socket(SocketType.ROUTER, zap_domain="test")
    sock.options.mechanism, sock.options.as_server = int(zmq.PLAIN), True
    with context.socket(zmq.DEALER) as peer:
        peer.plain_username = USER
        peer.plain_password = PASSWORD if right else b"wrong"
        events = peer.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        events.linger = 0
        if we_bind:
            peer.connect(plane.control.bind(sock, address))
        else:
            peer.bind(address)
            plane.control.connect(sock, peer.last_endpoint.decode())
        request, asker = handler.next()
        assert (request.mechanism, request.domain) == ("PLAIN", "test")
        assert (request.credentials == [USER, PASSWORD]) is right
        status = 200 if right else 400
        handler.answer(lambda: asker.zap_reply(status, "", "alice", {}))
        if right:
            assert sock.next_attached().facts["properties"]["User-Id"] == "alice"
        else:
            assert sock.wait_for(Event.HANDSHAKE_FAILED_AUTH)[0] == 400
            assert events.poll(int(TIMEOUT * 1000))
            assert int.from_bytes(events.recv_multipart()[0][2:], "little") == 400
        peer.disable_monitor()
        events.close()


def test_enforcing_no_domain_is_an_error(plane: Plane) -> None:
    """libzmq aborts the process."""
    sock = plane.socket(SocketType.REP, zap_enforce_domain=1)
    sock.options.mechanism, sock.options.as_server = int(zmq.PLAIN), True
    with pytest.raises(ZMQError, match="needs a ZAP_DOMAIN") as caught:
        plane.control.bind(sock, "tcp://127.0.0.1:*")
    assert caught.value.errno == zmq.EINVAL
