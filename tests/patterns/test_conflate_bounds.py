"""CONFLATE keeps memory bounded and messages whole, whoever is slow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    drain,
    each_transport,
    last_endpoint,
    needs_draft,
    numbered,
    readable,
    wait_until,
    zmq,
)
from tests.raw_zmtp import message


def resident_octets() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def newest(receiver: Any, last: bytes) -> list[bytes]:
    """What is received until `last` is."""
    got = [receiver.recv()]
    while got[-1] != last:
        got.append(receiver.recv())
    return got


@each_transport
@pytest.mark.parametrize("at", ["sender", "receiver"])
@pytest.mark.parametrize("size", [5, 500, 70_000])
@differs_from_libzmq
def test_a_slow_receiver_gets_few_but_the_newest(
    sock: Any, endpoints: Any, transport: str, at: str, size: int
) -> None:
    """In libzmq the connecting socket alone decides for an inproc pipe."""
    pull = sock("PULL", conflate=at == "receiver", bind=endpoints.any(transport))
    push = sock("PUSH", conflate=at == "sender", sndhwm=100_000, connect=last_endpoint(pull))
    push.send(numbered(1, 0, size))
    assert pull.recv() == numbered(1, 0, size)
    for number in range(1, 1000):
        push.send(numbered(1, number, size))
    got = newest(pull, numbered(1, 999, size))

    sent = [numbered(1, number, size) for number in range(1, 1000)]
    places = [sent.index(body) for body in got]
    assert places == sorted(set(places))
    assert not readable(pull)


@pytest.mark.no_sanitizer  # they keep freed memory for a while
def test_an_idle_receiver_takes_no_memory(sock: Any, raw: Any) -> None:
    pull = sock("PULL", conflate=1, bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pull))
    wire.handshake(b"PUSH")
    before = resident_octets()
    for _ in range(500):
        wire.send(message(b"x" * 100_000) * 2)
    wire.send(message(b"newest"))
    wire.ping(b"all read")
    assert wire.read_command() == (b"PONG", b"all read")

    assert resident_octets() - before < 20_000_000  # 100 MB went by
    assert newest(pull, b"newest")[-1] == b"newest"


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("size", [5000, 100_000])
def test_a_stalled_wire_takes_no_memory(sock: Any, raw_listener: Any, size: int) -> None:
    push = sock("PUSH", conflate=1, sndbuf=8192, connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"PULL")
    push.send(b"here")
    assert wire.read_message() == [b"here"]
    before = resident_octets()
    for number in range(2000):
        push.send(numbered(2, number, size), zmq.DONTWAIT)
    assert resident_octets() - before < 20_000_000
    got: list[bytes] = []
    while not got or got[-1] != numbered(2, 1999, size):
        (body,) = wire.read_message()
        got.append(body)

    numbers = [int.from_bytes(body[1:5], "big") for body in got]
    assert got == [numbered(2, number, size) for number in numbers]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < 2000


def test_a_publisher_drops_the_stale_for_the_stalled_only(sock: Any, raw: Any) -> None:
    pub = sock("PUB", conflate=1, bind="tcp://127.0.0.1:*", sndbuf=8192)
    slow = raw(last_endpoint(pub))
    slow.handshake(b"SUB")
    slow.subscribe(b"")

    def heard() -> bool:
        pub.send(b"?")
        slow.sock.settimeout(0.01)
        try:
            return bool(slow.read_message())
        except TimeoutError:
            return False

    wait_until(heard)
    slow.sock.settimeout(10)
    quick = sock("SUB", subscribe=b"", connect=last_endpoint(pub))
    wait_until(lambda: pub.send(b"?") or readable(quick, 5))
    drain(quick, 20)
    for number in range(300):
        pub.send(numbered(3, number, 50_000))
        assert quick.recv() == numbered(3, number, 50_000)
    seen = 0
    while (body := slow.read_message()[0]) != numbered(3, 299, 50_000):
        seen += len(body) == 50_000
    assert seen < 299


@each_transport
@differs_from_libzmq
def test_a_message_of_several_parts_stays_whole(sock: Any, endpoints: Any, transport: str) -> None:
    """libzmq keeps the last part only."""
    pull = sock("PULL", conflate=1, bind=endpoints.any(transport))
    push = sock("PUSH", conflate=1, connect=last_endpoint(pull))
    for number in range(50):
        push.send_multipart([b"%d" % number, b"", b"x" * 20_000])
    got = pull.recv_multipart()
    while got[0] != b"49":
        assert got[1:] == [b"", b"x" * 20_000]
        got = pull.recv_multipart()
    assert got == [b"49", b"", b"x" * 20_000]


@differs_from_libzmq
def test_conflating_subscribers_keep_all_their_subscriptions(sock: Any, endpoints: Any) -> None:
    """libzmq conflates these as well: only the last arrives."""
    pub = sock("XPUB", bind=endpoints.any("tcp"))
    sub = sock("SUB", conflate=1)
    for topic in (b"a", b"b", b"c"):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.connect(last_endpoint(pub))
    assert [pub.recv() for _ in range(3)] == [b"\x01a", b"\x01b", b"\x01c"]
    for topic in (b"a", b"b", b"c"):
        pub.send(topic)
        assert sub.recv() == topic


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_reconnect_finds_the_newest(
    sock: Any, endpoints: Any, monitor: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", conflate=1, reconnect_ivl=5)
    watch = monitor(push)
    push.connect(endpoint)
    for life in range(3):
        pull = sock("PULL", bind=endpoint)
        push.send(b"begin %d" % life)
        newest(pull, b"begin %d" % life)
        pull.close()
        watch.wait(zmq.EVENT_DISCONNECTED)
        for number in range(20):
            push.send(b"%d %d" % (life, number))
        pull = sock("PULL", bind=endpoint)
        assert pull.recv() == b"%d 19" % life
        assert not readable(pull)
        pull.close()
        watch.wait(zmq.EVENT_DISCONNECTED)


@needs_draft
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_greeting_comes_before_the_newest(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    dealer = sock("DEALER", conflate=1, hello_msg=b"hello", connect=endpoint)
    for number in range(5):
        dealer.send(b"%d" % number)
    other = sock("DEALER", bind=endpoint)
    assert [other.recv(), other.recv()] == [b"hello", b"4"]
