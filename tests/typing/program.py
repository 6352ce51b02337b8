"""A program as users write them. tests/typing/test_typing.py has mypy and pyright read it."""

from collections.abc import Iterator
from typing import Any, assert_type

import peromq as zmq
from peromq.statistics import SocketStatistics
from peromq.utils.monitor import parse_monitor_message, recv_monitor_message


class Counting(zmq.Socket[bytes]):
    """A subclass with an attribute of its own."""

    sent: int = 0

    def send_counted(self, data: bytes) -> None:
        self.send(data)
        self.sent += 1


class CountingContext(zmq.Context[Counting]):
    _socket_class = Counting


def blocking(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    with context.socket(zmq.REQ) as socket:
        assert_type(socket, zmq.Socket[bytes])
        with socket.connect("tcp://127.0.0.1:5555") as connected:
            connected.send(b"x")
        socket.send(b"a", zmq.SNDMORE)
        socket.send_multipart([b"a", bytearray(b"b"), memoryview(b"c")])
        socket.send_string("text", encoding="utf-16")
        socket.send_json({"a": [1, 2]}, indent=1)
        socket.send_pyobj(object())
        assert_type(socket.recv(), bytes)
        assert_type(socket.recv(zmq.NOBLOCK), bytes)
        frame = socket.recv(copy=False)
        assert_type(frame, zmq.Frame)
        assert_type(frame.bytes, bytes)
        assert_type(frame.more, bool)
        assert_type(socket.recv_multipart(), list[bytes])
        assert_type(socket.recv_multipart(copy=False), list[zmq.Frame])
        assert_type(socket.recv_string(), str)
        assert_type(socket.recv_into(bytearray(10)), int)
        assert_type(socket.poll(100), int)
        assert_type(socket.getsockopt(zmq.LINGER), int | bytes)
        assert_type(socket.closed, bool)
        assert_type(socket.send_many([b"a", b"b"]), int)
        assert_type(socket.recv_many(), list[bytes])
        tracker = socket.send(b"x", copy=False, track=True)
        if tracker is not None:
            assert_type(tracker, zmq.MessageTracker)
            assert_type(tracker.done, bool)
        socket.linger = 0
        socket.setsockopt(zmq.IDENTITY, b"me")
        socket.set_string(zmq.IDENTITY, "me")
        for message in socket:
            use(message)


def own_classes() -> None:
    with CountingContext() as context:
        socket = context.socket(zmq.PUSH)
        assert_type(socket, Counting)
        socket.send_counted(b"x")
        plain = zmq.Context.instance().socket(zmq.PULL)
        assert_type(plain, zmq.Socket[bytes])
        plain.close()


def waiting(socket: zmq.Socket[bytes]) -> Iterator[int]:
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(0, zmq.POLLIN)
    for _, events in poller.poll(1000):
        yield events
    readable, _, _ = zmq.select([socket], [], [], timeout=1.0)
    assert_type(readable, list[Any])


def watched(socket: zmq.Socket[bytes]) -> None:
    monitor = socket.get_monitor_socket(zmq.Event.CONNECTED | zmq.Event.DISCONNECTED)
    message = parse_monitor_message(monitor.recv_multipart())
    assert_type(message["endpoint"], bytes)
    assert_type(message["event"], zmq.Event)
    recv_monitor_message(monitor)
    socket.disable_monitor()
    assert_type(socket.statistics(), SocketStatistics)
    assert_type(socket.statistics().peers[0].handshake_time, float | None)
    assert_type(socket.wait_subscribers("topic", timeout=1), int)
    assert_type(socket.wait_subscribed(b"topic", 0.5, count=2), int)


def errors(socket: zmq.Socket[bytes]) -> int | None:
    try:
        socket.bind("tcp://*:0")
    except zmq.Again:
        return None
    except zmq.ZMQError as error:
        return error.errno
    return int(zmq.SocketType.PUSH)


def use(data: bytes) -> None:
    print(data)


def main() -> None:
    context = zmq.Context()
    assert_type(context, zmq.Context[zmq.Socket[bytes]])
    blocking(context)
    frame = zmq.Frame(b"data", track=True, copy=False)
    print(len(frame), bytes(frame), memoryview(frame), zmq.zmq_version_info())
    public, secret = zmq.curve_keypair()
    use(public + secret)
    zmq.install_as_zmq(children=True)
