"""`wait_subscribed` and `wait_subscribers`: the slow joiner cured, whoever waits and however."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

import peromq as zmq
import peromq.anyio
import peromq.asyncio
from tests.helpers import Deadline, together, wait_until
from tests.raw_zmtp import frame
from tests.sharedfixtures import raw_listener

__all__ = ["raw_listener"]

TIMEOUT = 10.0
TRANSPORTS = ["tcp", "ipc", "inproc", "ws"]


@pytest.fixture
def context() -> Iterator[Any]:
    context = zmq.Context()
    context.linger = 0
    context.rcvtimeo = int(TIMEOUT * 1000)
    yield context
    context.destroy(linger=0)


@pytest.fixture
def open_socket(context: Any) -> Iterator[Any]:
    made: list[Any] = []

    def make(kind: str) -> Any:
        made.append(context.socket(getattr(zmq, kind)))
        return made[-1]

    yield make
    for socket in made:
        socket.close()


def bound(socket: Any, transport: str, tmp_path: Any) -> str:
    socket.bind(
        {
            "tcp": "tcp://127.0.0.1:*",
            "ws": "ws://127.0.0.1:*/",
            "ipc": f"ipc://{tmp_path}/s",
            "inproc": "inproc://waits",
        }[transport]
    )
    endpoint: str = socket.last_endpoint.decode()
    return endpoint


# -- subscribers


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kinds", [("SUB", "PUB"), ("SUB", "XPUB"), ("XSUB", "PUB")])
def test_nothing_is_lost(
    open_socket: Any, tmp_path: Any, transport: str, kinds: tuple[str, str]
) -> None:
    """A new subscriber each time."""
    pub = open_socket(kinds[1])
    endpoint = bound(pub, transport, tmp_path)
    for number in range(20):
        with open_socket(kinds[0]) as sub:
            sub.connect(endpoint)
            if kinds[0] == "SUB":
                sub.subscribe(b"")
            else:
                sub.send(b"\x01")
            assert sub.wait_subscribed(timeout=TIMEOUT) == 1
            pub.send(b"%d" % number)
            assert sub.recv() == b"%d" % number


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_more_topic_each_time(open_socket: Any, tmp_path: Any, transport: str) -> None:
    pub, sub = open_socket("PUB"), open_socket("SUB")
    sub.connect(bound(pub, transport, tmp_path))
    for number in range(100):
        topic = b"%03d" % number
        sub.subscribe(topic)
        sub.wait_subscribed(topic, TIMEOUT)
        pub.send(topic)
        assert sub.recv() == topic


def test_groups(open_socket: Any) -> None:
    radio, dish = open_socket("RADIO"), open_socket("DISH")
    port = radio.bind_to_random_port("tcp://127.0.0.1")
    dish.connect(f"tcp://127.0.0.1:{port}")
    for number in range(50):
        dish.join(f"g{number}")
        dish.wait_subscribed(f"g{number}", TIMEOUT)
        radio.send(b"x", group=f"g{number}")
        assert dish.recv() == b"x"


def test_all_publishers_or_so_many(open_socket: Any, tcp_endpoint: str) -> None:
    sub = open_socket("SUB")
    sub.subscribe(b"")
    for _ in range(2):
        sub.connect(f"tcp://127.0.0.1:{open_socket('PUB').bind_to_random_port('tcp://127.0.0.1')}")
    assert sub.wait_subscribed(timeout=TIMEOUT) == 2
    sub.connect(tcp_endpoint)
    with pytest.raises(TimeoutError, match=r"no word from all publishers within 0\.05 s"):
        sub.wait_subscribed(timeout=0.05)
    assert sub.wait_subscribed(timeout=TIMEOUT, count=2) == 2
    with pytest.raises(TimeoutError):
        sub.wait_subscribed(timeout=0, count=3)
    late = open_socket("PUB")
    late.bind(tcp_endpoint)
    assert sub.wait_subscribed(timeout=TIMEOUT) == 3


def test_bound_subscribers_wait_for_somebody(open_socket: Any) -> None:
    sub = open_socket("SUB")
    sub.subscribe(b"")
    port = sub.bind_to_random_port("tcp://127.0.0.1")
    with pytest.raises(TimeoutError):
        sub.wait_subscribed(timeout=0.02)
    pub = open_socket("PUB")
    pub.connect(f"tcp://127.0.0.1:{port}")
    assert sub.wait_subscribed(timeout=TIMEOUT) == 1


def test_after_a_reconnect(open_socket: Any, tcp_endpoint: str) -> None:
    """What one connection has confirmed is nothing to the next."""
    sub = open_socket("SUB")
    sub.reconnect_ivl = 1
    sub.subscribe(b"")
    sub.connect(tcp_endpoint)
    for number in range(5):
        with open_socket("PUB") as pub:
            pub.bind(tcp_endpoint)
            sub.wait_subscribed(timeout=TIMEOUT)
            pub.send(b"%d" % number)
            assert sub.recv() == b"%d" % number
        wait_until(lambda: not sub.statistics().connected_peers)


def test_a_name_that_is_bound_later(open_socket: Any) -> None:
    sub, pub = open_socket("SUB"), open_socket("PUB")
    sub.subscribe(b"")
    sub.connect("inproc://later")
    with pytest.raises(TimeoutError):
        sub.wait_subscribed(timeout=0.02)
    together(
        lambda: sub.wait_subscribed(timeout=TIMEOUT),
        lambda: pub.bind("inproc://later"),
    )
    pub.send(b"x")
    assert sub.recv() == b"x"


def test_topics(open_socket: Any) -> None:
    pub, sub = open_socket("PUB"), open_socket("SUB")
    sub.connect(f"tcp://127.0.0.1:{pub.bind_to_random_port('tcp://127.0.0.1')}")
    sub.subscribe("weather")
    sub.wait_subscribed("weather", TIMEOUT)
    sub.wait_subscribed(b"weather.london", TIMEOUT)  # covered
    with pytest.raises(zmq.ZMQError, match="not subscribed to b'news'") as caught:
        sub.wait_subscribed("news", TIMEOUT)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(TypeError):
        sub.wait_subscribed(5)


def test_an_old_publisher_cannot_tell(open_socket: Any, raw_listener: Any) -> None:
    """ZMTP 3.0 has no PING."""
    sub = open_socket("SUB")
    sub.subscribe(b"")
    sub.connect(raw_listener.endpoint)
    peer = raw_listener.accept()
    peer.handshake(b"PUB", minor=0)
    wait_until(lambda: sub.statistics().connected_peers)
    with pytest.raises(zmq.ZMQError, match=r"ZMTP 3\.0") as caught:
        sub.wait_subscribed(timeout=TIMEOUT)
    assert caught.value.errno == zmq.ENOTSUP
    with pytest.raises(TimeoutError):
        sub.wait_subscribed(timeout=0.02, count=1)


def test_a_publisher_that_does_not_answer(open_socket: Any, raw_listener: Any) -> None:
    """It reads, and answers the first question with another's answer, and never the second."""
    sub = open_socket("SUB")
    sub.subscribe(b"a")
    sub.connect(raw_listener.endpoint)
    peer = raw_listener.accept()
    peer.handshake(b"PUB")
    wait_until(lambda: sub.statistics().connected_peers)
    with pytest.raises(TimeoutError):
        sub.wait_subscribed(timeout=0.05)
    assert peer.read_frame() == (4, b"\x09SUBSCRIBEa")
    flags, ping = peer.read_frame()
    assert (flags, ping[:11], len(ping)) == (4, b"\x04PING\0\0subs", 15)
    for answer in (b"", b"subs", b"subs\xff\xff\xff\xff", ping[7:] + b"x", ping[7:]):
        peer.send(frame(b"\x04PONG" + answer, 4))
    with pytest.raises(TimeoutError):
        sub.wait_subscribed(timeout=0.05)
    second = peer.read_frame()[1]
    assert second != ping
    peer.send(frame(b"\x04PONG" + second[7:], 4))
    assert sub.wait_subscribed(timeout=TIMEOUT) == 1


