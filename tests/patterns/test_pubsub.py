"""PUB and SUB (RFC 29): a subscription is a prefix, and nobody waits for anybody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    TRANSPORTS,
    differs_from_libzmq,
    drain,
    last_endpoint,
    raises_errno,
    readable,
    subscription_arrives,
    wait_until,
    writable,
    zmq,
)
from tests.raw_zmtp import frame, message

each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


def pub_and_sub(
    sock: Any, endpoints: Any, transport: str, *topics: bytes, **options: int
) -> tuple[Any, Any]:
    pub = sock("PUB", bind=endpoints.any(transport), **options)
    sub = sock("SUB", connect=last_endpoint(pub))
    for topic in topics:
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    subscription_arrives(pub, sub)
    return pub, sub


def heard(pub: Any, sub: Any, *bodies: bytes) -> list[bytes]:
    """Which of `bodies` the subscriber gets. Ends by a token it is made to want."""
    end = b"~end of test"
    sub.setsockopt(zmq.SUBSCRIBE, end)
    subscription_arrives(pub, sub)
    for body in bodies:
        pub.send(body)
    pub.send(end)
    got = []
    while (body := sub.recv()) != end:
        got.append(body)
    sub.setsockopt(zmq.UNSUBSCRIBE, end)
    return got


@each_transport
@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        ([b"a"], [b"a", b"ab", b"abc"]),
        ([b"ab"], [b"ab", b"abc"]),
        ([b"abc"], [b"abc"]),
        ([b"abcd"], []),
        ([b""], [b"", b"a", b"ab", b"abc", b"b", b"A", b"\x00", b"\xff"]),
        ([b"a", b"b"], [b"a", b"ab", b"abc", b"b"]),
        ([b"a", b"ab"], [b"a", b"ab", b"abc"]),
        ([b"\x00"], [b"\x00"]),
        ([b"\xff", b"A"], [b"A", b"\xff"]),
        ([], []),
    ],
)
def test_a_subscription_is_a_prefix(
    sock: Any, endpoints: Any, transport: str, topics: list[bytes], expected: list[bytes]
) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, *topics)

    said = (b"", b"a", b"ab", b"abc", b"b", b"A", b"\x00", b"\xff")
    assert heard(pub, sub, *said) == [body for body in said if body in expected]


@each_transport
def test_only_the_first_frame_is_matched(sock: Any, endpoints: Any, transport: str) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"t")
    pub.send_multipart([b"x", b"topic"])
    pub.send_multipart([b"topic", b"x", b""])

    assert sub.recv_multipart() == [b"topic", b"x", b""]


@each_transport
def test_overlapping_subscriptions_deliver_once(sock: Any, endpoints: Any, transport: str) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"", b"a", b"ab")

    assert heard(pub, sub, b"abc", b"abc") == [b"abc", b"abc"]


@each_transport
def test_n_subscribes_need_n_unsubscribes(sock: Any, endpoints: Any, transport: str) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"t", b"t", b"t")
    for left in (2, 1, 0):
        sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
        assert heard(pub, sub, b"t1") == ([b"t1"] if left else [])
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    assert heard(pub, sub, b"t2") == [b"t2"]


@each_transport
def test_unsubscribing_the_unknown_does_nothing(sock: Any, endpoints: Any, transport: str) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"topic")
    for never in (b"other", b"top", b"topical", b""):
        sub.setsockopt(zmq.UNSUBSCRIBE, never)

    assert heard(pub, sub, b"topic", b"other") == [b"topic"]


@each_transport
def test_unsubscribing_a_prefix_leaves_the_longer_topic(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"a", b"ab")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"a")

    assert heard(pub, sub, b"a", b"ab", b"ac") == [b"ab"]


@each_transport
def test_all_subscribers_get_a_copy(sock: Any, endpoints: Any, transport: str) -> None:
    pub = sock("PUB", bind=endpoints.any(transport))
    subs = [sock("SUB", connect=last_endpoint(pub)) for _ in range(10)]
    for sub in subs:
        sub.setsockopt(zmq.SUBSCRIBE, b"")
    subscription_arrives(pub, *subs)
    pub.send(b"go")
    for sub in subs:
        while sub.recv() != b"go":
            pass
    for number in range(50):
        pub.send_multipart([b"t", b"%d" % number])

    for sub in subs:
        got = [sub.recv_multipart() for _ in range(50)]
        assert got == [[b"t", b"%d" % n] for n in range(50)]


@each_transport
def test_a_subscriber_hears_several_publishers(sock: Any, endpoints: Any, transport: str) -> None:
    pubs = [sock("PUB", bind=endpoints.any(transport)) for _ in range(3)]
    sub = sock("SUB")
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    for pub in pubs:
        sub.connect(last_endpoint(pub))
    for pub in pubs:
        while not readable(sub, 5):
            pub.send(b"settle")
        drain(sub, 20)
    for name, pub in enumerate(pubs):
        for number in range(10):
            pub.send(b"%d-%d" % (name, number))

    got = sorted(sub.recv() for _ in range(30))
    assert got == sorted(b"%d-%d" % (name, n) for name in range(3) for n in range(10))


@each_transport
def test_a_publisher_may_connect_to_a_bound_subscriber(
    sock: Any, endpoints: Any, transport: str
) -> None:
    sub = sock("SUB", bind=endpoints.any(transport))
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    pub = sock("PUB", connect=last_endpoint(sub))
    subscription_arrives(pub, sub)

    assert heard(pub, sub, b"topic", b"other") == [b"topic"]


@each_transport
def test_without_subscribers_messages_are_dropped(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pub = sock("PUB", bind=endpoints.any(transport), sndhwm=1)
    assert writable(pub)
    for _ in range(5000):
        pub.send(b"x", zmq.DONTWAIT)


@each_transport
def test_publishing_never_blocks(sock: Any, endpoints: Any, transport: str) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"", sndhwm=5, sndbuf=8192)
    for number in range(3000):
        pub.send(b"%d" % number + b"x" * 5000, zmq.DONTWAIT)
    assert writable(pub)

    got = [int(parts[0].rstrip(b"x")) for parts in drain(sub, 100)]
    assert got == sorted(set(got))
    assert 1 <= len(got) < 3000
    wait_until(lambda: pub.send(b"after the flood") or readable(sub, 5))


@each_transport
def test_no_way_back(sock: Any, endpoints: Any, transport: str) -> None:
    pub, sub = pub_and_sub(sock, endpoints, transport, b"")
    with raises_errno(zmq.ENOTSUP):
        pub.recv()
    with raises_errno(zmq.ENOTSUP):
        sub.send(b"x")
    assert not writable(sub)
    assert not readable(pub)


@each_transport
def test_topics_count(sock: Any, endpoints: Any, transport: str) -> None:
    """Distinct subscriptions, however often each was made."""
    if not hasattr(zmq, "TOPICS_COUNT"):
        pytest.skip("no such option")
    pub, sub = pub_and_sub(sock, endpoints, transport)
    for topic in (b"a", b"a", b"ab", b"b"):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    assert sub.getsockopt(zmq.TOPICS_COUNT) == 3
    subscription_arrives(pub, sub)
    sub.setsockopt(zmq.UNSUBSCRIBE, b"a")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"b")
    assert sub.getsockopt(zmq.TOPICS_COUNT) == 2


@each_transport
def test_inverted_matching_set_at_both_ends(sock: Any, endpoints: Any, transport: str) -> None:
    pub = sock("PUB", invert_matching=1, bind=endpoints.any(transport))
    sub = sock("SUB", invert_matching=1, connect=last_endpoint(pub))
    sub.setsockopt(zmq.SUBSCRIBE, b"not this")
    witness = sock("SUB", invert_matching=1, connect=last_endpoint(pub))
    witness.setsockopt(zmq.SUBSCRIBE, b"~")
    for one in (sub, witness):
        while not readable(one, 5):
            pub.send(b"settle")
    for body in (b"this", b"not this one", b"that", b"not thi", b"end"):
        pub.send(body)

    assert until_end(witness) == [b"this", b"not this one", b"that", b"not thi"]
    assert until_end(sub) == [b"this", b"that", b"not thi"]


def until_end(sub: Any) -> list[bytes]:
    got = []
    while (body := sub.recv()) != b"end":
        if body != b"settle":
            got.append(body)
    return got


def test_sub_filters_what_a_publisher_does_not(sock: Any, raw: Any) -> None:
    """Multicast and careless publishers send everything."""
    sub = sock("SUB", bind="tcp://127.0.0.1:*")
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    wire = raw(last_endpoint(sub))
    wire.handshake(b"PUB")
    wire.send(message(b"other", b"t") + message(b"x") + message(b"topic", b"x") + message(b"tt"))

    assert sub.recv_multipart() == [b"topic", b"x"]
    assert sub.recv_multipart() == [b"tt"]
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
    wire.send(message(b"topic"))
    assert not readable(sub)


def test_the_octets_of_subscriptions_on_3_1(sock: Any, raw_listener: Any) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"PUB")
    wire.settle()
    sub.setsockopt(zmq.SUBSCRIBE, b"")
    assert wire.read(12) == bytes.fromhex("040a09535542534352494245")
    sub.setsockopt(zmq.SUBSCRIBE, b"A")
    assert wire.read(13) == bytes.fromhex("040b0953554253435249424541")
    sub.setsockopt(zmq.SUBSCRIBE, b"A")
    assert wire.read_command() == (b"SUBSCRIBE", b"A")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    assert wire.read(10) == bytes.fromhex("04080643414e43454c41")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"")
    assert wire.read_command() == (b"CANCEL", b"")


def test_the_octets_of_subscriptions_on_3_0(sock: Any, raw_listener: Any) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    sub.setsockopt(zmq.SUBSCRIBE, b"A")
    wire = raw_listener.accept()
    wire.handshake(b"PUB", minor=0)
    assert wire.read(4) == bytes.fromhex("00020141")
    sub.setsockopt(zmq.UNSUBSCRIBE, b"A")
    assert wire.read(4) == bytes.fromhex("00020041")


@pytest.mark.parametrize("length", [244, 245, 246, 247, 254, 255, 256, 1000])
def test_topics_around_the_size_of_a_short_frame(sock: Any, raw_listener: Any, length: int) -> None:
    sub = sock("SUB", connect=raw_listener.endpoint)
    sub.setsockopt(zmq.SUBSCRIBE, b"t" * length)
    wire = raw_listener.accept()
    wire.handshake(b"PUB")
    assert wire.read_command() == (b"SUBSCRIBE", b"t" * length)
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t" * length)
    assert wire.read_command() == (b"CANCEL", b"t" * length)


@differs_from_libzmq
@pytest.mark.parametrize("length", [254, 255, 256])
def test_such_topics_towards_a_3_0_publisher(sock: Any, raw_listener: Any, length: int) -> None:
    """At 255 libzmq writes a long size under a short frame's flags."""
    sub = sock("SUB", connect=raw_listener.endpoint)
    sub.setsockopt(zmq.SUBSCRIBE, b"t" * length)
    wire = raw_listener.accept()
    wire.handshake(b"PUB", minor=0)
    assert wire.read_message() == [b"\x01" + b"t" * length]


