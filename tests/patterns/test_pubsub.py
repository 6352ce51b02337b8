"""PUB and SUB (RFC 29): a subscription is a prefix, and nobody waits for anybody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    drain,
    each_transport,
    last_endpoint,
    raises_errno,
    readable,
    subscription_arrives,
    wait_until,
    writable,
    zmq,
)


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
        pub.send(b"settled")
        while sub.recv() != b"settled":
            pass
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

    kept = [sub.recv_multipart(), *drain(sub, 100)]
    got = [int(parts[0].rstrip(b"x")) for parts in kept]
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
