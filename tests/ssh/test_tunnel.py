"""ssh tunnels, with programs in place of ssh that play its part."""

from __future__ import annotations

import importlib
import inspect
import stat
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, LIB, differs_from_libzmq

tunnel: Any = importlib.import_module(f"{LIB}.ssh.tunnel")

HEAD = """\
    #!{python} -I
    import sys
    with open({log!r}, "a") as log:
        print(*sys.argv[1:], sep="|", file=log)
    if "-O" in sys.argv:
        {master}
"""
NO_MASTER = "sys.exit(255)"
MASTER = "sys.exit(print('Master running (pid=4242)', file=sys.stderr))"

Ssh = Callable[..., Callable[[], list[str]]]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ssh:
    """`ssh(code)`: put a program first in PATH; what it returns tells how it was called."""

    def make(code: str = "", master: str = NO_MASTER) -> Callable[[], list[str]]:
        log, program = tmp_path / "log", tmp_path / "ssh"
        head = textwrap.dedent(HEAD).format(python=sys.executable, log=str(log), master=master)
        program.write_text(head + textwrap.dedent(code))
        program.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return lambda: log.read_text().splitlines()

    return make


def test_random_ports() -> None:
    ports = tunnel.select_random_ports(20)
    assert len(set(ports)) == 20
    assert all(isinstance(port, int) for port in ports)


def test_login_without_a_password(ssh: Ssh) -> None:
    calls = ssh()
    assert tunnel.try_passwordless_ssh("me@host", "key") is True
    assert [set(call.split("|")) for call in calls()] == [{"-f", "-i", "key", "me@host", "exit"}]


def test_login_with_a_password(ssh: Ssh) -> None:
    ssh("input('Password: ')")
    assert tunnel.try_passwordless_ssh("host", None) is False


def test_an_unknown_host(ssh: Ssh) -> None:
    ssh("input('Are you sure you want to continue connecting (yes/no)? ')")
    with pytest.raises(tunnel.SSHException, match="authenticity"):
        tunnel.try_passwordless_ssh("host", None)
    with pytest.raises(tunnel.SSHException, match="authenticity"):
        tunnel.openssh_tunnel(1, 2, "host")


def test_a_tunnel(ssh: Ssh) -> None:
    calls = ssh()
    pid = tunnel.openssh_tunnel(1000, 2000, "me@host:2222", "10.0.0.1", keyfile="key", timeout=7)
    assert pid > 0
    options = "-i|key|-p|2222"
    assert calls()[0] == f"{options}|-O|check|me@host"
    last = calls()[-1].replace("sleep|7", "sleep 7")  # ssh joins them anyway
    assert last == f"{options}|-f|-S|none|-L|127.0.0.1:1000:10.0.0.1:2000|me@host|sleep 7"


ASKS_TWICE = """
    import getpass
    for _ in range(2):
        if input("me@host's password: ") == "right":
            sys.exit()
    sys.exit("Permission denied")
"""


def test_a_password_that_is_given(ssh: Ssh) -> None:
    ssh(ASKS_TWICE)
    assert tunnel.openssh_tunnel(1, 2, "me@host", password="right") > 0


def test_a_wrong_password_is_asked_for(ssh: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh(ASKS_TWICE)
    prompts: list[str] = []
    monkeypatch.setattr(tunnel, "getpass", lambda prompt: prompts.append(prompt) or "right")
    assert tunnel.openssh_tunnel(1, 2, "me@host", password="wrong") > 0
    assert prompts == ["me@host's password: "]


@differs_from_libzmq
def test_ssh_that_fails(ssh: Ssh) -> None:
    """pyzmq does not look, and returns as if all were well."""
    ssh("sys.exit('no route to host')")
    with pytest.raises(RuntimeError, match="no route to host"):
        tunnel.openssh_tunnel(1, 2, "host")


@pytest.mark.slow
@differs_from_libzmq
def test_ssh_that_is_slow(ssh: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "LOGIN_TIMEOUT", 0.2)
    ssh("sys.stdin.read()")
    with pytest.raises(tunnel.MaxRetryExceeded, match="not logged in"):
        tunnel.openssh_tunnel(1, 2, "host")
    with pytest.raises(tunnel.MaxRetryExceeded):
        tunnel.try_passwordless_ssh("host", None)


@pytest.mark.slow
@differs_from_libzmq
def test_passwords_that_are_never_right(ssh: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh("while True: input('password: ')")
    monkeypatch.setattr(tunnel, "getpass", lambda prompt: "wrong")
    with pytest.raises(tunnel.MaxRetryExceeded, match="10 passwords"):
        tunnel.openssh_tunnel(1, 2, "host")


def test_a_control_master_does_it(ssh: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    at_exit: list[Any] = []
    monkeypatch.setattr(tunnel.atexit, "register", lambda *args: at_exit.append(args))
    calls = ssh(master=MASTER)
    assert tunnel.openssh_tunnel(1, 2, "host") == 4242
    assert calls() == ["-O|check|host", "-O|forward|-L|127.0.0.1:1:127.0.0.1:2|host"]
    function, *args = at_exit[0]
    function(*args)
    assert calls()[-1] == "-O|cancel|-L|127.0.0.1:1:127.0.0.1:2|host"


@differs_from_libzmq
@pytest.mark.parametrize("server", ["-oProxyCommand=evil", "-host:22"])
def test_a_server_is_no_option(ssh: Ssh, server: str) -> None:
    ssh()
    with pytest.raises(ValueError, match="option"):
        tunnel.openssh_tunnel(1, 2, server)
    with pytest.raises(ValueError, match="option"):
        tunnel.try_passwordless_ssh(server, None)


class Connected:
    url = ""

    def connect(self, url: str) -> None:
        self.url = url


def test_tunnel_connection(ssh: Ssh) -> None:
    calls = ssh()
    socket = Connected()
    assert tunnel.tunnel_connection(socket, "tcp://10.0.0.1:5555", "host") > 0
    assert socket.url.startswith("tcp://127.0.0.1:")
    port = socket.url.rpartition(":")[2]
    assert f"127.0.0.1:{port}:10.0.0.1:5555" in calls()[-1]


@differs_from_libzmq
@pytest.mark.parametrize("addr", ["ipc:///x", "tcp://host", "host:1"])
def test_only_tcp(addr: str) -> None:
    with pytest.raises(ValueError, match="only tcp"):
        tunnel.open_tunnel(addr, "host")


@pytest.mark.parametrize("name", ["pexpect", "paramiko"])
def test_extras_that_are_not_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(tunnel, name, None)
    use_paramiko = name == "paramiko"
    with pytest.raises(ImportError):
        tunnel.try_passwordless_ssh("host", None, paramiko=use_paramiko)
    with pytest.raises(ImportError):
        tunnel.open_tunnel("tcp://host:1", "host", paramiko=use_paramiko)


@pytest.mark.parametrize(
    ("server", "parts"),
    [("me@host:2222", ("me", "host", 2222)), ("me@host", ("me", "host", 22))],
)
def test_servers(server: str, parts: tuple[str, str, int]) -> None:
    assert tunnel._split_server(server) == parts
    assert tunnel._split_server("host")[1:] == ("host", 22)


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="compares the two")
def test_signatures_are_those_of_pyzmq() -> None:
    theirs = importlib.import_module("zmq.ssh.tunnel")
    for name in (*theirs.__all__, "open_tunnel", "select_random_ports"):
        mine, other = (
            [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
            for f in (getattr(tunnel, name), getattr(theirs, name))
        )
        assert mine == other, name