@pytest.mark.parametrize("style", ["command", "message"])
def test_a_publisher_honours_both_styles(sock: Any, raw: Any, style: str) -> None:
    """Also messages on a 3.1 link: that is what XSUB.send() and old proxies produce."""
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    wire.minor = 1 if style == "command" else 0
    wire.subscribe(b"t")
    wire.ping(b"fence")
    assert wire.read_command() == (b"PONG", b"fence")
    subscribed(pub, wire)
    wire.cancel(b"t")
    wire.subscribe(b"end")
    subscribed(pub, wire, b"end")
    pub.send(b"topic")
    pub.send(b"end")
    assert wire.read_message() == [b"end"]


def subscribed(pub: Any, wire: Any, topic: bytes = b"topic") -> None:
    """Publish until the raw subscriber hears it, and once more for the end."""
    wire.sock.settimeout(0.05)
    for _ in range(200):
        pub.send(topic)
        try:
            assert wire.read_message() == [topic]
            break
        except TimeoutError:
            continue
    wire.sock.settimeout(10)
    pub.send(topic + b", the last")
    while wire.read_message() != [topic + b", the last"]:
        pass


def test_one_cancel_ends_many_subscribes_of_one_connection(sock: Any, raw: Any) -> None:
    """A set per connection, not a count: libzmq's SUB subscribes often and cancels once."""
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    for _ in range(5):
        wire.subscribe(b"t")
    wire.cancel(b"t")
    wire.subscribe(b"end")
    while pub.recv() != b"\x01end":
        pass
    pub.send(b"topic")
    pub.send(b"end")
    assert wire.read_message() == [b"end"]


