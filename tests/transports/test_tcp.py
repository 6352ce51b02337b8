"""What is tcp's own: families, options, endpoints."""

import errno
import socket

import pytest

from peromq.error import ZMQError
from peromq.options import Options
from peromq.transports import Target, finish_connect
from peromq.transports.tcp import TcpTransport

TCP = TcpTransport()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")


def dial(target: Target) -> socket.socket:
    sock, status = target.dial(target.routes()[0])
    assert status in (0, errno.EINPROGRESS)
    return sock


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("*:*", "tcp://0.0.0.0:"),
        ("127.0.0.1:0", "tcp://127.0.0.1:"),
        ("lo:*", "tcp://127.0.0.1:"),
        ("localhost:*", "tcp://127.0.0.1:"),
    ],
)
def test_last_endpoint(options: Options, address: str, expected: str) -> None:
    listening = TCP.listen(address, options)
    assert listening.endpoint == expected + str(listening.sock.getsockname()[1])
    listening.close()


@needs_ipv6
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("*:*", "tcp://[::]:"),
        ("[::1]:*", "tcp://[::1]:"),
        ("::1:*", "tcp://[::1]:"),
        ("lo:*", "tcp://[::1]:"),
        ("127.0.0.1:*", "tcp://127.0.0.1:"),
    ],
)
def test_last_endpoint_with_ipv6(options: Options, address: str, expected: str) -> None:
    options.ipv6 = 1
    listening = TCP.listen(address, options)
    assert listening.endpoint == expected + str(listening.sock.getsockname()[1])
    listening.close()


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_wildcard_with_ipv6_serves_both_families(options: Options, host: str) -> None:
    options.ipv6 = 1
    listening = TCP.listen("*:*", options)
    port = listening.sock.getsockname()[1]
    with dial(TCP.target(f"{host}:{port}", options)) as ours:
        listening.sock.settimeout(10)
        theirs, _ = listening.sock.accept()
        with theirs:
            assert ours.getpeername()[1] == port
            assert TCP.peer_address(theirs) == host.strip("[]")
            networks = ("127.0.0.0/8", "::1")
            options.tcp_accept_filter = networks
            assert TCP.admits(theirs, options)
    listening.close()


def test_without_ipv6_in_the_kernel_a_wildcard_serves_ipv4(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def make(family: int = -1, *args: int, **kwargs: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *args, **kwargs)

    monkeypatch.setattr(socket, "socket", make)
    options.ipv6 = 1
    listening = TCP.listen("*:*", options)
    assert listening.endpoint.startswith("tcp://0.0.0.0:")
    listening.close()


@pytest.mark.parametrize("address", ["[::1]:5555", "::1:5555"])
def test_an_ipv6_address_needs_the_option(options: Options, address: str) -> None:
    for use in (TCP.listen, TCP.target):
        with pytest.raises(ZMQError, match="IPV6 option") as caught:
            use(address, options)
        assert caught.value.errno == errno.ENODEV


def test_names_may_block_and_literals_do_not(options: Options) -> None:
    assert TCP.target("example.com:80", options).may_block
    assert not TCP.target("127.0.0.1:80", options).may_block
    assert not TCP.target("*:0;127.0.0.1:80", options).may_block


def test_an_unknown_interface_is_enodev(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(ZMQError, match="nosuch0") as caught:
        TCP.listen("nosuch0:*", options)
    assert caught.value.errno == errno.ENODEV


def test_options_of_connections(options: Options) -> None:
    listening = TCP.listen("127.0.0.1:*", options)
    options.tcp_keepalive = 1
    options.tcp_keepalive_cnt, options.tcp_keepalive_idle, options.tcp_keepalive_intvl = 3, 40, 50
    options.tcp_maxrt, options.tos, options.priority = 6000, 0x28, 3
    expected = {
        (socket.IPPROTO_TCP, socket.TCP_NODELAY): 1,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 3,
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 40,
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 50,
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 6000,
        (socket.IPPROTO_IP, socket.IP_TOS): 0x28,
        (socket.SOL_SOCKET, socket.SO_PRIORITY): 3,
    }
    with dial(TCP.target(listening.endpoint.removeprefix("tcp://"), options)) as ours:
        listening.sock.settimeout(10)
        theirs, _ = listening.sock.accept()
        with theirs:
            TCP.tune(theirs, options)
            for sock in (ours, theirs):
                for (level, name), value in expected.items():
                    assert sock.getsockopt(level, name) == value
    listening.close()


def test_busy_poll(options: Options) -> None:
    """More than the system's default takes a privilege."""
    options.busy_poll = 50
    try:
        listening = TCP.listen("127.0.0.1:*", options)
    except ZMQError as refusal:
        number = refusal.errno
    else:
        number = 0
        assert listening.sock.getsockopt(socket.SOL_SOCKET, 46) == 50
        listening.close()
    assert number in (0, errno.EPERM)


def test_nagle_is_off_by_default_and_nothing_else_is_changed(options: Options) -> None:
    with socket.socket() as plain, socket.socket() as sock:
        TCP.tune(sock, options)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        for level, name in (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            (socket.IPPROTO_IP, socket.IP_TOS),
            (socket.SOL_SOCKET, socket.SO_PRIORITY),
        ):
            assert sock.getsockopt(level, name) == plain.getsockopt(level, name)


def test_an_unknown_device_is_refused(options: Options) -> None:
    options.bindtodevice = "nosuch0"
    with pytest.raises(ZMQError) as caught:
        TCP.listen("127.0.0.1:*", options)
    assert caught.value.errno in (errno.ENODEV, errno.EPERM)


def test_a_source_of_the_wrong_family_leaves_no_route(options: Options) -> None:
    options.ipv6 = 1
    target = TCP.target("127.0.0.1:0;[::1]:80", options)
    with pytest.raises(OSError, match="assign") as caught:
        target.routes()
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_source_port_serves_several_connections(options: Options) -> None:
    listeners = [TCP.listen("127.0.0.1:*", options) for _ in range(2)]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = [
        dial(TCP.target(f"127.0.0.1:{port};{one.endpoint.removeprefix('tcp://')}", options))
        for one in listeners
    ]
    for sock in ours:
        assert sock.getsockname() == ("127.0.0.1", port)
        sock.close()
    for one in listeners:
        one.close()


def test_a_connection_to_itself_is_a_refusal() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())  # TCP's simultaneous open
        with pytest.raises(ConnectionRefusedError):
            finish_connect(sock)


def test_a_peer_that_is_gone_has_no_address(options: Options) -> None:
    with socket.socket() as sock:
        assert TCP.peer_address(sock) == ""
        options.tcp_accept_filter = ("0.0.0.0/0",)
        assert not TCP.admits(sock, options)
