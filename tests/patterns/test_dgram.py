"""DGRAM: [address, payload] over udp."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, TIMEOUT, last_endpoint, raises_errno, readable, zmq
from tests.patterns.drafts import OCTETS

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheel has no DGRAM")

ANY = "udp://127.0.0.1:*"


@pytest.fixture
def plain() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(TIMEOUT)
        yield sock


def own_address(dgram: Any) -> tuple[str, int]:
    return "127.0.0.1", int(last_endpoint(dgram).rpartition(":")[2])


def test_the_octets(sock: Any, plain: socket.socket) -> None:
    dgram = sock("DGRAM", bind=ANY)
    plain.sendto(b"ask", own_address(dgram))
    address, body = dgram.recv_multipart()
    assert address == b"127.0.0.1:%d\0" % plain.getsockname()[1]
    assert len(OCTETS["udp_dgram_addr_frame"]) == len(b"127.0.0.1:48089\0")
    assert body == b"ask"
    dgram.send_multipart([address, b"reply"])
    assert plain.recv(100) == OCTETS["udp_dgram_reply"]
    dgram.send_multipart([address.rstrip(b"\0"), b""])  # captured: the NUL may be left out
    assert plain.recv(100) == b""


def test_two_of_them(sock: Any) -> None:
    one, two = sock("DGRAM", bind=ANY), sock("DGRAM", bind=ANY)
    one.send(b"%s:%d" % (b"127.0.0.1", own_address(two)[1]), zmq.SNDMORE)
    one.send(b"in two calls")
    address, body = two.recv_multipart(copy=False)
    assert body.bytes == b"in two calls"
    two.send_multipart([address, body])
    assert one.recv_multipart()[1] == b"in two calls"


def test_any_payload_is_received(sock: Any, plain: socket.socket) -> None:
    dgram = sock("DGRAM", bind=ANY)
    for size in (0, 1, 8191, 8192):
        plain.sendto(bytes(size), own_address(dgram))
        assert dgram.recv_multipart()[1] == bytes(size)
    for size in (8193, 20_000):
        plain.sendto(bytes(size), own_address(dgram))
    plain.sendto(b"end", own_address(dgram))
    assert dgram.recv_multipart()[1] == b"end"
    assert dgram.datagram_counts()[1] == 2


def test_what_cannot_be_sent(sock: Any, plain: socket.socket) -> None:
    dgram = sock("DGRAM", bind=ANY)
    good = b"127.0.0.1:%d" % plain.getsockname()[1]
    for message in ([good], [good, b"x", b"y"], [b"nobody", b"x"], [b"127.0.0.1:0", b"x"],
                    [b"localhost:5", b"x"], [b"", b"x"]):  # fmt: skip
        with raises_errno(errno.EINVAL):
            dgram.send_multipart(message)
    with raises_errno(errno.EMSGSIZE):
        dgram.send_multipart([good, bytes(8193)])
    dgram.send_multipart([good, bytes(8192)])
    assert plain.recv(9000) == bytes(8192)
    dgram.send(good, zmq.SNDMORE)
    with raises_errno(errno.EINVAL):
        dgram.send(b"x", zmq.SNDMORE)
    dgram.send_multipart([good, b"after all"])
    assert plain.recv(9000) == b"after all"


def test_one_address_each(sock: Any) -> None:
    dgram = sock("DGRAM")
    with pytest.raises(zmq.Again):
        dgram.send_multipart([b"127.0.0.1:5", b"x"], zmq.DONTWAIT)
    assert not dgram.poll(0, zmq.POLLOUT)
    dgram.bind(ANY)
    first = last_endpoint(dgram)
    assert dgram.poll(0, zmq.POLLOUT)
    with raises_errno(errno.EINVAL):
        dgram.bind(ANY)
    dgram.unbind(first)
    dgram.bind(ANY)


def test_ipv6(sock: Any) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        try:
            six.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on this host")
        six.settimeout(TIMEOUT)
        dgram = sock("DGRAM", ipv6=1)
        dgram.bind("udp://[::1]:*")
        six.sendto(b"ask", ("::1", own_address(dgram)[1]))
        address, body = dgram.recv_multipart()
        assert address == b"[::1]:%d\0" % six.getsockname()[1]
        dgram.send_multipart([address, b"to " + body])
        assert six.recv(100) == b"to ask"


def test_no_queue_of_a_lost_address(sock: Any, plain: socket.socket) -> None:
    """What is begun before unbind is dropped."""
    dgram = sock("DGRAM", bind=ANY)
    dgram.send(b"127.0.0.1:%d" % plain.getsockname()[1], zmq.SNDMORE)
    dgram.unbind(last_endpoint(dgram))
    dgram.send(b"lost")
    plain.settimeout(0.05)
    with pytest.raises(TimeoutError):
        plain.recv(100)
    assert not readable(dgram, 0)
