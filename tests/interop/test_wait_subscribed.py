"""`wait_subscribed` with libzmq's publishers: nothing that is sent afterwards is lost."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import peromq

pyzmq = pytest.importorskip("zmq")

TIMEOUT = 30.0


@pytest.fixture
def theirs() -> Iterator[Any]:
    with pyzmq.Context() as context:
        context.linger = 0
        yield context


@pytest.fixture
def ours() -> Iterator[Any]:
    context = peromq.Context()
    context.linger = 0
    context.rcvtimeo = int(TIMEOUT * 1000)
    yield context
    context.destroy(linger=0)


def many(kind: str, theirs: Any, ours: Any, runs: int) -> None:
    """The publisher is busy, so that it looks for news only now and then (max_command_delay)."""
    with theirs.socket(getattr(pyzmq, kind)) as pub, ours.socket(peromq.SUB) as sub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        for run in range(runs):
            topic = b"%06d" % run
            pub.send(b"noise")
            sub.subscribe(topic)
            assert sub.wait_subscribed(topic, TIMEOUT) == 1
            pub.send(topic)
            assert sub.recv() == topic


@pytest.mark.parametrize("kind", ["PUB", "XPUB"])
def test_what_is_sent_afterwards_comes(kind: str, theirs: Any, ours: Any) -> None:
    many(kind, theirs, ours, 150)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PUB", "XPUB"])
def test_a_thousand_times(kind: str, theirs: Any, ours: Any) -> None:
    many(kind, theirs, ours, 1000)


def test_from_connect_on(theirs: Any, ours: Any) -> None:
    """A new connection each time: the slow joiner himself."""
    with theirs.socket(pyzmq.PUB) as pub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        for run in range(100):
            with ours.socket(peromq.SUB) as sub:
                sub.connect(f"tcp://127.0.0.1:{port}")
                sub.subscribe(b"")
                sub.wait_subscribed(timeout=TIMEOUT)
                pub.send(b"%d" % run)
                assert sub.recv() == b"%d" % run


def test_many_subscriptions(theirs: Any, ours: Any) -> None:
    """More than one read of the peer's takes, and more than its queue: libzmq goes on reading only
    when the publisher's application calls it."""
    stop = threading.Event()
    with theirs.socket(pyzmq.PUB) as pub, ours.socket(peromq.SUB) as sub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        topics = [b"topic %06d" % number for number in range(3000)]
        for topic in topics:
            sub.subscribe(topic)

        def call() -> None:
            while not stop.wait(0.001):
                pub.send(b"noise")

        thread = threading.Thread(target=call)
        thread.start()
        try:
            sub.connect(f"tcp://127.0.0.1:{port}")
            sub.wait_subscribed(timeout=TIMEOUT)
        finally:
            stop.set()
            thread.join(TIMEOUT)
        for topic in topics[::-300]:
            pub.send(topic)
            assert sub.recv() == topic


def test_a_publisher_in_full_stream(theirs: Any, ours: Any) -> None:
    """Of a stream from another thread, nothing is missing from here on."""
    stop = threading.Event()
    sent = itertools.count(1)
    begun = [0]

    with theirs.socket(pyzmq.PUB) as pub, ours.socket(peromq.SUB) as sub:
        sub.rcvhwm = pub.sndhwm = 0
        port = pub.bind_to_random_port("tcp://127.0.0.1")

        def stream() -> None:
            while not stop.is_set():
                begun[0] = next(sent)
                pub.send(b"%09d" % begun[0])

        thread = threading.Thread(target=stream)
        thread.start()
        try:
            sub.connect(f"tcp://127.0.0.1:{port}")
            sub.subscribe(b"")
            sub.wait_subscribed(timeout=TIMEOUT)
            mark = begun[0]  # this one may have been sent already, the next one has not
            first = int(sub.recv())
        finally:
            stop.set()
            thread.join(TIMEOUT)
    assert first <= mark + 1


def test_their_publisher_connects(theirs: Any, ours: Any) -> None:
    with theirs.socket(pyzmq.PUB) as pub, ours.socket(peromq.SUB) as sub:
        sub.subscribe(b"")
        port = sub.bind_to_random_port("tcp://127.0.0.1")
        pub.connect(f"tcp://127.0.0.1:{port}")
        assert sub.wait_subscribed(timeout=TIMEOUT) == 1
        pub.send(b"hello")
        assert sub.recv() == b"hello"


def test_our_publisher_knows_their_subscribers(theirs: Any, ours: Any) -> None:
    with theirs.socket(pyzmq.SUB) as sub, ours.socket(peromq.PUB) as pub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        sub.rcvtimeo = int(TIMEOUT * 1000)
        sub.subscribe(b"a")
        assert pub.wait_subscribers(b"abc", timeout=TIMEOUT) == 1
        pub.send(b"abc")
        assert sub.recv() == b"abc"
        assert pub.subscriber_count(b"b") == 0


def test_with_curve(theirs: Any, ours: Any) -> None:
    with theirs.socket(pyzmq.PUB) as pub, ours.socket(peromq.SUB) as sub:
        public, secret = pyzmq.curve_keypair()
        pub.curve_server, pub.curve_secretkey = 1, secret
        sub.curve_publickey, sub.curve_secretkey = peromq.curve_keypair()
        sub.curve_serverkey = public
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        for number in range(20):
            topic = b"%d" % number
            sub.subscribe(topic)
            sub.wait_subscribed(timeout=TIMEOUT)
            pub.send(topic)
            assert sub.recv() == topic


def test_with_heartbeats_on_both_sides(theirs: Any, ours: Any) -> None:
    """PINGs of several kinds on one connection do not disturb each other."""
    with theirs.socket(pyzmq.PUB) as pub, ours.socket(peromq.SUB) as sub:
        pub.heartbeat_ivl = sub.heartbeat_ivl = 2
        pub.heartbeat_timeout = sub.heartbeat_timeout = sub.heartbeat_ttl = 60_000
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        for number in range(100):
            topic = b"%03d" % number
            sub.subscribe(topic)
            sub.wait_subscribed(timeout=TIMEOUT)
            pub.send(topic)
            assert sub.recv() == topic
