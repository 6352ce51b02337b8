"""tipc:// and vsock://: endpoints always, traffic where the kernel has them. And norm, vmci."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from peromq.error import ZMQError
from peromq.options import Options
from peromq.transports import tipc, vsock
from peromq.transports.kernel_family import FamilyTransport
from tests.helpers import last_endpoint, raises_errno, zmq
from tests.sharedfixtures import ctx, endpoints, sock

__all__ = ["ctx", "endpoints", "sock"]

ANY = 0xFFFFFFFF


def why_no_vsock() -> str:
    """Why vsock cannot be tested here; empty if it can: connections within a host need a module."""
    if not hasattr(socket, "AF_VSOCK"):
        return "Python has no AF_VSOCK"
    try:
        with socket.socket(socket.AF_VSOCK) as server, socket.socket(socket.AF_VSOCK) as client:
            server.bind((ANY, ANY))
            server.listen()
            client.settimeout(0.3)
            client.connect((1, server.getsockname()[1]))  # VMADDR_CID_LOCAL
            return ""
    except TimeoutError:
        return "no vsock within this host: try `modprobe vsock_loopback`"
    except OSError as error:
        return f"the kernel has no vsock: {error}"


def why_no_tipc() -> str:
    """Why TIPC cannot be tested here."""
    if not hasattr(socket, "AF_TIPC"):
        return "Python was built without TIPC"
    try:
        socket.socket(socket.AF_TIPC, socket.SOCK_STREAM).close()
    except OSError as error:
        return f"the kernel has no TIPC: {error}"
    return ""


NO_VSOCK, NO_TIPC = why_no_vsock(), why_no_tipc()


# ---------------------------------------------------------------- vsock


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("3:5000", (3, 5000)),
        ("*:5000", (ANY, 5000)),
        ("-1:-1", (ANY, ANY)),
        ("@:*", (2, ANY)),
        ("4294967295:0", (ANY, 0)),
    ],
)
def test_vsock_addresses(address: str, parsed: tuple[int, int]) -> None:
    assert vsock.parse(address, "vsock://") == parsed


@pytest.mark.parametrize(
    "address", ["3", ":", "3:", ":5", "x:1", "1:x", "4294967296:1", "1:@", "²:1"]
)
def test_vsock_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ZMQError) as caught:
        vsock.parse(address, f"vsock://{address}")
    assert caught.value.errno == errno.EINVAL
    assert f"vsock://{address}" in str(caught.value)


@pytest.mark.parametrize("address", ["*:5000", "3:*"])
def test_a_vsock_peer_is_no_wildcard(sock: Any, address: str) -> None:
    with raises_errno(errno.EINVAL):
        sock("PUSH").connect(f"vsock://{address}")


@pytest.mark.skipif(bool(NO_VSOCK), reason=NO_VSOCK)
def test_vsock_round_trip(sock: Any) -> None:
    rep = sock("REP", bind="vsock://*:*")
    endpoint = last_endpoint(rep)
    assert endpoint.startswith("vsock://*:")
    req = sock("REQ", connect=endpoint.replace("*", "1"))
    req.send_multipart([b"a", b"b" * 100_000])
    assert rep.recv_multipart() == [b"a", b"b" * 100_000]
    rep.send(b"reply")
    assert req.recv() == b"reply"


# ---------------------------------------------------------------- tipc


@pytest.mark.parametrize(
    ("address", "parsed"),
    [("<*>", None), ("{5560,0,10}", (1, 5560, 0, 10, 1)), ("{ 64 , 3 , 3 }", (1, 64, 3, 3, 1))],
)
def test_tipc_services(address: str, parsed: object) -> None:
    assert tipc.parse_bind(address, "tipc://") == parsed


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("{5560,0}", (2, 5560, 0, 0)),
        ("{5560,7}@0.0.0", (2, 5560, 7, 0)),
        ("<1.2.3:45>", (3, 1 << 24 | 2 << 12 | 3, 45, 0)),
    ],
)
def test_tipc_peers(address: str, parsed: object) -> None:
    assert tipc.parse_connect(address, "tipc://") == parsed


@pytest.mark.parametrize(
    "address",
    ["", "{}", "{5560}", "{5560,1}", "{5560,2,1}", "{63,0,0}", "{4294967296,0,0}", "{1,2,3"],
)
def test_tipc_services_that_are_none(address: str) -> None:
    with pytest.raises(ZMQError) as caught:
        tipc.parse_bind(address, f"tipc://{address}")
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    "address",
    ["<*>", "{5560,0,10}", "{64,0}", "{5560,0}@1.1.1", "<1.2.3>", "<256.0.0:1>", "<1.4096.0:1>"],
)
def test_tipc_peers_that_are_none(address: str) -> None:
    with pytest.raises(ZMQError) as caught:
        tipc.parse_connect(address, f"tipc://{address}")
    assert caught.value.errno == errno.EINVAL


@pytest.mark.skipif(not NO_TIPC, reason="this kernel has TIPC")
def test_without_tipc_the_error_says_so(sock: Any) -> None:
    for call, endpoint in (
        (sock("PULL").bind, "tipc://{5560,0,0}"),
        (sock("PUSH").connect, "tipc://{5560,0}"),
    ):
        with raises_errno(errno.EAFNOSUPPORT) as caught:
            call(endpoint)
        assert "modprobe tipc" in str(caught.value)
        assert endpoint in str(caught.value)


@pytest.mark.skipif(bool(NO_TIPC), reason=NO_TIPC)
@pytest.mark.parametrize("endpoint", ["tipc://{5560,0,10}", "tipc://<*>"])
def test_tipc_round_trip(sock: Any, endpoint: str) -> None:
    rep = sock("REP", bind=endpoint)
    there = "tipc://{5560,0}" if endpoint.startswith("tipc://{") else last_endpoint(rep)
    req = sock("REQ", connect=there)
    req.send(b"question")
    assert rep.recv() == b"question"
    rep.send(b"answer")
    assert req.recv() == b"answer"


# ---------------------------------------------------------------- what they share


class Stand(FamilyTransport):
    """A family that every kernel has."""

    scheme = "unix"
    family = socket.AF_UNIX

    def local(self, address: str, endpoint: str) -> str:
        return address

    remote = local

    def endpoint_of(self, connection: socket.socket) -> str:
        return f"unix://{connection.getsockname()}"

    def peer_address(self, connection: socket.socket) -> str:
        return ""


def test_listen_and_dial(options: Options, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listening = Stand().listen(path, options)
    assert listening.endpoint == f"unix://{path}"
    target = Stand().target(path, options)
    client, number = target.dial(target.routes()[0])
    with client, listening.sock.accept()[0] as server:
        assert number == 0
        client.sendall(b"hello")
        assert server.recv(5) == b"hello"
    with pytest.raises(ZMQError) as caught:
        Stand().listen(path, options)
    assert caught.value.errno == errno.EADDRINUSE
    assert f"unix://{path}" in str(caught.value)
    listening.close()


# ---------------------------------------------------------------- what is not here


@pytest.mark.parametrize(("scheme", "instead"), [("norm", "epgm://"), ("vmci", "vsock://")])
def test_what_is_not_here_names_what_is(sock: Any, scheme: str, instead: str) -> None:
    assert not zmq.has(scheme)
    for call in (sock("PUB").bind, sock("SUB").connect):
        with raises_errno(errno.EPROTONOSUPPORT) as caught:
            call(f"{scheme}://127.0.0.1:5555")
        assert instead in str(caught.value)


def test_what_is_here_says_so() -> None:
    assert all(zmq.has(name) for name in ("tipc", "vsock", "ws", "wss", "tls", "WS"))


def test_use_fd_adopts_vsock_listeners_only(options: Options) -> None:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        options.use_fd = tcp.fileno()
        for transport in (vsock.VsockTransport(), tipc.TipcTransport()):
            with pytest.raises(ZMQError) as caught:
                transport.listen("anything", options)
            assert caught.value.errno == errno.EINVAL
