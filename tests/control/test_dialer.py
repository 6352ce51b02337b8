"""The connect side: attempts, what is tried again, what is not."""

import errno
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from peromq.constants import Event, ReconnectStop, SocketType
from peromq.error import ZMQError
from tests.control.fakes import TIMEOUT, FakeSocket, Plane
from tests.control.wire import Server, refused
from tests.raw_zmtp import command, greeting, ready

PUSH = SocketType.PUSH


def pusher(plane: Plane, kind: SocketType = PUSH, **options: Any) -> FakeSocket:
    return plane.socket(kind, **{"reconnect_ivl": 5} | options)


def assert_ended(plane: Plane, sock: FakeSocket, endpoint: str) -> None:
    """The dialer is gone for good, and its queue with it."""
    assert plane.control.wait_closed(TIMEOUT)
    assert not sock.pipes
    with pytest.raises(ZMQError) as caught:
        plane.control.disconnect(sock, endpoint)
    assert caught.value.errno == errno.ENOENT


def test_events_of_a_good_connection(plane: Plane) -> None:
    sock = pusher(plane)
    with Server() as server:
        assert plane.control.connect(sock, server.endpoint) == server.endpoint
        (token,) = sock.pipes
        with server.accept() as peer:
            peer.handshake(b"PULL")
            attached = sock.next_attached()
            assert attached.token == token
            assert attached.facts["bound"] is False
            sock.wait_for(Event.HANDSHAKE_SUCCEEDED)
            assert sock.events() == [
                Event.CONNECT_DELAYED,
                Event.CONNECTED,
                Event.HANDSHAKE_SUCCEEDED,
            ]
            assert {endpoint for _, _, endpoint in sock.seen} == {server.endpoint}
            assert sock.seen[0][1] == errno.EINPROGRESS


def test_a_lost_connection_comes_back_with_the_same_queue(plane: Plane) -> None:
    sock = pusher(plane)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        tokens = set()
        for _ in range(3):
            with server.accept() as peer:
                peer.handshake(b"PULL")
                token = sock.next_attached().token
                tokens.add(token)
                sock.lose(token, errno.ECONNRESET)
                sock.wait_for(Event.DISCONNECTED)
                wait, _ = sock.wait_for(Event.CONNECT_RETRIED)
                assert 5 <= wait < 10
        assert len(tokens) == 1
        with server.accept():
            pass


def test_a_refused_connect_is_tried_again(plane: Plane) -> None:
    sock = pusher(plane)
    with refused() as (port, endpoint):
        plane.control.connect(sock, endpoint)
        for _ in range(3):
            sock.wait_for(Event.CONNECT_RETRIED)
    assert sock.events()[:3] == [Event.CONNECT_DELAYED, Event.CLOSED, Event.CONNECT_RETRIED]
    with Server(port) as server, server.accept() as peer:
        peer.handshake(b"PULL")
        sock.next_attached()


@pytest.mark.parametrize("interval", [-1, 0])
def test_without_an_interval_there_is_one_attempt(plane: Plane, interval: int) -> None:
    sock = pusher(plane, reconnect_ivl=interval)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.wait_for(Event.CLOSED)
        plane.fence()
        assert sock.events() == [Event.CONNECT_DELAYED, Event.CLOSED]
        plane.control.disconnect(sock, endpoint)  # it is known until then, as in libzmq
        assert_ended(plane, sock, endpoint)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        greeting(mechanism=b"LLUN"),
        greeting() + ready(b"REP"),
        greeting() + command(b"ERROR", b"\x03400"),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_not_tried_again(plane: Plane, octets: bytes) -> None:
    sock = pusher(plane)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.send(octets)
            sock.wait_for(Event.DISCONNECTED)
            assert_ended(plane, sock, server.endpoint)
            reported = sock.events()[-2]
            assert reported in (Event.HANDSHAKE_FAILED_PROTOCOL, Event.HANDSHAKE_FAILED_AUTH)


def test_a_protocol_error_in_traffic_ends_the_dialer(plane: Plane) -> None:
    sock = pusher(plane)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.lose(sock.next_attached().token, Event.PROTOCOL_ERROR_ZMTP_UNSPECIFIED)
            assert_ended(plane, sock, server.endpoint)


def test_an_eof_or_a_timeout_in_the_handshake_is_tried_again(plane: Plane) -> None:
    sock = pusher(plane, handshake_ivl=1000)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        server.drop()
        assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] in (
            errno.EPIPE,
            errno.ECONNRESET,
        )
        with server.accept():
            assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] == errno.ETIMEDOUT
            with server.accept() as peer:
                peer.handshake(b"PULL")
                sock.next_attached()


def test_reconnect_stop_on_refusal(plane: Plane) -> None:
    sock = pusher(plane, reconnect_stop=ReconnectStop.CONN_REFUSED)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.wait_for(Event.CLOSED)
        assert_ended(plane, sock, endpoint)


def test_reconnect_stop_on_a_failed_handshake(plane: Plane) -> None:
    sock = pusher(plane, reconnect_stop=ReconnectStop.HANDSHAKE_FAILED)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        server.drop()
        sock.wait_for(Event.DISCONNECTED)
        assert_ended(plane, sock, server.endpoint)


def test_immediate_makes_a_queue_per_connection(plane: Plane) -> None:
    sock = pusher(plane, immediate=1)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        assert not sock.pipes
        tokens = set()
        for _ in range(2):
            with server.accept() as peer:
                peer.handshake(b"PULL")
                attached = sock.next_attached()
                assert attached.facts["bound"] is True
                tokens.add(attached.token)
                sock.lose(attached.token)
                sock.wait_for(Event.CONNECT_RETRIED)
        assert len(tokens) == 2
    plane.control.disconnect(sock, server.endpoint)
    assert plane.control.wait_closed(TIMEOUT)


