"""CVE-2021-20236: subscriptions so long that removing them level by level overflows the stack."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import last_endpoint, subscription_arrives
from tests.promises.test_lifecycle import resident_kib
from tests.raw_zmtp import RawPeer


def taken(pub: Any, stranger: RawPeer) -> None:
    """The PUB has what the stranger subscribed to; it looks when it sends."""
    stranger.settle()
    pub.send(b"~")


@pytest.mark.timeout(60)
def test_ten_megabytes(sock: Any, raw: Any) -> None:
    pub = sock("XPUB", bind="tcp://127.0.0.1:*", rcvtimeo=30_000)
    stranger = raw(last_endpoint(pub))
    stranger.handshake(b"SUB")
    topic = bytes(range(1, 251)) * 40_000
    stranger.subscribe(topic)
    assert pub.recv() == b"\1" + topic
    stranger.cancel(topic)
    assert pub.recv() == b"\0" + topic
    stranger.subscribe(topic)
    assert pub.recv() == b"\1" + topic
    stranger.close()
    assert pub.recv() == b"\0" + topic


def test_every_prefix_of_a_long_topic(sock: Any, raw: Any) -> None:
    """A chain of thousands of nodes; gone with its peer."""
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    stranger = raw(last_endpoint(pub))
    stranger.handshake(b"SUB")
    topic = b"ab" * 1500
    for length in range(1, len(topic)):
        stranger.subscribe(topic[:length])
        if length % 300 == 0:
            taken(pub, stranger)
    taken(pub, stranger)
    pub.send(topic)
    assert stranger.read_message() == [topic]
    stranger.close()
    sub = sock("SUB", connect=last_endpoint(pub))
    subscription_arrives(pub, sub)


def test_subscribing_over_and_over_keeps_nothing(sock: Any, raw: Any) -> None:
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    stranger = raw(last_endpoint(pub))
    stranger.handshake(b"SUB")
    before = 0
    for number in range(6):
        for _ in range(300):
            topic = b"%d." % number * 200
            stranger.subscribe(topic)
            stranger.cancel(topic)
        taken(pub, stranger)
        if number == 0:
            before = resident_kib()
    assert resident_kib() - before < 5_000


def test_cancelling_what_was_never_subscribed(sock: Any, raw: Any) -> None:
    pub = sock("PUB", bind="tcp://127.0.0.1:*")
    stranger = raw(last_endpoint(pub))
    stranger.handshake(b"SUB")
    for topic in (b"", b"x", b"x" * 10_000):
        stranger.cancel(topic)
    stranger.subscribe(b"a")
    stranger.cancel(b"a")
    stranger.cancel(b"a")
    stranger.subscribe(b"b")
    stranger.settle()
    pub.send(b"a")
    pub.send(b"b")
    assert stranger.read_message() == [b"b"]
