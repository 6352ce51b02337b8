"""A new connection wakes those whom it concerns: threads that wait on one socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, last_endpoint, wait_until, zmq
from tests.raw_zmtp import greeting, message, ready

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="its sockets are for one thread")


def test_a_sender_beside_a_reader(sock: Any) -> None:
    """The reader has the connections to himself; who wants to send must hear of the next one."""
    server = sock("DEALER", bind="tcp://127.0.0.1:*", sndtimeo=10_000, rcvtimeo=10_000)
    endpoint = last_endpoint(server)
    for turn in range(5):
        client = sock("DEALER", connect=endpoint)
        with ThreadPoolExecutor(2) as threads:
            heard = threads.submit(server.recv)
            said = threads.submit(server.send, b"question %d" % turn)
            assert client.recv() == b"question %d" % turn
            client.send(b"answer")
            assert heard.result(10) == b"answer"
            said.result(10)
        client.close()
        wait_until(lambda: not server.getsockopt(zmq.EVENTS) & zmq.POLLOUT)


def test_a_reader_whose_peers_come_later(sock: Any) -> None:
    """He polls the connections there are, and hears what the next ones say."""
    server = sock("PULL", bind="tcp://127.0.0.1:*", rcvtimeo=10_000)
    first = sock("PUSH", connect=last_endpoint(server))
    first.send(b"first")
    assert server.recv() == b"first"
    with ThreadPoolExecutor(1) as threads:
        for turn in range(5):
            heard = threads.submit(server.recv)
            later = sock("PUSH", connect=last_endpoint(server))
            later.send(b"later %d" % turn)
            assert heard.result(10) == b"later %d" % turn


def test_a_message_right_behind_the_handshake(sock: Any, raw: Any) -> None:
    """It was read with the handshake, so the connection itself has nothing more to say."""
    server = sock("PULL", bind="tcp://127.0.0.1:*", rcvtimeo=10_000)
    first = raw(last_endpoint(server))
    first.handshake(b"PUSH")
    first.send(message(b"first"))
    assert server.recv() == b"first"
    with ThreadPoolExecutor(1) as threads:
        for turn in range(5):
            heard = threads.submit(server.recv)
            wait_until(lambda heard=heard: heard.running())
            raw(last_endpoint(server)).send(greeting() + ready(b"PUSH") + message(b"%d" % turn))
            assert heard.result(10) == b"%d" % turn


def test_with_several_io_threads() -> None:
    """The next connection may be another thread's, whose connections nobody polls."""
    with zmq.Context(io_threads=3) as context:
        server = context.socket(zmq.PULL)
        server.rcvtimeo = 10_000
        port = server.bind_to_random_port("tcp://127.0.0.1")
        clients = []
        with ThreadPoolExecutor(1) as threads:
            for turn in range(6):
                heard = threads.submit(server.recv)
                clients.append(context.socket(zmq.PUSH))
                clients[-1].connect(f"tcp://127.0.0.1:{port}")
                clients[-1].send(b"%d" % turn)
                assert heard.result(10) == b"%d" % turn
        for client in [*clients, server]:
            client.close(0)