# -- publishers


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["PUB", "XPUB"])
def test_so_many_subscribers(open_socket: Any, tmp_path: Any, transport: str, kind: str) -> None:
    pub = open_socket(kind)
    endpoint = bound(pub, transport, tmp_path)
    subs = [open_socket("SUB") for _ in range(3)]
    for sub, topic in zip(subs, (b"a", b"ab", b"b"), strict=True):
        sub.connect(endpoint)
        sub.subscribe(topic)
    assert pub.wait_subscribers(count=3, timeout=TIMEOUT) == 3
    assert pub.wait_subscribers(b"abc", count=2, timeout=TIMEOUT) == 2
    assert [pub.subscriber_count(topic) for topic in ("a", "b", "c", "")] == [1, 1, 0, 0]
    assert pub.subscriber_count() == 3
    pub.send(b"abc")
    assert [subs[0].recv(), subs[1].recv()] == [b"abc", b"abc"]
    subs[0].unsubscribe(b"a")
    wait_until(lambda: pub.subscriber_count() == 2)
    subs[1].close()
    wait_until(lambda: pub.subscriber_count() == 1)


def test_they_come_while_it_waits(open_socket: Any) -> None:
    pub, sub = open_socket("PUB"), open_socket("SUB")
    port = pub.bind_to_random_port("tcp://127.0.0.1")

    def come() -> None:
        sub.connect(f"tcp://127.0.0.1:{port}")
        sub.subscribe(b"a")

    together(lambda: pub.wait_subscribers(b"a", timeout=TIMEOUT), come)
    pub.send(b"a")
    assert sub.recv() == b"a"


