"""Large messages in a row: the kernel tells of much at once, and memory is used again."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.helpers import TIMEOUT, differs_from_libzmq, last_endpoint
from tests.raw_zmtp import frame

SIZE = 1 << 20


def body(number: int, size: int = SIZE) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


@pytest.fixture
def streamed(sock: Any, raw: Any) -> Any:
    """A PULL and a peer that has sent it a row of large messages, so that it expects more."""
    pull = sock("PULL")
    pull.bind("tcp://127.0.0.1:*")
    peer = raw(last_endpoint(pull))
    peer.handshake(b"PUSH")
    sender = threading.Thread(target=lambda: peer.send(b"".join(frame(body(n)) for n in range(20))))
    sender.start()
    for number in range(20):
        assert pull.recv() == body(number)
    sender.join()
    return pull, peer


@pytest.mark.parametrize("piece", [1, 1000, 100_000, 300_000, SIZE - 1])
def test_the_end_of_a_body_is_never_waited_for_too_long(streamed: Any, piece: int) -> None:
    """However the last octets come, the message is there with them."""
    pull, peer = streamed
    for number in range(5):
        data = frame(body(number))
        peer.send(data[:-piece])
        assert not pull.poll(20)
        peer.send(data[-piece:])
        assert pull.recv() == body(number)


@pytest.mark.parametrize("size", [0, 100, 100_000, 200_000])
def test_smaller_messages_follow_at_once(streamed: Any, size: int) -> None:
    pull, peer = streamed
    for number in range(5):
        peer.send(frame(body(number)))
        peer.send(frame(bytes(size)))
        assert pull.recv() == body(number)
        assert pull.recv() == bytes(size)


def test_a_row_that_breaks_off(streamed: Any) -> None:
    """A peer that goes in the middle of a body is seen to go, and nothing of it is delivered."""
    pull, peer = streamed
    peer.send(frame(body(1)) + frame(body(2))[: SIZE // 2])
    assert pull.recv() == body(1)
    peer.close()
    assert not pull.poll(100)


@differs_from_libzmq  # it needs minutes
@pytest.mark.parametrize("room", [4096, 50_000, 300_000])
def test_a_sender_with_little_room(sock: Any, raw: Any, room: int) -> None:
    """It waits for acknowledgements, which the kernel delays: 40 ms each would take minutes."""
    pull = sock("PULL")
    pull.bind("tcp://127.0.0.1:*")
    peer = raw(last_endpoint(pull))
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    peer.handshake(b"PUSH")
    sender = threading.Thread(target=lambda: peer.send(b"".join(frame(body(n)) for n in range(30))))
    sender.start()
    for number in range(30):
        assert pull.recv() == body(number)
    sender.join(TIMEOUT)


@differs_from_libzmq  # to it, this is silence
def test_heartbeats_go_on(sock: Any, raw: Any) -> None:
    """A body that takes longer than HEARTBEAT_TIMEOUT is no silence."""
    pull = sock("PULL", heartbeat_ivl=50, heartbeat_timeout=700)
    pull.bind("tcp://127.0.0.1:*")
    peer = raw(last_endpoint(pull))
    peer.handshake(b"PUSH")
    done = threading.Event()

    def send() -> None:
        peer.send(b"".join(frame(body(n)) for n in range(10)))
        data = frame(body(10))
        for at in range(0, len(data), SIZE // 20):
            peer.send(data[at : at + SIZE // 20])
            done.wait(0.05)

    sender = threading.Thread(target=send)
    sender.start()
    for number in range(11):
        assert pull.recv() == body(number)
    sender.join()


FAULTS = """
import resource, peromq as zmq
context = zmq.Context()
pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
data = bytes(1 << 16)
def some(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        push.send_many([data] * 50)
        for _ in range(50):
            pull.recv()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
some(20)
print(min(some(20) for _ in range(5)))
context.destroy(0)
"""


@differs_from_libzmq
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's habit")
def test_memory_is_used_again() -> None:
    """What a message takes is not given back to the kernel before the next: no page faults.

    Of several rounds the best counts: how much is queued at once is the scheduler's to say.
    """
    command = [sys.executable, "-c", FAULTS]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(shown.stdout) < 1000  # of 16,000 pages