@pytest.mark.parametrize("kind", ["DEALER", "SUB", "PUB", "REQ"])
def test_a_second_connect_is_nothing_new(plane: Plane, kind: str) -> None:
    sock = pusher(plane, SocketType[kind])
    with refused() as (_, endpoint):
        for _ in range(2):
            assert plane.control.connect(sock, endpoint) == endpoint
        assert len(sock.pipes) == 1


def test_a_second_connect_of_other_types_is_another_peer(plane: Plane) -> None:
    sock = pusher(plane)
    with refused() as (_, endpoint):
        for _ in range(2):
            plane.control.connect(sock, endpoint)
        assert len(sock.pipes) == 2
        plane.control.disconnect(sock, endpoint)  # both, as in libzmq
        assert plane.control.wait_closed(TIMEOUT)


def test_connect_routing_id_is_for_one_connect(plane: Plane) -> None:
    sock = pusher(plane, SocketType.ROUTER, connect_routing_id=b"chosen")
    with Server() as server:
        for expected in (b"chosen", b"own"):
            plane.control.connect(sock, server.endpoint)
            with server.accept() as peer:
                peer.handshake(b"DEALER", b"own")
                assert sock.next_attached().facts["routing_id"] == expected


def test_connect_timeout_ends_an_attempt(plane: Plane) -> None:
    sock = pusher(plane, connect_timeout=20)
    # A full backlog leaves further connects waiting for their SYN to be answered.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        plane.control.connect(sock, f"tcp://127.0.0.1:{address[1]}")
        sock.wait_for(Event.CONNECT_DELAYED)
        sock.wait_for(Event.CLOSED)
        sock.wait_for(Event.CONNECT_RETRIED)
        for filler in fillers:
            filler.close()


def test_names_are_resolved_elsewhere_and_again_at_each_attempt(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    sock = pusher(plane)
    threads: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any) -> Any:
        threads.append(threading.current_thread().name)
        if len(threads) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return real("127.0.0.1", *args)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with Server() as server:
        plane.control.connect(sock, f"tcp://peer.invalid:{server.port}")
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()
    assert threads == ["peromq/resolver"] * 2
    assert sock.wait_for(Event.CONNECT_RETRIED)


def test_a_lookup_that_hangs_holds_nobody_up(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any) -> Any:
        if host == "hangs.invalid":
            gate.wait(TIMEOUT)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return real(host, *args)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    sock = pusher(plane)
    for port in range(1, 11):
        plane.control.connect(sock, f"tcp://hangs.invalid:{port}")
    with Server() as server:
        plane.control.connect(sock, f"tcp://localhost:{server.port}")  # another name
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()
    plane.control.disconnect(sock, "tcp://hangs.invalid:1")  # its answer will find nobody
    gate.set()
    plane.control.close_socket(sock, 0)
    assert plane.control.wait_closed(TIMEOUT)


def test_all_addresses_of_a_name_are_tried(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    sock = pusher(plane)
    with refused() as (port, _), Server() as server:

        def lookup(host: str, *args: Any) -> Any:
            return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", p)) for p in (port, server.port)]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        plane.control.connect(sock, "tcp://two.invalid:1")
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()
    assert Event.CONNECT_RETRIED not in sock.events()


def test_a_source_address_is_used(plane: Plane) -> None:
    sock = pusher(plane)
    with Server() as server:
        plane.control.connect(sock, f"tcp://127.0.0.2:0;127.0.0.1:{server.port}")
        with server.accept() as peer:
            assert peer.sock.getpeername()[0] == "127.0.0.2"


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp",
        "tcp://",
        "://127.0.0.1:1",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:http",
        "tcp://127.0.0.1:80x",
        "tcp://127.0.0.1:*",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://*:5555",
        "tcp://:5555",
        "tcp://foo bar:5555",
        "tcp://-foo:5555",
        "tcp://[a b]:5555",
        "tcp://[::1:5555",
        "tcp://127.0.0.1:x;127.0.0.1:5555",
        "ipc://",
        "ipc://@",
        "ipc://*",
    ],
)
def test_a_bad_endpoint_is_refused_at_once(plane: Plane, endpoint: str) -> None:
    sock = pusher(plane)
    with pytest.raises(ZMQError) as caught:
        plane.control.connect(sock, endpoint)
    assert caught.value.errno == errno.EINVAL
    assert endpoint in str(caught.value)
    assert not sock.pipes


def test_an_unknown_transport_is_refused(plane: Plane) -> None:
    with pytest.raises(ZMQError) as caught:
        plane.control.connect(pusher(plane), "carrier-pigeon://coop")
    assert caught.value.errno == errno.EPROTONOSUPPORT


def test_ipc_waits_for_its_listener(plane: Plane, tmp_path: Path) -> None:
    sock = pusher(plane)
    endpoint = f"ipc://{tmp_path}/later"
    plane.control.connect(sock, endpoint)
    sock.wait_for(Event.CONNECT_RETRIED)
    puller = plane.socket(SocketType.PULL)
    plane.control.bind(puller, endpoint)
    assert sock.next_attached().facts["peer_type"] == "PULL"
    assert puller.next_attached().facts["peer_type"] == "PUSH"
    assert Event.CONNECT_DELAYED not in sock.events()  # a Unix connect is done at once


def test_a_mute_connection_is_made_anew_when_it_ends(plane: Plane) -> None:
    sock = pusher(plane, SocketType.PAIR)
    sock.attach_status = errno.EAGAIN
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PAIR")
            sock.next_attached()
            sock.attach_status = 0
        sock.wait_for(Event.DISCONNECTED)
        with server.accept() as peer:
            peer.handshake(b"PAIR")
            assert sock.next_attached().connection is not None
