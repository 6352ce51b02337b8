"""One set of checks for every stream transport."""

import contextlib
import errno
import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from peromq.error import ZMQError
from peromq.options import Options
from peromq.transports import TRANSPORTS, Target, finish_connect, split_endpoint

TIMEOUT = 10.0


# tipc and vsock need their kernels
@pytest.fixture(params=sorted(TRANSPORTS.keys() - {"udp", "tipc", "vsock"}))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An endpoint to bind to."""
    local = {"ipc": f"ipc://{tmp_path}/s"}
    return local.get(request.param, f"{request.param}://127.0.0.1:*")


def wait_for(sock: socket.socket, event: int) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, event)
        assert selector.select(TIMEOUT)


def connect(target: Target) -> socket.socket:
    (route,) = target.routes()
    sock, status = target.dial(route)
    assert status in (0, errno.EINPROGRESS)
    wait_for(sock, selectors.EVENT_WRITE)
    finish_connect(sock)
    return sock


def test_listen_accept_and_talk(address: str, options: Options) -> None:
    transport, place = split_endpoint(address)
    listening = transport.listen(place, options)
    assert listening.sock.getblocking() is False
    assert listening.endpoint.startswith(f"{transport.scheme}://")
    with connect(transport.target(split_endpoint(listening.endpoint)[1], options)) as ours:
        assert ours.getblocking() is False
        wait_for(listening.sock, selectors.EVENT_READ)
        theirs, _ = listening.sock.accept()
        with theirs:
            transport.tune(theirs, options)
            assert transport.admits(theirs, options)
            assert transport.endpoint_of(theirs) == listening.endpoint
            assert transport.peer_address(theirs)
            theirs.send(b"hello")
            wait_for(ours, selectors.EVENT_READ)
            assert ours.recv(5) == b"hello"
    listening.close()
    listening.close()


def test_an_address_in_use_is_refused_by_name(address: str, options: Options) -> None:
    transport, place = split_endpoint(address)
    listening = transport.listen(place, options)
    with pytest.raises(ZMQError) as caught:
        transport.listen(split_endpoint(listening.endpoint)[1], options)
    assert caught.value.errno == errno.EADDRINUSE
    assert listening.endpoint in str(caught.value)
    listening.close()


def test_a_closed_address_can_be_used_again(address: str, options: Options) -> None:
    transport, place = split_endpoint(address)
    first = transport.listen(place, options)
    first.close()
    again = transport.listen(split_endpoint(first.endpoint)[1], options)
    assert again.endpoint == first.endpoint
    again.close()


def test_nobody_there_is_an_errno_not_an_exception(address: str, options: Options) -> None:
    transport, place = split_endpoint(address)
    listening = transport.listen(place, options)
    listening.close()
    target = transport.target(split_endpoint(listening.endpoint)[1], options)
    (route,) = target.routes()
    sock, status = target.dial(route)
    with contextlib.closing(sock):
        if status == errno.EINPROGRESS:
            wait_for(sock, selectors.EVENT_WRITE)
            with pytest.raises(ConnectionRefusedError):
                finish_connect(sock)
        else:
            assert status in (errno.ENOENT, errno.ECONNREFUSED)


def test_use_fd_adopts_a_listener(address: str, options: Options) -> None:
    transport, place = split_endpoint(address)
    given = transport.listen(place, options)
    options.use_fd = os.dup(given.sock.fileno())
    adopted = transport.listen("anything", options)
    assert adopted.endpoint == given.endpoint
    assert adopted.sock.fileno() == options.use_fd
    adopted.close()
    given.close()


def test_use_fd_adopts_a_listener_once(address: str, options: Options) -> None:
    """The option stays set for later binds; two owners would close it twice."""
    transport, place = split_endpoint(address)
    given = transport.listen(place, options)
    options.use_fd = os.dup(given.sock.fileno())
    adopted = transport.listen(place, options)
    with pytest.raises(ZMQError, match="in use already") as caught:
        transport.listen(place, options)
    assert caught.value.errno == errno.EADDRINUSE
    adopted.close()
    given.close()


@pytest.mark.parametrize("make", [os.eventfd, lambda _: socket.socket().detach()])
def test_use_fd_refuses_what_does_not_listen(
    address: str, options: Options, make: Callable[[int], int]
) -> None:
    transport, place = split_endpoint(address)
    options.use_fd = make(0)
    with pytest.raises(ZMQError) as caught:
        transport.listen(place, options)
    assert caught.value.errno in (errno.EINVAL, errno.ENOTSOCK)
    os.close(options.use_fd)  # it was not taken


def test_use_fd_refuses_a_closed_descriptor(address: str, options: Options) -> None:
    transport, place = split_endpoint(address)
    options.use_fd = 100_000
    with pytest.raises(ZMQError) as caught:
        transport.listen(place, options)
    assert caught.value.errno == errno.EBADF


def test_buffers_are_set_before_anything_happens(address: str, options: Options) -> None:
    options.sndbuf, options.rcvbuf = 20_000, 30_000
    transport, place = split_endpoint(address)
    listening = transport.listen(place, options)
    with connect(transport.target(split_endpoint(listening.endpoint)[1], options)) as ours:
        for sock in (listening.sock, ours):
            # Linux doubles them for its own needs.
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40_000
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 60_000
    listening.close()


@pytest.mark.parametrize(
    ("endpoint", "number"),
    [
        ("", errno.EINVAL),
        ("tcp", errno.EINVAL),
        ("tcp://", errno.EINVAL),
        ("://x", errno.EINVAL),
        ("tcp:/x", errno.EINVAL),
        ("pigeon://x", errno.EPROTONOSUPPORT),
        ("TCP://127.0.0.1:1", errno.EPROTONOSUPPORT),
    ],
)
def test_endpoints_that_are_none(endpoint: str, number: int) -> None:
    with pytest.raises(ZMQError) as caught:
        split_endpoint(endpoint)
    assert caught.value.errno == number
    assert repr(endpoint) in str(caught.value)
