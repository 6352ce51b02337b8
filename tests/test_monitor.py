"""Socket monitors: from the control plane to the monitor socket; partly on pyzmq as well."""

import importlib
import struct
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import peromq as zmq
from peromq.utils.monitor import parse_monitor_message, recv_monitor_message

TIMEOUT_MS = 10_000


@pytest.fixture
def context(lib: ModuleType) -> Iterator[Any]:
    context = lib.Context()
    context.linger = 0
    context.rcvtimeo = TIMEOUT_MS
    yield context
    context.destroy(linger=0)


def receive(lib: ModuleType, monitor: Any) -> dict[str, Any]:
    event: dict[str, Any] = importlib.import_module(
        f"{lib.__name__}.utils.monitor"
    ).recv_monitor_message(monitor)
    return event


def events_until(lib: ModuleType, monitor: Any, last: int) -> list[dict[str, Any]]:
    seen = [receive(lib, monitor)]
    while seen[-1]["event"] != last:
        seen.append(receive(lib, monitor))
    return seen


def emit(socket: Any, event: int, value: int = 0, endpoint: str = "") -> None:
    """As the control plane does."""
    socket._state.core.emit(event, value, endpoint)


# -- with connections


def test_a_life(lib: ModuleType, context: Any, tcp_endpoint: str) -> None:
    socket = context.socket(lib.PULL)
    monitor = socket.get_monitor_socket()
    socket.bind(tcp_endpoint)
    with context.socket(lib.PUSH) as peer:
        peer.connect(tcp_endpoint)
        seen = events_until(lib, monitor, lib.EVENT_HANDSHAKE_SUCCEEDED)
    names = [event["event"].name for event in seen]
    assert names == ["LISTENING", "ACCEPTED", "HANDSHAKE_SUCCEEDED"]
    assert all(isinstance(event["value"], lib.Event) for event in seen)
    assert seen[0]["endpoint"] == tcp_endpoint.encode()
    assert events_until(lib, monitor, lib.EVENT_DISCONNECTED)[-1]["endpoint"]
    socket.unbind(tcp_endpoint)
    assert events_until(lib, monitor, lib.EVENT_CLOSED)[-1]["endpoint"] == tcp_endpoint.encode()
    socket.disable_monitor()
    stopped = receive(lib, monitor)
    assert (stopped["event"], int(stopped["value"])) == (lib.EVENT_MONITOR_STOPPED, 0)
    monitor.close()
    socket.close()


def test_the_mask_selects_events(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PULL)
    monitor = socket.get_monitor_socket(lib.EVENT_CLOSED | lib.EVENT_MONITOR_STOPPED)
    with socket.bind("tcp://127.0.0.1:*"):
        pass
    assert receive(lib, monitor)["event"] == lib.EVENT_CLOSED
    socket.disable_monitor()
    assert receive(lib, monitor)["event"] == lib.EVENT_MONITOR_STOPPED
    monitor.close()
    socket.close()


def test_inproc_emits_nothing(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PULL)
    monitor = socket.get_monitor_socket()
    with socket.bind("inproc://quiet"):
        pass
    socket.disable_monitor()
    assert receive(lib, monitor)["event"] == lib.EVENT_MONITOR_STOPPED
    monitor.close()
    socket.close()


# -- the monitor socket


def test_the_same_monitor_socket_as_long_as_it_is_open(ctx: zmq.Context[Any]) -> None:
    """Not on pyzmq: libzmq may wait for ever to tell the closed one that it is replaced."""
    socket = ctx.socket(zmq.PULL)
    monitor = socket.get_monitor_socket(addr="inproc://first")
    assert monitor.type == zmq.PAIR
    assert socket.get_monitor_socket() is monitor
    monitor.close()
    again = socket.get_monitor_socket(addr="inproc://second")
    assert again is not monitor
    again.close()
    socket.close()


def test_refused_endpoints(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PULL)
    socket.bind("inproc://taken")
    for endpoint, number in [
        ("tcp://127.0.0.1:1", lib.EPROTONOSUPPORT),
        ("inproc://taken", lib.EADDRINUSE),
    ]:
        with pytest.raises(lib.ZMQError) as caught:
            socket.monitor(endpoint, lib.EVENT_ALL)
        assert caught.value.errno == number
    socket.close()


def test_without_a_monitor_nothing_happens(context: Any, lib: ModuleType) -> None:
    socket = context.socket(lib.PULL)
    socket.monitor(None, 0)
    socket.disable_monitor()
    socket.close()


# -- ours


@pytest.fixture
def socket(ctx: zmq.Context[Any]) -> Iterator[Any]:
    ctx.rcvtimeo = TIMEOUT_MS
    with ctx.socket(zmq.DEALER) as socket:
        yield socket


