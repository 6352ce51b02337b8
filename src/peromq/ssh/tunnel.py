"""ssh tunnels to endpoints that cannot be reached directly.

OpenSSH's `ssh` needs pexpect, which types the password; the alternative is paramiko. Both are
optional; a function that needs one that is not there raises ImportError.
"""

from __future__ import annotations

import atexit
import os
import re
import signal
import socket as stdsocket
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack
from getpass import getpass, getuser
from multiprocessing import Process
from typing import Any

from .forward import forward_tunnel

paramiko: Any
pexpect: Any
SSHException: type[Exception]

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what paramiko imports
        import paramiko  # type: ignore[no-redef]
except ImportError:
    paramiko = None

    class SSHException(Exception):  # type: ignore[no-redef]
        """The server is not to be trusted."""

else:
    SSHException = paramiko.ssh_exception.SSHException

try:
    import pexpect  # type: ignore[no-redef]
except ImportError:
    pexpect = None

LOGIN_TIMEOUT = 60
"""Seconds that a login may take."""

MAX_PASSWORDS = 10
"""How often a password is asked for."""

_NEW_HOST = "Are you sure you want to continue connecting"
_PASSWORD = re.compile(rb"pass(word|phrase)", re.IGNORECASE)
_MASTER_PID = re.compile(rb"\(pid=(\d+)\)")


class MaxRetryExceeded(Exception):
    """ssh has neither let us in nor refused, or has refused too many passwords."""


def select_random_ports(n: int) -> list[int]:
    """`n` different TCP ports that are free now."""
    with ExitStack() as stack:
        ports = []
        for _ in range(n):
            holder = stack.enter_context(stdsocket.socket())
            holder.bind(("", 0))
            ports.append(int(holder.getsockname()[1]))
        return ports


def try_passwordless_ssh(server: str, keyfile: str | None, paramiko: bool | None = None) -> bool:
    """Does `server` let us in without a password?

    server: `user@host:port`, of which only the host is needed. paramiko: use it instead of ssh;
    by default on Windows only. Raises SSHException if the server's key is unknown,
    MaxRetryExceeded if it does not answer within 60 s.
    """
    if _wants_paramiko(paramiko):
        return _try_passwordless_paramiko(server, keyfile)
    return _try_passwordless_openssh(server, keyfile)


def tunnel_connection(
    socket: Any,
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: bool | None = None,
    timeout: int = 60,
) -> Process | int:
    """Connect a socket to `addr` as seen from `server`. Otherwise as `open_tunnel`; the tunnel."""
    url, tunnel = open_tunnel(addr, server, keyfile, password, paramiko, timeout)
    socket.connect(url)
    return tunnel


def open_tunnel(
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: bool | None = None,
    timeout: int = 60,
) -> tuple[str, Process | int]:
    """Open a tunnel to `addr` (`tcp://host:port`) as seen from an ssh server.

    Returns the endpoint to connect to instead, and the tunnel: a process id of ssh, or paramiko's
    Process. The arguments are those of `openssh_tunnel`; paramiko: use it instead of ssh; by
    default on Windows only. ValueError for an `addr` that is not of tcp.
    """
    match = re.fullmatch(r"tcp://(.+):(\d+)", addr)
    if match is None:
        raise ValueError(f"only tcp://host:port can be tunneled, not {addr!r}")
    lport = select_random_ports(1)[0]
    make = paramiko_tunnel if _wants_paramiko(paramiko) else openssh_tunnel
    tunnel = make(
        lport,
        int(match[2]),
        server,
        remoteip=match[1],
        keyfile=keyfile,
        password=password,
        timeout=timeout,
    )
    return f"tcp://127.0.0.1:{lport}", tunnel


# -- OpenSSH


def openssh_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: int = 60,
) -> int:
    """Forward the local port `lport` to `remoteip:rport` as seen from `server`, with ssh.

    server: `user@host:port`, of which only the host is needed. keyfile: a private key, besides
    those that ssh knows. password: asked for on the terminal if one is needed and none given.
    timeout: seconds that the tunnel waits for a first connection; it closes with its last one.

    A control master that runs already does it, if there is one. Returns a process id of ssh.
    Raises SSHException if the server's key is unknown, RuntimeError if ssh fails,
    MaxRetryExceeded if it does not answer within 60 s or wants a tenth password.
    """
    _require(pexpect, "pexpect unavailable, use paramiko_tunnel")
    ssh, host = _ssh_command(server, keyfile)
    where = f"127.0.0.1:{lport}:{remoteip}:{rport}"
    master = _MASTER_PID.search(_run([*ssh, "-O", "check", host]).stdout)
    if master and _run([*ssh, "-O", "forward", "-L", where, host]).returncode == 0:
        atexit.register(_run, [*ssh, "-O", "cancel", "-L", where, host])
        return int(master[1])
    command = [*ssh, "-f", "-S", "none", "-L", where, host, f"sleep {timeout}"]
    tunnel = _spawn(command)
    deadline = time.monotonic() + LOGIN_TIMEOUT
    for _ in range(MAX_PASSWORDS):
        if not _asks_for_password(tunnel, deadline):
            if tunnel.wait() != 0:
                said = tunnel.before.decode(errors="replace").strip()
                raise RuntimeError(f"tunnel {' '.join(command)!r} failed to start: {said}")
            return int(tunnel.pid)
        tunnel.sendline(getpass(f"{server}'s password: ") if password is None else password)
        password = None  # it is wrong if it is asked for again
    tunnel.close(force=True)
    raise MaxRetryExceeded(f"{server} refused {MAX_PASSWORDS} passwords")