def test_too_few(open_socket: Any) -> None:
    pub = open_socket("PUB")
    with pytest.raises(TimeoutError, match=r"fewer than 2 subscribers within 0\.02 s"):
        pub.wait_subscribers(count=2, timeout=0.02)
    assert pub.wait_subscribers(count=0, timeout=0) == 0


def test_what_the_application_accepts_counts(open_socket: Any) -> None:
    pub, sub = open_socket("XPUB"), open_socket("SUB")
    pub.xpub_manual = 1
    sub.connect(f"tcp://127.0.0.1:{pub.bind_to_random_port('tcp://127.0.0.1')}")
    sub.subscribe(b"a")
    assert pub.recv() == b"\x01a"
    assert pub.subscriber_count() == 0
    pub.subscribe(b"b")
    assert (pub.subscriber_count(b"a"), pub.subscriber_count(b"b")) == (0, 1)


def test_inverted_matching(open_socket: Any) -> None:
    pub, sub = open_socket("PUB"), open_socket("SUB")
    pub.invert_matching = sub.invert_matching = 1
    sub.connect(f"tcp://127.0.0.1:{pub.bind_to_random_port('tcp://127.0.0.1')}")
    sub.subscribe(b"a")
    pub.wait_subscribers(timeout=TIMEOUT)
    assert (pub.subscriber_count(b"a"), pub.subscriber_count(b"b")) == (0, 1)


# -- other sockets, and the end


@pytest.mark.parametrize("kind", ["PULL", "PUB", "ROUTER", "RADIO"])
def test_who_has_no_subscriptions(open_socket: Any, kind: str) -> None:
    with pytest.raises(zmq.ZMQError, match="SUB, XSUB and DISH") as caught:
        open_socket(kind).wait_subscribed(timeout=TIMEOUT)
    assert caught.value.errno == zmq.ENOTSUP