def test_events_before_anybody_listens_are_kept(ctx: zmq.Context[Any], socket: Any) -> None:
    socket.monitor("inproc://events")
    emit(socket, zmq.EVENT_LISTENING, 3, "tcp://a")
    emit(socket, zmq.EVENT_ACCEPTED, 4, "tcp://b")
    with ctx.socket(zmq.PAIR) as monitor:
        monitor.connect("inproc://events")
        assert monitor.recv_multipart() == [struct.pack("=HI", 8, 3), b"tcp://a"]
        assert monitor.recv_multipart() == [struct.pack("=HI", 32, 4), b"tcp://b"]


def test_a_reader_that_does_not_read_blocks_nobody(socket: Any) -> None:
    """What does not fit is dropped; memory stays bounded."""
    monitor = socket.get_monitor_socket()
    for number in range(10_000):
        emit(socket, zmq.EVENT_CONNECT_RETRIED, number)
    seen = []
    while monitor.poll(0):
        seen.append(recv_monitor_message(monitor)["value"])
    assert 1000 <= len(seen) < 10_000
    assert [int(value) for value in seen] == sorted({int(value) for value in seen})
    monitor.close()


def test_a_second_monitor_replaces_the_first(ctx: zmq.Context[Any], socket: Any) -> None:
    monitors = []
    for name in ("inproc://one", "inproc://two"):
        socket.monitor(name)
        monitors.append(ctx.socket(zmq.PAIR))
        monitors[-1].connect(name)
    emit(socket, zmq.EVENT_CONNECTED, 5)
    assert recv_monitor_message(monitors[0])["event"] == zmq.EVENT_MONITOR_STOPPED
    assert recv_monitor_message(monitors[1])["event"] == zmq.EVENT_CONNECTED
    for monitor in monitors:
        monitor.close()


def test_the_name_is_free_again_at_once(socket: Any) -> None:
    for _ in range(3):
        socket.get_monitor_socket(addr="inproc://again").close()
        socket.disable_monitor()


def test_closing_the_socket_stops_the_monitor(ctx: zmq.Context[Any], tcp_endpoint: str) -> None:
    """After what its endpoints still have to tell."""
    socket = ctx.socket(zmq.PULL)
    socket.bind(tcp_endpoint)
    monitor = socket.get_monitor_socket()
    socket.close()
    seen = events_until(zmq, monitor, zmq.EVENT_MONITOR_STOPPED)
    assert [event["event"].name for event in seen] == ["CLOSED", "MONITOR_STOPPED"]
    monitor.close()


def test_a_monitored_socket_does_not_keep_the_context_waiting() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.monitor("inproc://events")
    socket.close()
    context.term(timeout=TIMEOUT_MS / 1000)


def test_events_from_many_threads(socket: Any) -> None:
    """Each arrives whole and once."""
    monitor = socket.get_monitor_socket()
    threads = [
        threading.Thread(
            target=lambda base=base: [  # type: ignore[misc]
                emit(socket, zmq.EVENT_CONNECT_RETRIED, base + n, f"tcp://{base}")
                for n in range(100)
            ]
        )
        for base in (0, 1000, 2000, 3000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [recv_monitor_message(monitor) for _ in range(400)]
    assert sorted(int(event["value"]) for event in seen) == [
        base + n for base in (0, 1000, 2000, 3000) for n in range(100)
    ]
    assert all(
        event["endpoint"] == b"tcp://%d" % (int(event["value"]) // 1000 * 1000) for event in seen
    )
    monitor.close()


# -- parsing


def test_parse() -> None:
    event = parse_monitor_message([struct.pack("=Hi", 0x2000, 0x10000016), b"tcp://x"])
    assert event == {
        "event": zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        "value": zmq.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY,
        "endpoint": b"tcp://x",
    }


@pytest.mark.parametrize("bad", [[], [b"123456"], [b"12345", b""], [b"123456", b"", b""]])
def test_parse_refuses_other_messages(lib: ModuleType, bad: list[bytes]) -> None:
    parse = importlib.import_module(f"{lib.__name__}.utils.monitor").parse_monitor_message
    with pytest.raises(RuntimeError, match="Invalid event message format"):
        parse(bad)


def test_awaitable_messages_are_awaited() -> None:
    class Later:
        def recv_multipart(self, flags: int = 0) -> Any:
            async def message() -> list[bytes]:
                return [struct.pack("=Hi", 1, 7), b""]

            return message()

    waiting: Any = recv_monitor_message(Later())  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as done:
        waiting.send(None)
    assert done.value.value["event"] == zmq.EVENT_CONNECTED
