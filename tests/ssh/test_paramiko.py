"""Tunnels by paramiko, with a stand-in for it."""

from __future__ import annotations

import importlib
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers import LIB, TIMEOUT, wait_until

tunnel: Any = importlib.import_module(f"{LIB}.ssh.tunnel")
forward: Any = importlib.import_module(f"{LIB}.ssh.forward")


class Transport:
    """Opens channels to a far end that is the other half of a socketpair."""

    def __init__(self) -> None:
        self.opened: list[tuple[Any, ...]] = []
        self.far_ends: list[socket.socket] = []
        self.refuse: Any = None

    def open_channel(self, *args: Any) -> Any:
        self.opened.append(args)
        if self.refuse is not None:
            return self.refuse()
        near, far = socket.socketpair()
        far.settimeout(TIMEOUT)
        self.far_ends.append(far)
        return near


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    for far in made.far_ends:
        far.close()


@pytest.fixture
def port(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A local port that is forwarded."""
    servers: list[Any] = []
    serve = forward.ForwardServer.serve_forever

    def remember(server: Any) -> None:
        servers.append(server)
        serve(server, poll_interval=0.01)

    monkeypatch.setattr(forward.ForwardServer, "serve_forever", remember)
    thread = threading.Thread(target=forward.forward_tunnel, args=(0, "far", 5555, transport))
    thread.start()
    wait_until(lambda: servers)
    yield servers[0].server_address[1]
    servers[0].shutdown()
    thread.join()
    servers[0].server_close()


def test_both_ways(transport: Transport, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as client:
        client.sendall(b"there")
        wait_until(lambda: transport.far_ends)
        far = transport.far_ends[0]
        assert far.recv(100) == b"there"
        far.sendall(b"back")
        assert client.recv(100) == b"back"
        assert transport.opened == [("direct-tcpip", ("far", 5555), client.getsockname())]
        far.close()
        assert client.recv(100) == b""


def test_our_side_ends_it(transport: Transport, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT):
        wait_until(lambda: transport.far_ends)
    assert transport.far_ends[0].recv(100) == b""


def fail() -> None:
    raise OSError("administratively prohibited")


@pytest.mark.parametrize("refuse", [lambda: None, fail])
def test_channels_that_are_refused(transport: Transport, port: int, refuse: Any) -> None:
    transport.refuse = refuse
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as client:
        assert client.recv(100) == b""


class Client:
    """paramiko.SSHClient, as far as we use it."""

    needs_password = False
    policies: tuple[Any, ...] = ()
    connected: tuple[Any, ...] = ()

    def load_host_keys(self, path: str) -> None:
        raise FileNotFoundError

    def set_missing_host_key_policy(self, policy: Any) -> None:
        Client.policies += (policy,)

    def connect(self, host: str, port: int, username: str, **kwargs: Any) -> None:
        Client.connected = (username, host, port, kwargs["key_filename"])
        if self.needs_password:
            raise LookupError

    def close(self) -> None:
        pass


def test_login_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(
        SSHClient=Client, AuthenticationException=LookupError, AutoAddPolicy=lambda: "auto"
    )
    monkeypatch.setattr(tunnel, "paramiko", stand_in)
    monkeypatch.setenv("PYZMQ_PARAMIKO_HOST_KEY_POLICY", "AutoAdd")
    assert tunnel.try_passwordless_ssh("me@host:2222", "key", paramiko=True) is True
    assert Client.connected == ("me", "host", 2222, "key")
    assert Client.policies == ("auto",)
    monkeypatch.setattr(Client, "needs_password", True)
    assert tunnel.try_passwordless_ssh("me@host", None, paramiko=True) is False
