"""`Relay` between two sockets, with a transform that is easy to see through."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from peromq.control.loop import Loop
from peromq.control.relay import Relay
from peromq.transports import TransformError
from tests.control.fakes import TIMEOUT
from tests.helpers import wait_until

SWAP = bytes(range(255, -1, -1))


class Inverted:
    """Inverts every octet. Octet 0 from the network opens it where it is closed; 1 is refused."""

    def __init__(self, ready: bool = True) -> None:
        self.ready = ready
        self.ended = False
        self.said = b""

    def feed_net(self, data: bytes) -> bytes:
        if not self.ready:
            self.ready = data.startswith(b"\0")
            self.said = b"open"
            data = data[1:]
        if b"\1" in data:
            self.said = b"no"
            raise TransformError("there was a 1")
        return data.translate(SWAP)

    def feed_app(self, data: bytes) -> bytes:
        assert self.ready
        return data.translate(SWAP)

    def to_net(self) -> bytes:
        said, self.said = self.said, b""
        return said

    def close_app(self) -> bytes:
        return b"bye"


class Bench:
    """A relay; `net` is the peer's end, `app` the data plane's."""

    def __init__(self, loop: Loop, transform: Any) -> None:
        self.reasons: list[str] = []
        self.gone = threading.Event()
        self.net, near = socket.socketpair()
        near.setblocking(False)
        self.relay = Relay(
            loop, near, transform, self.reasons.append, lambda relay: self.gone.set()
        )
        self.app = self.relay.inner
        self.net.settimeout(TIMEOUT)
        self.app.settimeout(TIMEOUT)
        self.relay.start()

    def flushed(self) -> threading.Event:
        told = threading.Event()
        self.relay.when_flushed(told.set)
        return told


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop("peromq/relay")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bench(loop: Loop) -> Iterator[Bench]:
    made = Bench(loop, Inverted())
    yield made
    made.net.close()
    made.app.close()
    assert made.gone.wait(TIMEOUT)


def fill(sock: socket.socket) -> int:
    """Send until nothing more goes; how many octets went."""
    sock.settimeout(0.2)
    sent = 0
    try:
        while sent < 10_000_000:
            sent += sock.send(bytes([200]) * 50_000)
    except TimeoutError:
        pass
    return sent


def read(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count and (got := sock.recv(count - len(data))):
        data += got
    return bytes(data)


def test_octets_go_both_ways(bench: Bench) -> None:
    for n in range(2, 50):
        bench.app.sendall(bytes([n]))
        assert bench.net.recv(10) == bytes([255 - n])
        bench.net.sendall(bytes([n, n]))
        assert read(bench.app, 2) == bytes([255 - n] * 2)


@pytest.mark.parametrize("source", ["app", "net"])
def test_a_slow_reader_stops_the_other_side(bench: Bench, source: str) -> None:
    sender, reader = (bench.app, bench.net) if source == "app" else (bench.net, bench.app)
    sent = fill(sender)
    # two socket pairs' buffers, and what the relay holds: a read of 64 KiB or two
    assert sent < 3_000_000
    assert read(reader, sent) == bytes([55]) * sent
    assert bench.reasons == []


def test_what_was_written_before_the_close_arrives(bench: Bench) -> None:
    sender = threading.Thread(
        target=lambda: (bench.app.sendall(bytes(3_000_000)), bench.app.close())
    )
    sender.start()
    assert read(bench.net, 4_000_000) == b"\xff" * 3_000_000 + b"bye"
    sender.join()
    assert bench.flushed().wait(TIMEOUT)
    bench.net.close()
    assert bench.gone.wait(TIMEOUT)


def test_flushed_is_told_when_it_is_so(bench: Bench) -> None:
    fill(bench.app)
    bench.app.close()
    told = bench.flushed()
    assert not told.is_set()
    while bench.net.recv(100_000):
        pass
    assert told.wait(TIMEOUT)


def test_the_peers_end_comes_after_what_it_wrote(bench: Bench) -> None:
    bench.net.sendall(bytes([2]) * 100_000)
    bench.net.shutdown(socket.SHUT_WR)
    assert read(bench.app, 200_000) == b"\xfd" * 100_000
    bench.app.close()
    assert bench.gone.wait(TIMEOUT)


@pytest.mark.parametrize("room", [100_000, 4096])
def test_who_writes_to_a_peer_that_has_gone_finds_it_broken(bench: Bench, room: int) -> None:
    """A data plane at its high-water mark does not read the end. What came before it is still
    there, in the kernel or the relay."""
    bench.relay._app.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    bench.net.sendall(bytes([2]) * 40_000)
    bench.net.close()
    wait_until(lambda: bench.relay._net_ended)
    with pytest.raises(BrokenPipeError):
        bench.app.sendall(bytes([200]) * 10_000_000)
    assert read(bench.app, 50_000) == b"\xfd" * 40_000
    assert bench.gone.wait(TIMEOUT)


def test_a_peer_that_only_listens_gets_what_was_on_its_way(bench: Bench) -> None:
    bench.relay._net.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    bench.app.sendall(bytes([2]) * 20_000)
    wait_until(lambda: bench.relay._net.unsent)
    bench.net.shutdown(socket.SHUT_WR)
    wait_until(lambda: bench.relay._net_ended)
    with pytest.raises(BrokenPipeError):
        bench.app.sendall(bytes([200]) * 10_000_000)
    assert read(bench.net, 30_000) == b"\xfd" * 20_000


def test_a_refusal_is_said_to_the_peer_and_told(bench: Bench) -> None:
    bench.net.sendall(b"\1")
    assert bench.net.recv(10) == b"no"
    assert wait_until(lambda: bench.reasons) == ["there was a 1"]
    bench.app.setblocking(False)
    with pytest.raises(BlockingIOError):
        bench.app.recv(1)  # still open, for its owner to hear why first
    bench.app.send(b"goes nowhere")
    bench.net.sendall(b"\1 as does this")
    bench.relay.abort()
    assert bench.gone.wait(TIMEOUT)
    assert bench.reasons == ["there was a 1"]
    assert bench.net.recv(10) == b""


def test_a_refusal_ends_with_the_data_planes_close(bench: Bench) -> None:
    bench.net.sendall(b"\1")
    wait_until(lambda: bench.reasons)
    bench.app.close()
    assert read(bench.net, 10) == b"no"


def test_nothing_is_read_from_the_data_plane_before_the_opening(loop: Loop) -> None:
    bench = Bench(loop, Inverted(ready=False))
    bench.app.sendall(b"\x02")
    assert bench.net.recv(10) == b"open"  # from the first, empty feed
    bench.net.sendall(b"\0\x03")
    assert bench.app.recv(10) == b"\xfc"
    assert read(bench.net, 5) == b"open\xfd"
    bench.app.close()
    bench.net.close()
    assert bench.gone.wait(TIMEOUT)


def test_hanging_up_ends_an_opening(loop: Loop) -> None:
    bench = Bench(loop, Inverted(ready=False))
    bench.app.close()
    bench.relay.hang_up()
    assert bench.gone.wait(TIMEOUT)
    bench.net.close()


def test_a_reset_reaches_the_data_plane_as_an_end(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        near, _ = server.accept()
    near.setblocking(False)
    gone = threading.Event()
    relay = Relay(loop, near, Inverted(), lambda reason: None, lambda relay: gone.set())
    relay.inner.settimeout(TIMEOUT)
    relay.start()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    assert relay.inner.recv(1) == b""
    relay.inner.close()
    assert gone.wait(TIMEOUT)


def test_it_can_be_ended_after_its_thread(loop: Loop) -> None:
    bench = Bench(loop, Inverted())
    bench.app.sendall(b"\x05")
    assert bench.net.recv(1) == b"\xfa"
    bench.app.sendall(b"last")
    loop.post(bench.relay.last_push)
    loop.stop()
    assert read(bench.net, 4) == b"last".translate(SWAP)
    bench.relay.abort()
    assert bench.flushed().is_set()
    bench.app.close()
    bench.net.close()
