"""Sockets for gevent, without monkey patching; on pyzmq as well with PEROMQ_TEST_AGAINST=zmq."""

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import LIB, TIMEOUT, differs_from_libzmq

gevent = pytest.importorskip("gevent", reason="not installed: gevent")

green: Any = importlib.import_module(f"{LIB}.green")
_names = itertools.count()
Pair = Callable[..., Any]


@pytest.fixture(autouse=True)
def hub() -> Iterator[None]:
    """Within a time limit; the hub of this thread holds descriptors: it ends with the test."""
    with gevent.Timeout(TIMEOUT):
        yield
    gevent.get_hub().destroy(destroy_loop=True)


@pytest.fixture
def context(hub: None) -> Iterator[Any]:
    made = green.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def pair(context: Any) -> Pair:
    """`pair("PUSH", "PULL")`: connected, the second one bound."""
    made: list[Any] = []

    def connected(one: str, other: str, hwm: int = 1000) -> Any:
        endpoint = f"inproc://green-{next(_names)}"
        bound = context.socket(getattr(green, other))
        connecting = context.socket(getattr(green, one))
        made.extend((bound, connecting))
        for socket in (bound, connecting):
            socket.linger = 0
            socket.set_hwm(hwm)
        bound.bind(endpoint)
        connecting.connect(endpoint)
        return connecting, bound

    return connected


def settle() -> None:
    """Let the other greenlets run until they wait."""
    for _ in range(5):
        gevent.sleep(0)


def test_receiving_lets_others_run(pair: Pair) -> None:
    push, pull = pair("PUSH", "PULL")
    receiver = gevent.spawn(pull.recv)
    settle()
    assert not receiver.ready()
    push.send(b"x")
    assert receiver.get() == b"x"


def test_sending_lets_others_run(pair: Pair) -> None:
    push, pull = pair("PUSH", "PULL", 2)
    total = 50

    def send() -> None:
        for number in range(total):
            push.send(b"%d" % number)

    sender = gevent.spawn(send)
    settle()
    assert not sender.ready()
    assert [pull.recv() for _ in range(total)] == [b"%d" % number for number in range(total)]
    sender.get()


def test_requests_and_several_parts(pair: Pair) -> None:
    req, rep = pair("REQ", "REP")

    def echo() -> None:
        for _ in range(20):
            rep.send_multipart([b"re", *rep.recv_multipart()])

    server = gevent.spawn(echo)
    for number in range(20):
        req.send_multipart([b"%d" % number, b"x"])
        assert req.recv_multipart() == [b"re", b"%d" % number, b"x"]
    server.get()


def test_twins(pair: Pair) -> None:
    a, b = pair("PAIR", "PAIR")
    a.send_string("grüße")
    assert b.recv_string() == "grüße"
    a.send_json([1])
    assert b.recv_json() == [1]
    a.send_pyobj({1})
    assert b.recv_pyobj() == {1}


def test_dontwait(pair: Pair) -> None:
    _, pull = pair("PUSH", "PULL")
    for receive in (pull.recv, pull.recv_multipart):
        with pytest.raises(green.Again):
            receive(green.DONTWAIT)


@differs_from_libzmq  # it may wait for ever
def test_again_takes_no_wake_up_from_who_waits(pair: Pair) -> None:
    """Again is an answer about one direction, and takes note of both."""
    a, b = pair("PAIR", "PAIR", hwm=1)
    while b.getsockopt(green.EVENTS) & green.POLLOUT:
        b.send(b"full", green.DONTWAIT)
    for number in range(20):
        receiver = gevent.spawn(b.recv)
        settle()
        super(type(a), a).send(b"%d" % number, green.DONTWAIT)
        with pytest.raises(green.Again):
            b.send(b"no room", green.DONTWAIT)
        assert b.send_many([], green.DONTWAIT) == 0
        assert receiver.get() == b"%d" % number


def test_a_timeout_takes_no_message(pair: Pair) -> None:
    push, pull = pair("PUSH", "PULL")
    for number in range(10):
        with gevent.Timeout(0.001, False):
            pull.recv()
            pytest.fail("nothing was sent")
        push.send(b"%d" % number)
        assert pull.recv() == b"%d" % number


@differs_from_libzmq
def test_first_come_first_served(pair: Pair) -> None:
    push, pull = pair("PUSH", "PULL")
    got: list[tuple[int, bytes]] = []
    greenlets = []
    for number in range(5):
        greenlets.append(gevent.spawn(lambda n=number: got.append((n, pull.recv()))))
        settle()
    for number in range(5):
        push.send(b"%d" % number)
    gevent.joinall(greenlets, raise_error=True)
    assert got == [(number, b"%d" % number) for number in range(5)]


@differs_from_libzmq
def test_closing_wakes_who_waits(pair: Pair) -> None:
    _, pull = pair("PUSH", "PULL")

    def receive() -> None:
        with pytest.raises(green.ZMQError) as caught:
            pull.recv()
        assert caught.value.errno == green.ENOTSOCK

    receivers = [gevent.spawn(receive) for _ in range(3)]
    settle()
    pull.close()
    gevent.joinall(receivers, raise_error=True)


def test_poll(pair: Pair) -> None:
    push, pull = pair("PUSH", "PULL")
    assert pull.poll(0) == 0
    assert pull.poll(5) == 0
    waiting = gevent.spawn(pull.poll, 10_000)
    settle()
    assert not waiting.ready()
    push.send(b"x")
    assert waiting.get() == green.POLLIN
    assert pull.recv() == b"x"


