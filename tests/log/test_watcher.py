"""`python -m peromq.log`: prints what a PUBHandler publishes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import LIB, asleep, kill_and_reap, last_endpoint, wait_until

Watch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def pub(sock: Any) -> Any:
    return sock("XPUB", bind="tcp://127.0.0.1:*")


@pytest.fixture
def watch(pub: Any) -> Iterator[Watch]:
    """Start the watcher, and return when it is subscribed."""
    started: list[subprocess.Popen[str]] = []

    def start(*args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-m", f"{LIB}.log", last_endpoint(pub), *args]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert pub.recv()[:1] == b"\x01"
        return started[-1]

    yield start
    for process in started:
        kill_and_reap(process)
        assert process.stdout is not None
        process.stdout.close()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def test_lines(pub: Any, watch: Watch) -> None:
    process = watch("--separator", ": ", "-t", "app")
    for topic, text in ((b"other.INFO", b"x"), (b"app.INFO", b"one\n"), (b"app.DEBUG.a", b"two")):
        pub.send_multipart([topic, text])
    assert lines(process, 2) == ["app.INFO: one", "app.DEBUG.a: two"]
    wait_until(lambda: asleep(process.pid))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_columns(pub: Any, watch: Watch) -> None:
    process = watch("--align", "--timestamp", "--dateformat", "now")
    for topic in (b"INFO.sub", b"WARNING", b"INFO"):
        pub.send_multipart([topic, b"x"])
    assert lines(process, 3) == ["now INFO.sub | x", "now WARNING.    | x", "now INFO   .    | x"]


@pytest.mark.skipif(LIB == "zmq", reason="pyzmq's colors need colorama")
def test_colors(pub: Any, watch: Watch) -> None:
    process = watch("--color")
    pub.send_multipart([b"app.ERROR", b"x"])
    pub.send_multipart([b"OTHER", b"x"])
    pub.send_multipart([b"not a log message"])
    assert lines(process, 3) == [
        "\033[91mapp.ERROR | x\033[39m",
        "OTHER | x\033[39m",
        "not a log message | \033[39m",
    ]