@pytest.mark.parametrize(
    "traffic",
    [
        frame(b"user message"),
        frame(b"\x02t"),
        frame(b""),
        frame(b"SUBSCRIBEt"),
        message(b"a", b"b"),
    ],
)
def test_a_publisher_ignores_user_messages(sock: Any, raw: Any, traffic: bytes) -> None:
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    wire.send(traffic)
    wire.subscribe(b"t")
    subscribed(pub, wire)
    assert not readable(pub)


@differs_from_libzmq
def test_an_idle_subscriber_subscribes_again_by_itself(sock: Any, raw_listener: Any) -> None:
    """libzmq waits until the application touches the socket."""
    sub = sock("SUB", connect=raw_listener.endpoint, reconnect_ivl=5)
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    for _ in range(3):
        wire = raw_listener.accept()
        wire.handshake(b"PUB")
        assert wire.read_command() == (b"SUBSCRIBE", b"t")
        wire.reset()


def test_a_message_begun_before_a_subscriber_came_is_not_for_him(sock: Any, raw: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*")
    pub.send(b"begun", zmq.SNDMORE)
    wire = raw(last_endpoint(pub))
    wire.handshake(b"SUB")
    wire.subscribe(b"")
    assert pub.recv() == b"\x01"
    pub.send(b"middle", zmq.SNDMORE)
    pub.send(b"end")
    pub.send(b"next")

    assert wire.read_message() == [b"next"]
