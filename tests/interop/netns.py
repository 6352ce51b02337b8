"""Network namespaces joined by veth, made for one test and gone with it.

a ──veth── b                      directly, or
a ──veth── relay ──veth── b       with losses, copies and delays, the same for the same seed
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import wait_until

A, B = "10.99.7.1", "10.99.7.2"
A6, B6 = "fd00:7::1", "fd00:7::2"
ROOT = Path(__file__).resolve().parents[2]


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def _is_up(show: tuple[str, ...]) -> bool:
    return " UP " in ip(*show)


class Network:
    """Two hosts `a` and `b`; interfaces are called `net0` in both."""

    def __init__(self, relay: tuple[str, ...] = ()) -> None:
        """`relay`: its arguments (see relay.py); none for a plain cable."""
        if os.geteuid() != 0 or shutil.which("ip") is None:
            pytest.skip("network namespaces need root and the ip command")
        self._prefix = f"pq{os.getpid()}"
        self._stack = contextlib.ExitStack()
        self._arguments = relay

    def __enter__(self) -> Network:
        try:
            self._build()
        except subprocess.CalledProcessError as failure:
            self._stack.close()
            pytest.skip(f"no network namespaces here: {failure.stderr.strip()}")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def name(self, host: str) -> str:
        return f"{self._prefix}{host}"

    def _add(self, host: str) -> None:
        ip("netns", "add", self.name(host))
        self._stack.callback(ip, "netns", "del", self.name(host))
        ip("-n", self.name(host), "link", "set", "lo", "up")

    def _cable(self, host: str, name: str, other: str, other_name: str) -> None:
        ends = ("netns", self.name(host)), ("netns", self.name(other))
        peer = ("type", "veth", "peer", "name", other_name)
        ip("link", "add", name, *ends[0], *peer, *ends[1])
        for where, end in ((host, name), (other, other_name)):
            ip("-n", self.name(where), "link", "set", end, "up")

    def _build(self) -> None:
        for host in ("a", "b"):
            self._add(host)
        if self._arguments:
            self._add("r")
        self.plug_in()
        if self._arguments:
            relay = self.start("r", str(ROOT / "tests" / "interop" / "relay.py"), *self._arguments)
            assert relay.stdout is not None
            assert relay.stdout.readline() == "ready\n"

    def plug_in(self) -> None:
        """Make the cables, with addresses and routes."""
        if self._arguments:
            self._cable("a", "net0", "r", "left")
            self._cable("b", "net0", "r", "right")
        else:
            self._cable("a", "net0", "b", "net0")
        for host, v4, v6 in (("a", A, A6), ("b", B, B6)):
            where = ("-n", self.name(host))
            ip(*where, "address", "add", f"{v4}/24", "dev", "net0")
            ip(*where, "address", "add", f"{v6}/64", "dev", "net0", "nodad")
            ip(*where, "route", "add", "224.0.0.0/4", "dev", "net0")
        for host in ("a", "b"):  # a cable is no cable before both its ends have noticed
            show = ("-n", self.name(host), "-br", "link", "show", "net0", "up")
            wait_until(functools.partial(_is_up, show))

    def forbid(self, host: str, hook: str, what: str) -> None:
        """Have the host's firewall drop such packets, `input` or `output`, until `allow`."""
        if shutil.which("nft") is None:
            pytest.skip("a firewall needs the nft command")
        rule = f"table inet t {{ chain c {{ type filter hook {hook} priority 0; {what} drop; }}; }}"
        subprocess.run([*self._nft(host), "-f", "-"], input=rule, text=True, check=True)

    def allow(self, host: str) -> None:
        """Everything, again."""
        subprocess.run([*self._nft(host), "flush", "ruleset"], check=True)

    def _nft(self, host: str) -> tuple[str, ...]:
        return "ip", "netns", "exec", self.name(host), "nft"

    def start(self, host: str, script: str, *arguments: str) -> subprocess.Popen[str]:
        """A Python script in a host; it is killed at the end if it still runs."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name(host), sys.executable, script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._stack.callback(end, process)
        return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()
