"""libzmq goes and comes back, in this process and killed in another; so do we."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    check_numbered,
    last_endpoint,
    numbered,
    readable,
    subscription_arrives,
    wait_until,
    writable,
    zmq,
)

each_transport = pytest.mark.parametrize("transport", ["tcp", "ipc"])


@each_transport
@pytest.mark.parametrize("who", ["we connect", "they connect"])
def test_the_binder_returns(
    sock: Any, theirs: Any, endpoints: Any, transport: str, who: str
) -> None:
    endpoint = endpoints.fixed(transport)
    binders, connectors = (theirs, sock) if who == "we connect" else (sock, theirs)
    push = connectors("PUSH", reconnect_ivl=10, immediate=1, connect=endpoint)
    for life in range(3):
        pull = binders("PULL")
        wait_until(partial(binds, pull, endpoint))
        assert writable(push, 10_000)
        for number in range(50):
            push.send(numbered(life, number))
        assert [check_numbered(pull.recv()) for _ in range(50)] == [(life, n) for n in range(50)]
        pull.close()
        wait_until(lambda: not writable(push), what="the link has gone, and with it the pipe")


@each_transport
@pytest.mark.parametrize("who", ["we bind", "they bind"])
def test_clients_come_and_go(
    sock: Any, theirs: Any, endpoints: Any, transport: str, who: str
) -> None:
    binders, connectors = (sock, theirs) if who == "we bind" else (theirs, sock)
    router = binders("ROUTER", bind=endpoints.any(transport), router_handover=1)
    for life in range(10):
        dealer = connectors("DEALER", routing_id=b"same", connect=last_endpoint(router))
        dealer.send(b"%d" % life)
        assert router.recv_multipart() == [b"same", b"%d" % life]
        router.send_multipart([b"same", b"re"])
        assert dealer.recv() == b"re"
        dealer.close()


@pytest.mark.no_sanitizer
@each_transport
def test_a_killed_libzmq_server(
    sock: Any, monitor: Any, spawn: Any, endpoints: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", reconnect_ivl=10)
    watch = monitor(push)
    push.connect(endpoint)
    for life in range(2):
        server = spawn("zmq")
        server.socket("PULL", bind=endpoint)
        for number in range(200):
            push.send(numbered(life, number, 300))
        assert server.call("recv_numbered", 200, 300) == {life: list(range(200))}
        server.kill()
        watch.wait(zmq.EVENT_DISCONNECTED)


@pytest.mark.no_sanitizer
@each_transport
def test_a_killed_libzmq_client(sock: Any, spawn: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    for life in range(2):
        client = spawn("zmq")
        client.socket("PUSH", connect=last_endpoint(pull))
        client.call("send_numbered", life, 0, 200, 300)
        got = [check_numbered(pull.recv(), 300) for _ in range(200)]
        assert got == [(life, number) for number in range(200)]
        client.kill()


@pytest.mark.no_sanitizer
@pytest.mark.skipif(AGAINST_LIBZMQ, reason="we are not here to be killed")
@each_transport
def test_we_are_killed_and_libzmq_finds_us_again(
    theirs: Any, spawn: Any, endpoints: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    req = theirs("REQ", reconnect_ivl=10, req_relaxed=1, req_correlate=1, connect=endpoint)
    for life in range(2):
        ours = spawn()
        ours.socket("REP", bind=endpoint)
        req.send(b"life %d" % life)
        assert ours.call("recv") == [b"life %d" % life]
        ours.call("send", b"alive")
        assert req.recv() == b"alive"
        ours.kill()


@pytest.mark.parametrize("who", ["we publish", "they publish"])
def test_subscriptions_come_again(sock: Any, theirs: Any, endpoints: Any, who: str) -> None:
    endpoint = endpoints.fixed("tcp")
    pubs, subs = (sock, theirs) if who == "we publish" else (theirs, sock)
    sub = subs("SUB", reconnect_ivl=10)
    for topic in (b"a", b"b", b"b"):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.connect(endpoint)
    for life in range(3):
        pub = pubs("XPUB")
        wait_until(partial(binds, pub, endpoint))
        wait_until(partial(either_readable, sub, pub))
        assert pub.recv() == b"\x01a"
        assert pub.recv() == b"\x01b"
        pub.send(b"c%d" % life)
        pub.send(b"b%d" % life)
        assert sub.recv() == b"b%d" % life
        pub.close()


def either_readable(one: Any, two: Any) -> bool:
    """Look at both: libzmq does some of its work only then."""
    return readable(one, 0) or readable(two, 5)


def binds(sock: Any, endpoint: str) -> bool:
    try:
        sock.bind(endpoint)
    except Exception:
        return False
    return True


@each_transport
@pytest.mark.parametrize("who", ["we push", "they push"])
def test_linger(sock: Any, theirs: Any, endpoints: Any, transport: str, who: str) -> None:
    pushes, pulls = (sock, theirs) if who == "we push" else (theirs, sock)
    pull = pulls("PULL", bind=endpoints.any(transport), rcvhwm=0)
    push = pushes("PUSH", connect=last_endpoint(pull), linger=-1, sndhwm=0)
    for number in range(3000):
        push.send(numbered(1, number, 1000))
    push.close(linger=-1)

    assert [check_numbered(pull.recv(), 1000)[1] for _ in range(3000)] == list(range(3000))


@pytest.mark.parametrize("who", ["we publish", "they publish"])
def test_subscribing_and_cancelling(sock: Any, theirs: Any, who: str) -> None:
    """Counts at the subscriber, a set at the publisher: together they must fit."""
    pubs, subs = (sock, theirs) if who == "we publish" else (theirs, sock)
    pub = pubs("XPUB", bind="tcp://127.0.0.1:*")
    sub = subs("SUB", connect=last_endpoint(pub))
    for _ in range(2):
        sub.setsockopt(zmq.SUBSCRIBE, b"t")
    assert pub.recv() == b"\x01t"
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
    sub.setsockopt(zmq.SUBSCRIBE, b"fence")
    assert pub.recv() == b"\x01fence"
    pub.send(b"t1")
    assert sub.recv() == b"t1"
    sub.setsockopt(zmq.UNSUBSCRIBE, b"t")
    assert pub.recv() == b"\x00t"
    subscription_arrives_by_report(pub, sub)
    pub.send(b"t2")
    pub.send(b"fence")
    assert sub.recv() == b"fence"


def subscription_arrives_by_report(pub: Any, sub: Any) -> None:
    sub.setsockopt(zmq.SUBSCRIBE, b"more")
    assert pub.recv() == b"\x01more"


@pytest.mark.parametrize("who", ["we publish", "they publish"])
def test_many_topics(sock: Any, theirs: Any, who: str) -> None:
    pubs, subs = (sock, theirs) if who == "we publish" else (theirs, sock)
    pub = pubs("PUB", bind="tcp://127.0.0.1:*", sndhwm=0)
    sub = subs("SUB", connect=last_endpoint(pub), rcvhwm=0)
    for number in range(900):
        sub.setsockopt(zmq.SUBSCRIBE, b"%d|" % number)
    subscription_arrives(pub, sub)
    for number in range(1000):
        pub.send(b"%d|body" % number)
    assert [sub.recv() for _ in range(900)] == [b"%d|body" % n for n in range(900)]
    assert not readable(sub)


@pytest.mark.parametrize("who", ["we connect", "they connect"])
def test_a_forwarding_device_between(sock: Any, theirs: Any, who: str) -> None:
    """ROUTER and DEALER of one make between REQ and REP of the other, one step at a time."""
    middle, outer = (sock, theirs) if who == "they connect" else (theirs, sock)
    router = middle("ROUTER", bind="tcp://127.0.0.1:*")
    dealer = middle("DEALER", bind="tcp://127.0.0.1:*")
    rep = outer("REP", connect=last_endpoint(dealer))
    assert writable(dealer, 10_000)
    reqs = [outer("REQ", connect=last_endpoint(router)) for _ in range(3)]
    for number, req in enumerate(reqs):
        req.send_multipart([b"%d" % number, b"more"])
    for _ in reqs:
        dealer.send_multipart(router.recv_multipart())
        rep.send_multipart([b"re", *rep.recv_multipart()])
        router.send_multipart(dealer.recv_multipart())
    for number, req in enumerate(reqs):
        assert req.recv_multipart() == [b"re", b"%d" % number, b"more"]
