"""CVE-2020-36400: what arrives in pieces, cut at every octet."""

from __future__ import annotations

import socket
from typing import Any

from tests.attacks.curve_peer import CurvePeer
from tests.helpers import differs_from_libzmq, last_endpoint, zmq
from tests.raw_zmtp import command, frame, greeting, message, ready
from tests.zap.peers import curve


def pieces(raw: Any, endpoint: str, octets: bytes, cut: int) -> Any:
    """A connection on which these octets come in two segments."""
    stranger = raw(endpoint)
    stranger.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stranger.send(octets[:cut])
    stranger.read(10)  # the server has had its turn
    stranger.send(octets[cut:])
    return stranger


def test_a_cut_at_every_octet(sock: Any, raw: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    parts = [b"one", b"t" * 300, b""]
    octets = greeting() + ready(b"PUSH") + command(b"PING", b"\0\0ctx") + message(*parts)
    for cut in range(1, len(octets) - 300):
        stranger = pieces(raw, last_endpoint(pull), octets, cut)
        assert pull.recv_multipart() == parts
        stranger.close()


def test_octet_by_octet(sock: Any, raw: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    stranger = raw(last_endpoint(pull))
    stranger.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    parts = [b"x" * 260, b"", b"y" * 5]
    for octet in greeting() + ready(b"PUSH") + message(*parts) * 3:
        stranger.send(bytes([octet]))
    for _ in range(3):
        assert pull.recv_multipart() == parts


def test_segments_around_the_sizes_of_buffers(sock: Any, raw: Any) -> None:
    """A large message whose pieces end just before, at and behind powers of two."""
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    body = bytes(range(256)) * 300
    octets = frame(b"first", 1) + frame(body)
    for power in range(1, 17):
        for step in (2**power - 1, 2**power, 2**power + 1):
            if len(octets) // step > 700:
                continue
            stranger = raw(last_endpoint(pull))
            stranger.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stranger.handshake(b"PUSH")
            for start in range(0, len(octets), step):
                stranger.send(octets[start : start + step])
            assert pull.recv_multipart() == [b"first", body]
            stranger.close()


def test_subscriptions_cut_at_every_octet(sock: Any, raw: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    octets = greeting() + ready(b"SUB") + command(b"SUBSCRIBE", b"topic") + frame(b"\1old")
    for cut in range(64, len(octets)):
        stranger = pieces(raw, last_endpoint(pub), octets, cut)
        got = {pub.recv(), pub.recv()}
        assert got == {b"\1topic", b"\1old"}
        stranger.close()
        assert {pub.recv(), pub.recv()} == {b"\0topic", b"\0old"}
    assert not pub.poll(0, zmq.POLLIN)


@differs_from_libzmq  # the peer is made of PeroMQ's parts
def test_curve_in_pieces(sock: Any, raw: Any) -> None:
    theirs, ours = curve()
    pull = sock("PULL", bind="tcp://127.0.0.1:*", **theirs)
    for step in (1, 7, 63, 64, 65, 199, 200, 201):
        peer = CurvePeer(raw(last_endpoint(pull)), ours, step)
        octets = peer.box(b"first", peer.nonce + 1, flags=1) + peer.box(b"x" * 300, peer.nonce + 2)
        for start in range(0, len(octets), step):
            peer.raw.send(octets[start : start + step])
        assert pull.recv_multipart() == [b"first", b"x" * 300]
    one = CurvePeer(raw(last_endpoint(pull)), ours)
    for cut in range(1, len(one.box(b"cut", 0))):
        octets = one.box(b"cut", one.nonce + cut)
        one.raw.send(octets[:cut])
        other = peer.box(b"between", peer.nonce + 2 + cut)
        peer.raw.send(other)
        assert pull.recv() == b"between"
        one.raw.send(octets[cut:])
        assert pull.recv() == b"cut"
