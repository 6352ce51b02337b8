"""proxy_steerable: PAUSE, RESUME, STATISTICS and TERMINATE. libzmq had it until 4.3.4."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, readable, try_send, wait_until, zmq

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq 4.3.5 has no proxy_steerable")


class Line:
    """A proxy from `source` to `sink`, with a PAIR to steer it."""

    def __init__(self, sock: Any, background: Any, control: str = "PAIR", peer: str = "PAIR"):
        sockets = [
            background.socket("PULL", bind="inproc://front"),
            background.socket("PUSH", bind="inproc://back"),
            background.socket("PUB", bind="inproc://capture"),
            background.socket(control, bind="inproc://control"),
        ]
        if control == "SUB":
            sockets[3].subscribe(b"")
        self.seen = sock("SUB", connect="inproc://capture")
        self.seen.subscribe(b"")
        self.source = sock("PUSH", connect="inproc://front")
        self.sink = sock("PULL", connect="inproc://back")
        self.control = sock(peer, connect="inproc://control")
        self.outcomes = background.outcomes
        self.thread = background.run(zmq.proxy_steerable, *sockets)

    def passes(self, message: bytes) -> bool:
        self.source.send(message)
        return bool(self.sink.recv() == message)

    def statistics(self) -> list[int]:
        self.control.send(b"STATISTICS")
        return [struct.unpack("=Q", part)[0] for part in self.control.recv_multipart()]


def test_pause_resume_terminate(sock: Any, background: Any) -> None:
    line = Line(sock, background)
    assert line.passes(b"one")
    line.control.send(b"PAUSE")
    line.statistics()  # answered: so it is paused
    line.source.send(b"two")
    assert not readable(line.sink)
    line.control.send(b"RESUME")
    assert line.sink.recv() == b"two"
    line.control.send(b"TERMINATE")
    line.thread.join()
    assert line.outcomes == [0]


def test_terminate_while_paused(sock: Any, background: Any) -> None:
    line = Line(sock, background)
    line.control.send(b"PAUSE")
    line.control.send(b"TERMINATE")
    line.thread.join()
    assert line.outcomes == [0]


def test_statistics(sock: Any, background: Any) -> None:
    line = Line(sock, background)
    assert line.statistics() == [0] * 8
    line.source.send_multipart([b"four", b"five5"])
    assert line.sink.recv_multipart() == [b"four", b"five5"]
    assert line.passes(b"four")
    # received by the frontend, sent by it, received by the backend, sent by it
    assert line.statistics() == [2, 13, 0, 0, 0, 0, 2, 13]


def test_a_rep_answers(sock: Any, background: Any) -> None:
    line = Line(sock, background, "REP", "REQ")
    for command in (b"PAUSE", b"RESUME", b"nonsense"):
        line.control.send(command)
        assert line.control.recv() == b""
    assert line.statistics() == [0] * 8
    assert line.passes(b"x")
    line.control.send(b"TERMINATE")
    assert line.control.recv() == b""


@pytest.mark.parametrize(("control", "peer"), [("PULL", "PUSH"), ("SUB", "PUB")])
def test_controls_that_cannot_answer(sock: Any, background: Any, control: str, peer: str) -> None:
    line = Line(sock, background, control, peer)
    line.control.send(b"STATISTICS")
    assert line.passes(b"x")
    wait_until(lambda: not (try_send(line.control, b"TERMINATE") and line.thread.is_alive()))
    line.thread.join()
    assert line.outcomes == [0]


def test_what_is_no_command_is_ignored_but_captured(sock: Any, background: Any) -> None:
    line = Line(sock, background)
    while not readable(line.seen, 10):
        assert line.passes(b"x")
    line.control.send_multipart([b"PAUSE", b"more"])
    while (captured := line.seen.recv_multipart()) == [b"x"]:
        pass
    assert captured == [b"PAUSE", b"more"]
    assert line.passes(b"y")


def test_without_a_control_socket_it_is_a_proxy(sock: Any, background: Any) -> None:
    frontend = background.socket("PULL", bind="inproc://front")
    backend = background.socket("PUSH", bind="inproc://back")
    background.run(zmq.proxy_steerable, frontend, backend)
    sock("PUSH", connect="inproc://front").send(b"x")
    assert sock("PULL", connect="inproc://back").recv() == b"x"