def _try_passwordless_openssh(server: str, keyfile: str | None) -> bool:
    _require(pexpect, "pexpect unavailable, use paramiko")
    ssh, host = _ssh_command(server, keyfile)
    login = _spawn([*ssh, "-f", host, "exit"])
    try:
        return not _asks_for_password(login, time.monotonic() + LOGIN_TIMEOUT)
    finally:
        login.close(force=True)


def _ssh_command(server: str, keyfile: str | None) -> tuple[list[str], str]:
    """The ssh command line up to the host, and the host."""
    if server.startswith("-"):
        raise ValueError(f"not a server but an option of ssh: {server!r}")
    host, _, port = server.partition(":")
    identity = ["-i", keyfile] if keyfile else []
    return ["ssh", *identity, *(["-p", str(int(port))] if port else [])], host


def _environment() -> dict[str, str]:
    """Ours, without a program that would ask for passwords where we cannot answer."""
    return {name: value for name, value in os.environ.items() if name != "SSH_ASKPASS"}


def _spawn(command: list[str]) -> Any:
    return pexpect.spawn(command[0], command[1:], env=_environment())


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        check=False,
    )


def _asks_for_password(login: Any, deadline: float) -> bool:
    """Wait for ssh to ask for a password, or to be done without one (False)."""
    patterns = [_NEW_HOST, _PASSWORD, pexpect.EOF, pexpect.TIMEOUT]
    match login.expect(patterns, timeout=max(deadline - time.monotonic(), 0)):
        case 0:
            login.close(force=True)
            raise SSHException("The authenticity of the host can't be established.")
        case 3:
            login.close(force=True)
            raise MaxRetryExceeded(f"ssh has not logged in within {LOGIN_TIMEOUT} s")
        case which:
            return bool(which == 1)


# -- paramiko


def paramiko_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: int = 60,
) -> Process:
    """As `openssh_tunnel`, with paramiko in a process of its own, which lasts as long as ours.

    For where there is no ssh. timeout: not used.
    """
    _require(paramiko, "Paramiko not available")
    if password is None and not _try_passwordless_paramiko(server, keyfile):
        password = getpass(f"{server}'s password: ")
    process = Process(
        target=_paramiko_tunnel,
        args=(lport, rport, server, remoteip),
        kwargs={"keyfile": keyfile, "password": password},
        daemon=True,
    )
    process.start()
    return process


def _try_passwordless_paramiko(server: str, keyfile: str | None) -> bool:
    _require(paramiko, "Paramiko unavailable, use OpenSSH.")
    username, host, port = _split_server(server)
    client = paramiko.SSHClient()
    try:
        client.load_host_keys(os.path.expanduser("~/.ssh/known_hosts"))
    except FileNotFoundError:
        pass
    policy = os.environ.get("PYZMQ_PARAMIKO_HOST_KEY_POLICY")
    if policy:
        client.set_missing_host_key_policy(getattr(paramiko, f"{policy}Policy")())
    try:
        client.connect(host, port, username=username, key_filename=keyfile, look_for_keys=True)
    except paramiko.AuthenticationException:
        return False
    finally:
        client.close()
    return True


def _paramiko_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str,
    keyfile: str | None = None,
    password: str | None = None,
) -> None:
    """What paramiko_tunnel's process does."""
    username, host, port = _split_server(server)
    client = paramiko.SSHClient()
    client.load_system_host_keys()
    client.set_missing_host_key_policy(paramiko.WarningPolicy())
    try:
        client.connect(
            host,
            port,
            username=username,
            key_filename=keyfile,
            look_for_keys=True,
            password=password,
        )
    except Exception as error:
        sys.exit(f"*** Failed to connect to {host}:{port}: {error!r}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the program, not for us
    try:
        forward_tunnel(lport, remoteip, rport, client.get_transport())
    except Exception as error:
        sys.exit(f"Port forwarding stopped uncleanly: {error}")


def _split_server(server: str) -> tuple[str, str, int]:
    """(user, host, port) of `user@host:port`; by default ours, and 22."""
    username, at, address = server.rpartition("@")
    host, _, port = address.partition(":")
    return username if at else getuser(), host, int(port or 22)


# -- both


def _wants_paramiko(asked: bool | None) -> bool:
    return sys.platform == "win32" if asked is None else asked


def _require(module: Any, otherwise: str) -> None:
    if module is None:
        raise ImportError(otherwise)


ssh_tunnel = paramiko_tunnel if sys.platform == "win32" else openssh_tunnel

__all__ = [
    "openssh_tunnel",
    "paramiko_tunnel",
    "ssh_tunnel",
    "try_passwordless_ssh",
    "tunnel_connection",
]
