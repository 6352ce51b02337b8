"""One publisher, many subscribers, who share encoded messages: each gets exactly its own."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import (
    QUIET_MS,
    TRANSPORTS,
    differs_from_libzmq,
    each_transport,
    last_endpoint,
    readable,
    zmq,
)

TOPICS = (b"", b"a", b"ab", b"b", b"c")


def subscribers(
    sock: Any, pub: Any, endpoints: Any, topics: tuple[bytes, ...] = TOPICS
) -> list[tuple[bytes, Any]]:
    """A SUB of each topic over each transport, all of which the XPUB has heard of."""
    made = []
    for transport in TRANSPORTS:
        pub.bind(endpoints.any(transport))
        endpoint = last_endpoint(pub)
        made += [(topic, subscribe(sock, pub, endpoint, topic)) for topic in topics]
    return made


def subscribe(sock: Any, pub: Any, endpoint: str, topic: bytes, **options: Any) -> Any:
    sub = sock("SUB", connect=endpoint, **{"rcvhwm": 0, **options})
    sub.setsockopt(zmq.SUBSCRIBE, topic)
    assert pub.recv() == b"\x01" + topic
    return sub


@pytest.fixture
def pub(sock: Any) -> Any:
    return sock("XPUB", sndhwm=0, xpub_verbose=1)


def received(sub: Any, count: int) -> list[list[bytes]]:
    """The next messages, and that there are no others."""
    found = [sub.recv_multipart() for _ in range(count)]
    assert not readable(sub, 0)
    return found


def stream(count: int) -> list[list[bytes]]:
    """Messages of several sizes, topics and numbers of parts; some are too large to be shared."""
    sizes = (0, 3, 250, 255, 256, 5000, 16383, 16384, 40000)
    found = []
    for number in range(count):
        head = TOPICS[number % 5] + b"#%d" % number
        body = bytes([number % 251]) * sizes[number % 9]
        found.append([head, *[body] * (number % 4)])
    return found


def test_each_gets_its_messages_in_order(sock: Any, pub: Any, endpoints: Any) -> None:
    subs = subscribers(sock, pub, endpoints)
    messages = stream(400)

    for parts in messages:
        pub.send_multipart(parts)

    for topic, sub in subs:
        wanted = [parts for parts in messages if parts[0].startswith(topic)]
        assert [sub.recv_multipart() for _ in wanted] == wanted
    for topic, sub in subs:
        assert not readable(sub, 0), topic


def test_parts_sent_one_by_one(sock: Any, pub: Any, endpoints: Any) -> None:
    """Nobody sees half a message, and those behind it are whole."""
    subs = subscribers(sock, pub, endpoints, (b"", b"a", b"b"))
    for number in range(100):
        pub.send(b"a%d" % number, zmq.SNDMORE)
        pub.send(b"x" * 20000 if number % 3 else b"x", zmq.SNDMORE)
        assert not any(sub.getsockopt(zmq.EVENTS) & zmq.POLLIN for _, sub in subs)
        pub.send(b"end")
        for topic, sub in subs:
            if topic != b"b":
                assert sub.recv_multipart()[::2] == [b"a%d" % number, b"end"]


def test_who_joins_late_and_who_leaves(sock: Any, pub: Any, endpoints: Any) -> None:
    subs = [sub for _, sub in subscribers(sock, pub, endpoints, (b"", b"t"))]
    messages = [b"t%d" % number for number in range(600)]

    for message in messages[:200]:
        pub.send(message)
    subs.pop(1).close()
    subs.pop(2).close()
    late = subscribe(sock, pub, last_endpoint(pub), b"t")
    for message in messages[200:400]:
        pub.send(message)
    subs.pop().close()
    later = subscribe(sock, pub, last_endpoint(pub), b"t3")
    for message in messages[400:]:
        pub.send(message)

    for sub in subs:
        assert [parts[0] for parts in received(sub, 600)] == messages
    assert [parts[0] for parts in received(late, 400)] == messages[200:]
    assert not readable(later, 0)


@each_transport
def test_who_leaves_in_the_middle_of_a_message(
    sock: Any, pub: Any, endpoints: Any, transport: str
) -> None:
    pub.bind(endpoints.any(transport))
    subs = [subscribe(sock, pub, last_endpoint(pub), b"") for _ in range(6)]

    pub.send(b"before")
    pub.send(b"one", zmq.SNDMORE)
    for sub in subs[:3]:
        sub.close()
    pub.setsockopt(zmq.RCVTIMEO, QUIET_MS)
    with pytest.raises(zmq.Again):  # takes note of who left
        pub.recv()
    pub.send(b"two")
    pub.send(b"after")

    for sub in subs[3:]:
        assert received(sub, 3) == [[b"before"], [b"one", b"two"], [b"after"]]


@differs_from_libzmq  # quick ones have room again at once
def test_a_full_subscriber_misses_whole_messages_only(sock: Any, endpoints: Any) -> None:
    pub = sock("XPUB", bind=endpoints.any("inproc"), sndhwm=5, xpub_verbose=1)
    quick = [subscribe(sock, pub, last_endpoint(pub), b"") for _ in range(5)]
    slow = subscribe(sock, pub, last_endpoint(pub), b"", rcvhwm=5)

    messages = [[b"%d" % number, b"x" * 100] for number in range(30)]
    for parts in messages:
        pub.send_multipart(parts)
        for sub in quick:
            assert sub.recv_multipart() == parts

    assert received(slow, 10) == messages[:10]
    pub.send_multipart(messages[0])
    assert received(slow, 1) == messages[:1]


def test_nodrop_with_one_full_sends_to_nobody(sock: Any, endpoints: Any) -> None:
    pub = sock("XPUB", bind=endpoints.any("inproc"), sndhwm=5, xpub_verbose=1, xpub_nodrop=1)
    quick = [subscribe(sock, pub, last_endpoint(pub), b"") for _ in range(5)]
    slow = subscribe(sock, pub, last_endpoint(pub), b"", rcvhwm=5)
    for number in range(10):
        pub.send(b"%d" % number)

    with pytest.raises(zmq.Again):
        pub.send(b"too much", zmq.DONTWAIT)

    for sub in [*quick, slow]:
        assert received(sub, 10) == [[b"%d" % number] for number in range(10)]
    pub.send(b"again")
    assert all(sub.recv() == b"again" for sub in [*quick, slow])


@differs_from_libzmq
def test_frames_outlive_the_sockets_and_cannot_be_written_to(
    sock: Any, pub: Any, endpoints: Any
) -> None:
    pub.bind(endpoints.any("inproc"))
    subs = [subscribe(sock, pub, last_endpoint(pub), b"") for _ in range(5)]
    for number in range(50):
        pub.send(b"%03d" % number * 50)
    frames = [[sub.recv(copy=False) for _ in range(50)] for sub in subs]

    for made in (*subs, pub):
        made.close()
    del made, subs
    gc.collect()

    for row in frames:
        assert [frame.bytes for frame in row] == [b"%03d" % number * 50 for number in range(50)]
        with pytest.raises(TypeError):
            memoryview(row[0].buffer)[0] = 0


@pytest.mark.no_sanitizer
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_who_reads_nothing_of_a_sparse_topic_holds_little(
    sock: Any, pub: Any, endpoints: Any
) -> None:
    """A subscriber of one message in a hundred does not keep the other ninety-nine alive."""
    pub.bind(endpoints.any("inproc"))
    subs = [subscribe(sock, pub, last_endpoint(pub), b"x") for _ in range(5)]
    sparse = subscribe(sock, pub, last_endpoint(pub), b"x00")

    before = resident()
    for number in range(20_000):
        pub.send(b"x%02d" % (number % 100) + bytes(2000))
        for sub in subs:
            sub.recv()

    assert resident() - before < 8 << 20  # all of them would be 40 MB
    assert [sub.recv()[:3] for sub in [sparse] * 200] == [b"x00"] * 200


def resident() -> int:
    """Octets of memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@differs_from_libzmq
def test_tracked_messages_are_done_when_all_have_read_them(
    sock: Any, pub: Any, endpoints: Any
) -> None:
    pub.copy_threshold = 0
    pub.bind(endpoints.any("inproc"))
    subs = [subscribe(sock, pub, last_endpoint(pub), b"") for _ in range(5)]

    tracker = pub.send(bytearray(b"x" * 1000), copy=False, track=True)
    for sub in subs:
        assert not tracker.done
        assert sub.recv() == b"x" * 1000
    tracker.wait(10)
    assert tracker.done
