"""The originals of what gevent replaces; with gevent, see tests/green/test_patched.py."""

from __future__ import annotations

import select
import socket
import threading

import pytest

from peromq import unpatched
from tests.helpers import TIMEOUT


def test_a_thread_tells_that_it_is_ours() -> None:
    seen: list[object] = []
    thread = unpatched.Thread(lambda: seen.append(unpatched.in_own_thread()), "peromq/test")
    thread.start()
    thread.join()
    assert seen == [True]
    assert not unpatched.in_own_thread()
    assert thread.ident not in {None, unpatched.get_ident()}


def test_an_event() -> None:
    event = unpatched.Event()
    assert not event.wait(0.01)
    thread = threading.Thread(target=event.set)
    thread.start()
    assert event.wait(TIMEOUT)
    assert event.wait(0)
    thread.join()


def test_a_condition() -> None:
    lock = unpatched.RLock()
    changed = unpatched.Condition(lock)
    done: list[int] = []

    def change() -> None:
        for number in range(3):
            with changed:
                done.append(number)
                changed.notify_all()

    with changed, lock:  # held twice, and given up twice
        assert not changed.wait(0.01)
        thread = threading.Thread(target=change)
        thread.start()
        assert changed.wait_for(lambda: len(done) == 3, TIMEOUT)
        assert changed.wait_for(lambda: True)
        assert not changed.wait_for(lambda: False, 0.01)
    thread.join()
    with pytest.raises(RuntimeError):
        changed.wait(0)  # without the lock


def test_sockets_and_epolls() -> None:
    with unpatched.new_epoll() as epoll:
        assert type(epoll) is select.epoll
    one, other = unpatched.socketpair()
    with one, other, unpatched.new_socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        assert (one.family, one.type) == (socket.AF_UNIX, socket.SOCK_STREAM)
        one.send(b"x")
        assert other.recv(1) == b"x"
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        kind = (listening.family, listening.type, listening.proto)
        with (
            socket.create_connection(listening.getsockname()) as client,
            unpatched.accept(listening, kind) as accepted,
        ):
            assert accepted.getpeername() == client.getsockname()
    assert unpatched.getaddrinfo("127.0.0.1", 80)[0][4] == ("127.0.0.1", 80)