def test_poller(pair: Pair) -> None:
    push, pull = pair("PUSH", "PULL")
    poller = green.Poller()
    poller.register(pull, green.POLLIN)
    assert dict(poller.poll(0)) == {}
    waiting = gevent.spawn(poller.poll)
    settle()
    assert not waiting.ready()
    push.send(b"x")
    assert dict(waiting.get()) == {pull: green.POLLIN}
    poller.register(push, green.POLLOUT)
    assert dict(poller.poll(100)) == {pull: green.POLLIN, push: green.POLLOUT}
    assert pull.recv() == b"x"


@differs_from_libzmq
def test_a_poller_takes_no_wake_up_from_who_waits(pair: Pair) -> None:
    a, b = pair("PAIR", "PAIR")
    poller = green.Poller()
    poller.register(b, green.POLLOUT)
    for _ in range(20):
        receiver = gevent.spawn(b.recv)
        settle()
        a.send(b"x")
        assert dict(poller.poll(0)) == {b: green.POLLOUT}
        assert receiver.get() == b"x"


def test_device(pair: Pair) -> None:
    req, router = pair("REQ", "ROUTER")
    dealer, rep = pair("DEALER", "REP")
    device = gevent.spawn(green.device, green.QUEUE, router, dealer)
    server = gevent.spawn(lambda: rep.send(b"re: " + rep.recv()))
    req.send(b"x")
    assert req.recv() == b"re: x"
    server.get()
    device.kill()


@differs_from_libzmq
def test_it_goes_when_nobody_holds_it(context: Any) -> None:
    """Without the collector: a socket that has waited is in no cycle of references."""
    import weakref

    socket = context.socket(green.PULL)
    assert socket.poll(1) == 0
    socket.close()
    gone = weakref.ref(socket)
    del socket
    assert gone() is None


def test_names() -> None:
    assert green.Context.instance().term() is None
    assert {"Context", "Socket", "Poller", "device"} <= set(dir(green))


def test_time_limits_warn(context: Any) -> None:
    socket = context.socket(green.PULL)
    with pytest.warns(UserWarning, match="TIMEO"):
        socket.rcvtimeo = 10
    socket.close()


@differs_from_libzmq
def test_groups(pair: Pair) -> None:
    radio, dish = pair("RADIO", "DISH")
    dish.join("g")
    radio.send(b"hello", group="g")
    frame = dish.recv(copy=False)
    assert (frame.group, frame.bytes) == ("g", b"hello")


@differs_from_libzmq
def test_waiting_for_subscriptions(context: Any) -> None:
    """Others go on meanwhile, and several may wait for different things."""
    with context.socket(green.PUB) as pub, context.socket(green.SUB) as sub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        with pytest.raises(TimeoutError):
            pub.wait_subscribers(timeout=0.02)
        waiting = [
            gevent.spawn(pub.wait_subscribers, b"b", 1, TIMEOUT),
            gevent.spawn(pub.wait_subscribers, b"a", 1, TIMEOUT),
            gevent.spawn(sub.wait_subscribed, None, TIMEOUT),
        ]
        sub.subscribe(b"a")
        gevent.joinall(waiting[1:], timeout=TIMEOUT, raise_error=True)
        sub.subscribe(b"b")
        gevent.joinall(waiting, timeout=TIMEOUT, raise_error=True)
        assert [each.value for each in waiting] == [1, 1, 1]
        pub.send(b"a1")
        assert sub.recv() == b"a1"


@differs_from_libzmq
def test_waiting_for_a_connection_lets_others_run(context: Any) -> None:
    client = context.socket(green.PUSH)
    client.connect("inproc://somebody")
    server = gevent.spawn(bound, context, green.PULL, "inproc://somebody")
    client.wait_connected(timeout=TIMEOUT)
    assert server.get().last_endpoint == b"inproc://somebody"


@differs_from_libzmq
def test_a_request_lets_others_run(context: Any) -> None:
    server = bound(context, green.REP, "inproc://answers")
    client = context.socket(green.REQ)
    client.connect("inproc://answers")
    other = gevent.spawn(lambda: server.send(server.recv() + b"!"))
    assert client.request(b"hello", timeout=TIMEOUT) == b"hello!"
    other.get()


@differs_from_libzmq
def test_requests_take_turns(context: Any) -> None:
    server = bound(context, green.REP, "inproc://turns")
    client = context.socket(green.REQ)
    client.connect("inproc://turns")

    def serve() -> None:
        for _ in range(5):
            server.send(server.recv())

    bodies = [b"%d" % number for number in range(5)]
    asking = [gevent.spawn(client.request, body, timeout=TIMEOUT) for body in bodies]
    asking.append(gevent.spawn(serve))
    gevent.joinall(asking, timeout=TIMEOUT, raise_error=True)
    assert [each.value for each in asking[:5]] == bodies
    with pytest.raises(green.Again):
        client.request(b"nobody answers", timeout=0.01)


def bound(context: Any, kind: int, endpoint: str) -> Any:
    made = context.socket(kind)
    made.bind(endpoint)
    return made


def test_everything_that_is_promised_is_there() -> None:
    assert [name for name in green.__all__ if not hasattr(green, name)] == []
