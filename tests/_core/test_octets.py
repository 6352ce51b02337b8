"""What handshakes read and write with: octets of a connection, never waited for."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from peromq._core import handles_octets as octets

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_there_and_back(pair: Pair) -> None:
    one, other = (end.fileno() for end in pair)
    assert octets.send(one, b"a\0b") == 3
    assert octets.receive(other) == b"a\0b"
    assert octets.send(one, b"") == 0


def test_nothing_is_waited_for_even_on_a_blocking_socket(pair: Pair) -> None:
    one, other = pair
    assert one.getblocking()
    with pytest.raises(BlockingIOError):
        octets.receive(other.fileno())
    one.setblocking(False)
    with pytest.raises(BlockingIOError):
        one.sendall(bytes(1 << 24))
    one.setblocking(True)
    with pytest.raises(BlockingIOError):
        octets.send(one.fileno(), b"x")


def test_one_read_has_its_limit(pair: Pair) -> None:
    one, other = pair
    one.sendall(bytes(8193))
    assert len(octets.receive(other.fileno())) == 8192
    assert len(octets.receive(other.fileno())) == 1


def test_the_end(pair: Pair) -> None:
    one, other = pair
    one.close()
    assert octets.receive(other.fileno()) == b""
    with pytest.raises(BrokenPipeError):  # and no signal
        octets.send(other.fileno(), b"x")


def test_what_is_no_connection() -> None:
    for call in (lambda: octets.receive(-1), lambda: octets.send(-1, b"x")):
        with pytest.raises(OSError, match="descriptor") as caught:
            call()
        assert caught.value.errno == errno.EBADF
    with pytest.raises(TypeError):
        octets.send(0, bytearray(b"x"))  # type: ignore[arg-type]
