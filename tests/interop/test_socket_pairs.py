"""Every valid pair of socket types, one of them libzmq's, either of them bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers import last_endpoint, readable, wait_until, writable, zmq


def both_ways(one: Any, two: Any) -> None:
    for left, right in ((one, two), (two, one)):
        assert writable(left, 10_000)
        left.send_multipart([b"over", b"", b"there"])
        assert right.recv_multipart() == [b"over", b"", b"there"]


def one_way(push: Any, pull: Any) -> None:
    assert writable(push, 10_000)
    for number in range(100):
        push.send_multipart([b"%d" % number, b"tail"])
    assert [pull.recv_multipart() for _ in range(100)] == [[b"%d" % n, b"tail"] for n in range(100)]


def published(pub: Any, sub: Any) -> None:
    if pub.getsockopt(zmq.TYPE) == zmq.XPUB:
        wait_until(lambda: readable(sub, 0) or readable(pub, 5))  # libzmq wants a look from both
        assert pub.recv() == b"\x01topic"
    else:
        while not readable(sub, 5):
            pub.send(b"topic settle")
        pub.send(b"topic settled")
        while sub.recv() != b"topic settled":
            pass
    for number in range(100):
        pub.send_multipart([b"other", b"%d" % number])
        pub.send_multipart([b"topic %d" % number, b"body"])
    assert [sub.recv_multipart() for _ in range(100)] == [
        [b"topic %d" % n, b"body"] for n in range(100)
    ]


def asked(req: Any, rep: Any) -> None:
    for number in range(20):
        req.send_multipart([b"%d" % number, b"?"])
        assert rep.recv_multipart() == [b"%d" % number, b"?"]
        rep.send_multipart([b"%d" % number, b"!"])
        assert req.recv_multipart() == [b"%d" % number, b"!"]


def asked_router(req: Any, router: Any) -> None:
    for number in range(20):
        req.send(b"%d" % number)
        name, empty, body = router.recv_multipart()
        assert (name, empty, body) == (b"client", b"", b"%d" % number)
        router.send_multipart([name, b"", b"re", body])
        assert req.recv_multipart() == [b"re", body]


def dealt_to_rep(dealer: Any, rep: Any) -> None:
    for number in range(20):
        dealer.send_multipart([b"hop", b"", b"%d" % number])
    for number in range(20):
        assert rep.recv() == b"%d" % number
        rep.send(b"re %d" % number)
    for number in range(20):
        assert dealer.recv_multipart() == [b"hop", b"", b"re %d" % number]


def dealt_to_router(dealer: Any, router: Any) -> None:
    dealer.send_multipart([b"a", b"b"])
    assert router.recv_multipart() == [b"client", b"a", b"b"]
    for number in range(50):
        router.send_multipart([b"client", b"%d" % number])
    assert [dealer.recv() for _ in range(50)] == [b"%d" % n for n in range(50)]


def routed(client: Any, server: Any) -> None:
    wait_until(lambda: readable(client, 0) or readable(server, 5))  # as above
    assert server.recv_multipart() == [b"client", b""]
    server.send_multipart([b"client", b"hello"])
    assert client.recv_multipart() == [b"server", b"hello"]
    client.send_multipart([b"server", b"and you"])
    assert server.recv_multipart() == [b"client", b"and you"]


PAIRS: dict[tuple[str, str], Callable[[Any, Any], None]] = {
    ("PAIR", "PAIR"): both_ways,
    ("PUSH", "PULL"): one_way,
    ("PUB", "SUB"): published,
    ("PUB", "XSUB"): published,
    ("XPUB", "SUB"): published,
    ("XPUB", "XSUB"): published,
    ("REQ", "REP"): asked,
    ("REQ", "ROUTER"): asked_router,
    ("DEALER", "REP"): dealt_to_rep,
    ("DEALER", "DEALER"): both_ways,
    ("DEALER", "ROUTER"): dealt_to_router,
    ("ROUTER", "ROUTER"): routed,
}


@pytest.mark.parametrize("binder", ["first", "second"])
@pytest.mark.parametrize("ours", ["first", "second"])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_pair(
    sock: Any,
    theirs: Any,
    endpoints: Any,
    pair: tuple[str, str],
    transport: str,
    ours: str,
    binder: str,
) -> None:
    first_options, second_options = options_of(pair)
    first = (sock if ours == "first" else theirs)(pair[0], **first_options)
    second = (sock if ours == "second" else theirs)(pair[1], **second_options)
    if pair[1] == "SUB":
        second.setsockopt(zmq.SUBSCRIBE, b"topic")
    if pair[1] == "XSUB":
        second.send(b"\x01topic")
    bound, connected = (first, second) if binder == "first" else (second, first)
    bound.bind(endpoints.any(transport))
    connected.connect(last_endpoint(bound))

    PAIRS[pair](first, second)


def options_of(pair: tuple[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    if pair[1] == "ROUTER":
        first["routing_id"] = b"client"
    if pair == ("ROUTER", "ROUTER"):
        first["probe_router"] = 1
        second["routing_id"] = b"server"
    return first, second


INVALID = [("REQ", "REQ"), ("PUSH", "DEALER"), ("PUB", "PULL"), ("PAIR", "DEALER"), ("SUB", "SUB")]


@pytest.mark.parametrize("pair", INVALID, ids="-".join)
@pytest.mark.parametrize("ours", ["bound", "connected"])
def test_types_that_do_not_fit_are_refused(
    sock: Any, theirs: Any, monitor: Any, pair: tuple[str, str], ours: str
) -> None:
    mine = sock(pair[0])
    watch = monitor(mine)
    foreign = theirs(pair[1])
    bound, connected = (mine, foreign) if ours == "bound" else (foreign, mine)
    bound.bind("tcp://127.0.0.1:*")
    connected.connect(last_endpoint(bound))

    watch.wait(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        zmq.EVENT_DISCONNECTED,
    )
    assert zmq.EVENT_HANDSHAKE_SUCCEEDED not in [event for event, _, _ in watch.seen]
