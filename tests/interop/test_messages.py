"""Messages of every size and shape, between us and libzmq, both ways."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.helpers import check_numbered, last_endpoint, numbered, writable

SIZES = [0, 1, 2, 32, 33, 34, 254, 255, 256, 257, 8183, 8190, 8191, 8192, 8193]
LARGE = [65_535, 65_536, 65_537, 1_000_000, pytest.param(20_000_000, marks=pytest.mark.slow)]

each_transport = pytest.mark.parametrize("transport", ["tcp", "ipc"])
each_direction = pytest.mark.parametrize("sender", ["ours", "theirs"])
each_binder = pytest.mark.parametrize("binder", ["sender", "receiver"])


@pytest.fixture
def link(sock: Any, theirs: Any, endpoints: Any) -> Any:
    """link(transport, sender, binder, kinds): a connected sender and receiver, one of each make."""

    def make(
        transport: str,
        sender: str,
        binder: str = "receiver",
        kinds: tuple[str, str] = ("PAIR", "PAIR"),
        **options: int,
    ) -> tuple[Any, Any]:
        source = (sock if sender == "ours" else theirs)(kinds[0], **options)
        sink = (theirs if sender == "ours" else sock)(kinds[1], **options)
        bound, connected = (source, sink) if binder == "sender" else (sink, source)
        bound.bind(endpoints.any(transport))
        connected.connect(last_endpoint(bound))
        assert writable(source, 10_000)
        return source, sink

    return make


def body_of(size: int) -> bytes:
    return (b"0123456789abcdef~" * (size // 17 + 1))[:size]


@each_transport
@each_direction
@each_binder
def test_sizes(link: Any, transport: str, sender: str, binder: str) -> None:
    source, sink = link(transport, sender, binder)
    for size in SIZES:
        source.send(body_of(size))
    for size in SIZES:
        assert sink.recv() == body_of(size)


@each_transport
@each_direction
@pytest.mark.parametrize("size", LARGE)
def test_large(link: Any, transport: str, sender: str, size: int) -> None:
    source, sink = link(transport, sender)
    for _ in range(2):
        source.send_multipart([b"head", body_of(size), b""])
        assert sink.recv_multipart() == [b"head", body_of(size), b""]


@each_transport
@each_direction
@pytest.mark.parametrize(
    "parts",
    [
        [b"", b""],
        [b""] * 10,
        [b"x"] * 1000,
        [body_of(size) for size in SIZES],
        [body_of(300), b"", body_of(9000), b"\x00", b"\xff" * 255],
    ],
    ids=["two empty", "ten empty", "a thousand", "all sizes", "mixed"],
)
def test_multipart(link: Any, transport: str, sender: str, parts: list[bytes]) -> None:
    source, sink = link(transport, sender)
    for _ in range(3):
        source.send_multipart(parts)
    for _ in range(3):
        assert sink.recv_multipart() == parts


@each_transport
@each_direction
@pytest.mark.parametrize("size", [5, 100, 255, 256, 2000, 70_000])
def test_a_stream(link: Any, transport: str, sender: str, size: int) -> None:
    """Batches of libzmq and chunks of ours end where they like: the messages do not care."""
    count = 4000 if size < 5000 else 200
    push, pull = link(transport, sender, kinds=("PUSH", "PULL"))
    source = threading.Thread(
        target=lambda: [push.send(numbered(1, number, size)) for number in range(count)]
    )
    source.start()
    got = [check_numbered(pull.recv(), size)[1] for _ in range(count)]
    source.join()

    assert got == list(range(count))


@each_transport
@each_direction
def test_a_stream_through_small_queues(link: Any, transport: str, sender: str) -> None:
    """Credit and the kernel's buffers stop and start the flow all the time."""
    push, pull = link(
        transport, sender, kinds=("PUSH", "PULL"), sndhwm=3, rcvhwm=2, sndbuf=8192, rcvbuf=8192
    )
    source = threading.Thread(
        target=lambda: [push.send(numbered(1, number, 5000)) for number in range(500)]
    )
    source.start()
    got = [check_numbered(pull.recv(), 5000)[1] for _ in range(500)]
    source.join()

    assert got == list(range(500))


@each_transport
@each_direction
def test_all_sizes_around_the_batch(link: Any, transport: str, sender: str) -> None:
    """A frame may end at any octet of a read."""
    source, sink = link(transport, sender, kinds=("PUSH", "PULL"))
    sizes = [*range(0, 300, 7), *range(8100, 8300, 3), *range(16_300, 16_400, 5)]
    for size in sizes:
        source.send_multipart([body_of(size), b"t"])
    for size in sizes:
        assert sink.recv_multipart() == [body_of(size), b"t"]


@each_direction
def test_full_duplex(link: Any, sender: str) -> None:
    one, two = link("tcp", sender, kinds=("DEALER", "DEALER"))
    count = 3000

    def send(dealer: Any, source: int) -> None:
        for number in range(count):
            dealer.send(numbered(source, number, 200))

    def both(dealer: Any, source: int) -> list[int]:
        return [check_numbered(dealer.recv(), 200)[1] for _ in range(count)]

    for left, right in ((one, two), (two, one)):
        sending = threading.Thread(target=send, args=(left, 1))
        sending.start()
        assert both(right, 1) == list(range(count))
        sending.join()