@pytest.mark.parametrize("kind", ["PUSH", "SUB", "DEALER", "DISH"])
def test_who_has_no_subscribers(open_socket: Any, kind: str) -> None:
    with pytest.raises(zmq.ZMQError, match="PUB, XPUB and RADIO") as caught:
        open_socket(kind).wait_subscribers(timeout=TIMEOUT)
    assert caught.value.errno == zmq.ENOTSUP


@pytest.mark.parametrize("end", ["close", "term"])
def test_the_end_ends_the_wait(open_socket: Any, end: str) -> None:
    sub = open_socket("SUB")
    errors: list[int] = []

    def wait() -> None:
        try:
            sub.wait_subscribed()
        except zmq.ZMQError as error:
            errors.append(error.errno or 0)

    thread = threading.Thread(target=wait)
    thread.start()
    if end == "close":
        sub.close()
    else:
        sub._state.context.shutdown()
    thread.join(TIMEOUT)
    assert errors == [zmq.ENOTSOCK if end == "close" else zmq.ETERM]


# -- loops


async def meet(context: Any) -> None:
    """Both sides wait at once."""
    with context.socket(zmq.PUB) as pub, context.socket(zmq.SUB) as sub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        with pytest.raises(TimeoutError, match="fewer than 1 subscribers"):
            await pub.wait_subscribers(timeout=0.02)
        sub.subscribe(b"a")
        assert await sub.wait_subscribed(b"a", timeout=TIMEOUT) == 1
        assert await pub.wait_subscribers(b"a", timeout=TIMEOUT) == 1
        await pub.send(b"a1")
        assert await sub.recv() == b"a1"
        with pytest.raises(TimeoutError, match="no word"):
            await sub.wait_subscribed(timeout=0.02, count=2)
        with pytest.raises(zmq.ZMQError):
            await pub.wait_subscribed(timeout=TIMEOUT)


def test_asyncio(context: Any) -> None:
    asyncio.run(meet(peromq.asyncio.Context(context)))


def test_asyncio_others_go_on() -> None:
    async def main() -> None:
        async with peromq.asyncio.Context() as context:
            with context.socket(zmq.PUB) as pub, context.socket(zmq.SUB) as sub:
                port = pub.bind_to_random_port("tcp://127.0.0.1")
                waiting = asyncio.ensure_future(pub.wait_subscribers(b"a", timeout=TIMEOUT))
                task = asyncio.create_task(sub.wait_subscribed(timeout=TIMEOUT))
                sub.subscribe(b"a")
                sub.connect(f"tcp://127.0.0.1:{port}")
                assert await asyncio.gather(waiting, task) == [1, 1]
                lost = asyncio.ensure_future(pub.wait_subscribers(b"b"))
                await asyncio.sleep(0)
                lost.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await lost

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(context: Any, backend: str) -> None:
    if backend == "trio":
        pytest.importorskip("trio")
    anyio.run(meet, peromq.anyio.Context(context), backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_several_at_once(context: Any, backend: str) -> None:
    if backend == "trio":
        pytest.importorskip("trio")

    async def main() -> None:
        made = peromq.anyio.Context(context)
        with made.socket(zmq.XPUB) as pub, made.socket(zmq.SUB) as sub:
            port = pub.bind_to_random_port("tcp://127.0.0.1")
            async with anyio.create_task_group() as group:
                group.start_soon(pub.recv)
                group.start_soon(pub.wait_subscribers, b"b", 1, TIMEOUT)
                group.start_soon(pub.wait_subscribers, b"a", 1, TIMEOUT)
                sub.connect(f"tcp://127.0.0.1:{port}")
                sub.subscribe(b"a")
                await sub.wait_subscribed(timeout=TIMEOUT)
                sub.subscribe(b"b")

    anyio.run(main, backend=backend)


def test_an_idle_wait_costs_no_processor_time(open_socket: Any) -> None:
    pub = open_socket("PUB")
    began = time.process_time()
    deadline = Deadline(0.3)
    with pytest.raises(TimeoutError):
        pub.wait_subscribers(timeout=deadline.left)
    assert time.process_time() - began < 0.1
