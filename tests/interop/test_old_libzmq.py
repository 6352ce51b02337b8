"""Real peers of old: libzmq 2, 3 and 4.0, where somebody has built them.

    PEROMQ_OLD_LIBZMQ=/path/to/libzmq.so.1:/path/to/libzmq.so.3 pytest tests/interop

2.x speaks ZMTP 1.0, 3.2 speaks 2.0, 4.0 to 4.3.2 speak 3.0. (libzmq 3.0 and 3.1 send no
identity frame but from DEALER and ROUTER, and agree with nobody.) What they put on the wire is also
in test_zmtp1_and_2 and test_old_peers, by hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import Deadline, last_endpoint, zmq
from tests.interop.old_libzmq import DONTWAIT, SUBSCRIBE, UNSUBSCRIBE, OldLibzmq
from tests.raw_old import PARTNER

LIBRARIES = [path for path in os.environ.get("PEROMQ_OLD_LIBZMQ", "").split(os.pathsep) if path]
SIZES = (0, 1, 253, 254, 255, 256, 16384, 1_000_000)

pytestmark = [
    pytest.mark.skipif(not LIBRARIES, reason="PEROMQ_OLD_LIBZMQ names no library"),
    pytest.mark.no_sanitizer,
]


@pytest.fixture(params=LIBRARIES)
def old(request: pytest.FixtureRequest) -> Iterator[OldLibzmq]:
    made = OldLibzmq(request.param)
    yield made
    made.close()


@pytest.fixture(params=["bind", "connect"])
def pair(request: pytest.FixtureRequest, sock: Any, old: OldLibzmq, endpoints: Any) -> Any:
    """pair("PUSH", "PULL"): our socket, and theirs that talks to it; we bind, or they do."""

    def make(ours: str, theirs: str, identity: bytes = b"", **options: Any) -> tuple[Any, Any]:
        if request.param == "bind":
            mine = sock(ours, bind="tcp://127.0.0.1:*", **options)
            return mine, old(theirs, identity=identity, connect=last_endpoint(mine))
        endpoint = endpoints.fixed("tcp")
        peer = old(theirs, identity=identity, bind=endpoint)
        return sock(ours, connect=endpoint, reconnect_ivl=10, **options), peer

    return make


def flow(source: Any, sink: Any) -> None:
    for size in SIZES:
        parts = [b"%d" % size, b"x" * size, b""]
        source.send_multipart(parts)
        assert sink.recv_multipart() == parts


def test_pipeline(pair: Any) -> None:
    flow(*pair("PUSH", "PULL"))
    pull, push = pair("PULL", "PUSH")
    flow(push, pull)


def test_pair(pair: Any) -> None:
    mine, peer = pair("PAIR", "PAIR")
    flow(mine, peer)
    flow(peer, mine)


@pytest.mark.parametrize(("ours", "theirs"), [("REQ", "REP"), ("REP", "REQ")])
def test_request_and_reply(pair: Any, ours: str, theirs: str) -> None:
    mine, peer = pair(ours, theirs)
    client, server = (mine, peer) if ours == "REQ" else (peer, mine)
    for size in SIZES:
        client.send_multipart([b"?", b"x" * size])
        assert server.recv_multipart() == [b"?", b"x" * size]
        server.send_multipart([b"!", b"y" * size])
        assert client.recv_multipart() == [b"!", b"y" * size]


@pytest.mark.parametrize("identity", [b"me", b"i" * 255])
@pytest.mark.parametrize("ours", ["ROUTER", "DEALER"])
def test_router_and_dealer(pair: Any, ours: str, identity: bytes) -> None:
    if ours == "ROUTER":
        router, dealer = pair("ROUTER", "DEALER", identity=identity)
    else:
        dealer, router = pair("DEALER", "ROUTER", routing_id=identity)
    for size in SIZES:
        dealer.send_multipart([b"x" * size])
        assert router.recv_multipart() == [identity, b"x" * size]
        router.send_multipart([identity, b"y" * size, b""])
        assert dealer.recv_multipart() == [b"y" * size, b""]


def test_our_publisher(pair: Any) -> None:
    """libzmq 2 filters what it gets, 3 asks for it; either sees what it subscribed to."""
    xpub, sub = pair("XPUB", "SUB")
    sub.set(SUBSCRIBE, b"a")
    sub.set(SUBSCRIBE, b"ab")
    sub.set(UNSUBSCRIBE, b"ab")
    while not xpub.poll(10):
        sub.look()
    assert xpub.recv() in (b"\x01", b"\x01a")
    for number in range(100):
        xpub.send_multipart([b"b%d" % number, b"no"])
        xpub.send_multipart([b"a%d" % number, b"yes"])
    for number in range(100):
        assert sub.recv_multipart() == [b"a%d" % number, b"yes"]


def test_their_publisher(pair: Any) -> None:
    sub, pub = pair("SUB", "PUB")
    sub.setsockopt(zmq.SUBSCRIBE, b"a")
    deadline = Deadline()
    while not sub.poll(10):
        pub.send_multipart([b"b", b"no"])
        pub.send_multipart([b"a", b"yes"])
        assert deadline.left
    assert sub.recv_multipart() == [b"a", b"yes"]
    for number in range(100):
        pub.send_multipart([b"b%d" % number])
        pub.send_multipart([b"a1", b"%d" % number])
    while sub.recv_multipart() == [b"a", b"yes"]:
        pass
    for number in range(1, 100):
        assert sub.recv_multipart() == [b"a1", b"%d" % number]


def test_a_publisher_with_a_long_topic(pair: Any) -> None:
    """libzmq 4.3 breaks the stream with a topic of 255 octets to such a peer."""
    sub, pub = pair("SUB", "PUB")
    topic = b"t" * 255
    sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.setsockopt(zmq.SUBSCRIBE, b"other")
    deadline = Deadline()
    seen = set()
    while seen != {topic, b"other"}:
        pub.send_multipart([topic])
        pub.send_multipart([b"other"])
        while sub.poll(10):
            seen.add(sub.recv())
        assert deadline.left


def test_every_type_finds_its_partner(pair: Any) -> None:
    for ours, theirs in PARTNER.items():
        pair(ours, theirs)


def test_it_comes_back(sock: Any, old: OldLibzmq, endpoints: Any, monitor: Any) -> None:
    endpoint = endpoints.fixed("tcp")
    push = sock("PUSH", reconnect_ivl=10)
    watch = monitor(push)
    push.connect(endpoint)
    for number in range(3):
        pull = old("PULL", bind=endpoint)  # once the last one is closed, which takes its time
        push.send(b"%d" % number)
        assert pull.recv_multipart() == [b"%d" % number]
        pull.close()
        watch.wait(zmq.EVENT_DISCONNECTED)


def test_many_messages_both_ways(pair: Any) -> None:
    mine, peer = pair("DEALER", "DEALER", sndhwm=0, rcvhwm=0)
    for number in range(5000):
        mine.send(b"%d" % number * 20)
    for number in range(5000):
        assert peer.recv_multipart() == [b"%d" % number * 20]
    for number in range(500):
        peer.send_multipart([b"%d" % number, b"x" * number])
    for number in range(500):
        assert mine.recv_multipart() == [b"%d" % number, b"x" * number]


def test_the_guard(pair: Any, old: OldLibzmq) -> None:
    """A real one does not get in, either, where somebody must be asked."""
    if old.version >= (4,):
        pytest.skip("ZMTP 3 has ZAP")
    router, dealer = pair("ROUTER", "DEALER", zap_domain=b"global")
    with contextlib.suppress(BlockingIOError):
        dealer.send_multipart([b"let me in"], DONTWAIT)
    assert not router.poll(100)
