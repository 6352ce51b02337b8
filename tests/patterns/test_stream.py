"""STREAM: raw tcp, each peer by an id. Also ROUTER_RAW, which libzmq had before."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import (
    TIMEOUT,
    differs_from_libzmq,
    fill,
    last_endpoint,
    raises_errno,
    readable,
    tcp_address,
    zmq,
)

ANY = "tcp://127.0.0.1:*"
Plain = Callable[[Any], socket.socket]


@pytest.fixture
def plain() -> Iterator[Plain]:
    """`plain(stream)`: an ordinary connection to it."""
    made: list[socket.socket] = []

    def connect(stream: Any) -> socket.socket:
        made.append(socket.create_connection(tcp_address(last_endpoint(stream)), TIMEOUT))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def comes(stream: Any) -> bytes:
    """Whoever comes next: his id."""
    peer, nothing = stream.recv_multipart()
    assert nothing == b""
    return bytes(peer)


def read(stream: Any, peer: bytes, count: int) -> bytes:
    data = b""
    while len(data) < count:
        parts = stream.recv_multipart()
        assert len(parts) == 2
        assert parts[0] == peer
        assert 0 < len(parts[1]) <= 8192
        data += parts[1]
    return data


def take(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        got = connection.recv(count - len(data))
        assert got
        data += got
    return data


def to_the_end(connection: socket.socket) -> bytes:
    data = b""
    while got := connection.recv(100):
        data += got
    return data


def test_octets_both_ways(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", bind=ANY)
    client = plain(stream)
    peer = comes(stream)
    assert len(peer) == 5
    assert peer[0] == 0
    client.sendall(b"GET /")
    assert read(stream, peer, 5) == b"GET /"
    stream.send_multipart([peer, b"HTTP"])
    stream.send(peer, zmq.SNDMORE)
    stream.send(b"/1.1", zmq.SNDMORE)  # MORE means nothing behind the id
    stream.send_multipart([peer, b"!"])
    assert take(client, 9) == b"HTTP/1.1!"


def test_no_zmtp_is_spoken(sock: Any, plain: Plain) -> None:
    client = plain(sock("STREAM", bind=ANY))
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)


@pytest.mark.parametrize("size", [1, 255, 256, 8192, 8193, 16384, 1 << 20])
def test_any_amount(sock: Any, plain: Plain, size: int) -> None:
    stream = sock("STREAM", bind=ANY)
    client = plain(stream)
    peer = comes(stream)
    data = os.urandom(size)
    stream.send_multipart([peer, data])
    assert take(client, size) == data
    client.sendall(data)
    assert read(stream, peer, size) == data


def test_peers_are_told_apart(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", bind=ANY)
    clients = []
    for _ in range(4):
        client = plain(stream)
        clients.append((comes(stream), client))
    assert len({peer for peer, _ in clients}) == 4
    for number, (peer, _) in enumerate(clients):
        stream.send_multipart([peer, b"%d" % number])
    for number, (peer, client) in enumerate(clients):
        assert client.recv(1) == b"%d" % number
        client.sendall(b"from %d" % number)
        assert read(stream, peer, 6) == b"from %d" % number


@differs_from_libzmq  # it says EAGAIN of a peer that has gone
def test_coming_and_going_is_told(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", bind=ANY)
    client = plain(stream)
    peer = comes(stream)
    client.sendall(b"bye")
    client.close()
    assert read(stream, peer, 3) == b"bye"
    assert stream.recv_multipart() == [peer, b""]
    with raises_errno(errno.EHOSTUNREACH):
        stream.send_multipart([peer, b"x"])


def test_unless_stream_notify_is_off(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", stream_notify=0)
    stream.bind(ANY)
    client = plain(stream)
    client.sendall(b"hello")
    assert stream.recv_multipart()[1] == b"hello"
    client.close()
    assert not readable(stream)


@differs_from_libzmq  # it hangs up when the socket is next called, and loses what went before
def test_an_empty_frame_hangs_up(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", bind=ANY)
    client = plain(stream)
    peer = comes(stream)
    stream.send_multipart([peer, b"last words"])
    stream.send_multipart([peer, b""])
    assert to_the_end(client) == b"last words"
    with raises_errno(errno.EHOSTUNREACH):
        stream.send_multipart([peer, b"x"])
    other = plain(stream)
    peer = comes(stream)
    stream.send_multipart([peer, b"next"])
    assert other.recv(4) == b"next"


def test_an_unknown_peer_is_an_error(sock: Any) -> None:
    stream = sock("STREAM", bind=ANY)
    with raises_errno(errno.EHOSTUNREACH):
        stream.send_multipart([b"nobody", b"x"])


def test_a_full_peer_would_block(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", sndhwm=1, sndbuf=4096)
    stream.bind(ANY)
    client = plain(stream)
    peer = comes(stream)
    assert fill(stream, [peer, bytes(1 << 16)]) < 1000
    assert len(take(client, 1 << 16)) == 1 << 16


def test_it_connects_too(sock: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT)
        stream = sock("STREAM", connect_routing_id=b"server")
        stream.connect(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            assert comes(stream) == b"server"
            stream.send_multipart([b"server", b"hello"])
            assert take(accepted, 5) == b"hello"
            accepted.sendall(b"welcome")
            assert read(stream, b"server", 7) == b"welcome"


def test_two_streams(sock: Any) -> None:
    one = sock("STREAM", bind=ANY)
    two = sock("STREAM", connect=last_endpoint(one))
    first, second = comes(one), comes(two)
    two.send_multipart([second, b"x" * 100_000])
    assert read(one, first, 100_000) == b"x" * 100_000


def test_heartbeats_and_limits_are_not_for_it(sock: Any, plain: Plain) -> None:
    stream = sock("STREAM", heartbeat_ivl=1, maxmsgsize=1)
    stream.bind(ANY)
    client = plain(stream)
    peer = comes(stream)
    client.sendall(b"more than one")
    assert read(stream, peer, 13) == b"more than one"
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)


@differs_from_libzmq  # as above
def test_router_raw(sock: Any, plain: Plain) -> None:
    router = sock("ROUTER", router_raw=1)
    router.bind(ANY)
    client = plain(router)
    peer = comes(router)
    client.sendall(b"\xff\x00 no greeting")
    assert router.recv_multipart() == [peer, b"\xff\x00 no greeting"]
    router.send_multipart([peer, b"answer", b"!"])  # MORE means nothing on the wire
    assert take(client, 6) == b"answer"
    router.send_multipart([peer, b""])
    assert to_the_end(client) == b""


def test_who_connects_knows_the_id_at_once(sock: Any) -> None:
    """By ROUTING_ID after `connect` (zmq_socket(3)); what is sent there waits for the peer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.settimeout(TIMEOUT)
        stream = sock("STREAM")
        assert stream.routing_id == b""
        stream.connect(endpoint)
        peer = stream.getsockopt(zmq.ROUTING_ID)
        assert len(peer) == 5
        stream.send_multipart([peer, b"hello"])
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            assert take(accepted, 5) == b"hello"
            assert comes(stream) == peer
            accepted.sendall(b"welcome")
            assert read(stream, peer, 7) == b"welcome"
        stream.connect("ipc://@nobody-is-here")
        assert len({peer, stream.routing_id}) == 2


def test_the_id_of_one_who_is_not_there_yet(sock: Any) -> None:
    stream = sock("STREAM", reconnect_ivl=10)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    stream.connect(f"tcp://127.0.0.1:{port}")
    peer = stream.routing_id
    assert stream.events & zmq.POLLOUT
    stream.send_multipart([peer, b"first"])
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(TIMEOUT)
        for text in (b"first", b"again"):  # it stays the same when the connection comes again
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(TIMEOUT)
                assert comes(stream) == peer
                assert take(accepted, 5) == text
            assert stream.recv_multipart() == [peer, b""]
            stream.send_multipart([peer, b"again"])


def test_with_immediate_there_is_no_id_before_the_peer(sock: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT)
        stream = sock("STREAM", immediate=1)
        stream.connect(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        accepted, _ = server.accept()
        with accepted:
            peer = comes(stream)
            assert stream.routing_id == peer
