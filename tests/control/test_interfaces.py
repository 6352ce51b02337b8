"""Who wants to know about changes of interfaces is told, by the kernel's word or by the clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from peromq.control import interfaces
from peromq.control.interfaces import InterfaceWatch
from peromq.control.loop import Loop
from tests.helpers import TIMEOUT


class Interested:
    def __init__(self) -> None:
        self.told = threading.Event()

    def fail(self) -> None:
        raise AssertionError


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop("peromq/control")
    made.start()
    yield made
    made.stop()


def test_without_netlink_somebody_looks_now_and_then(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError

    monkeypatch.setattr(interfaces, "_open", refuse)
    monkeypatch.setattr(interfaces, "_EACH", 0.01)
    watch, one = InterfaceWatch(loop), Interested()
    loop.run(lambda: watch.add(one, one.told.set), TIMEOUT)
    for _ in range(2):
        assert one.told.wait(TIMEOUT)
        one.told.clear()
    loop.run(lambda: watch.remove(one), TIMEOUT)
    loop.run(lambda: watch.remove(one), TIMEOUT)
    one.told.clear()
    assert not one.told.wait(0.05)


def test_what_the_kernel_says_is_passed_on(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are not read: any will do."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    monkeypatch.setattr(interfaces, "_open", lambda: near)
    watch, one, two = InterfaceWatch(loop), Interested(), Interested()
    loop.run(lambda: watch.add(one, one.told.set), TIMEOUT)
    loop.run(lambda: watch.add(two, two.told.set), TIMEOUT)
    far.send(b"x" * 1000)
    assert one.told.wait(TIMEOUT)
    assert two.told.wait(TIMEOUT)
    loop.run(lambda: watch.remove(one), TIMEOUT)
    assert near.fileno() >= 0
    loop.run(lambda: watch.remove(two), TIMEOUT)
    assert near.fileno() < 0
    far.close()


def test_the_kernel_lets_us_listen() -> None:
    """Or else the clock it is; where this is skipped, it always is."""
    try:
        sock = interfaces._open()
    except OSError as failure:
        pytest.skip(f"no rtnetlink here: {failure}")
    assert sock.fileno() >= 0
    sock.close()
