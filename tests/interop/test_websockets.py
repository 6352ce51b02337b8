"""ws and wss with another WebSocket implementation at the other end: the library `websockets`.

It speaks no ZMTP, so the tests do: RFC 45 without a mechanism. As a server it refuses whoever
offers "ZWS2.0/NULL", which is no token (RFC 6455, 4.1), so it is always the client here.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import certificates
from tests.helpers import AGAINST_LIBZMQ, TIMEOUT, Monitor, last_endpoint, zmq

pytest.importorskip("websockets")
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as dial

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheels have no ws")

Told = Callable[[Any], Monitor]


def trusting(scheme: str) -> ssl.SSLContext | None:
    if scheme == "ws":
        return None
    made = ssl.create_default_context()
    certificates.authority().configure_trust(made)
    return made


@contextlib.contextmanager
def visitor(endpoint: str, *offers: str, **options: Any) -> Iterator[ClientConnection]:
    """A client that has made itself known, without a name."""
    tls = trusting(endpoint.partition("://")[0])
    offers = offers or ("ZWS2.0",)
    with dial(endpoint, subprotocols=list(offers), ssl=tls, max_size=None, **options) as found:
        assert found.subprotocol == "ZWS2.0"
        found.send(b"\0")
        assert found.recv(TIMEOUT) == b"\0"
        yield found


def options_of(scheme: str) -> dict[str, Any]:
    return certificates.server() if scheme == "wss" else {}


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("compression", ["deflate", None])
def test_both_directions(sock: Any, scheme: str, compression: str | None) -> None:
    """The library offers permessage-deflate, which is not taken up."""
    pair = sock("PAIR", bind=f"{scheme}://127.0.0.1:*/path", **options_of(scheme))
    with visitor(last_endpoint(pair), compression=compression) as other:
        for size in (0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 1_000_000):
            other.send(b"\1" + bytes(size))
            other.send(b"\0%d" % size)
            assert pair.recv_multipart() == [bytes(size), b"%d" % size]
            pair.send_multipart([b"x" * size, b"end"])
            assert other.recv(TIMEOUT) == b"\1" + b"x" * size
            assert other.recv(TIMEOUT) == b"\0end"
        assert other.ping(b"are you there?").wait(TIMEOUT)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_fragments(sock: Any, scheme: str) -> None:
    pull = sock("PULL", bind=f"{scheme}://127.0.0.1:*", **options_of(scheme))
    with visitor(last_endpoint(pull)) as other:
        other.send([b"\0", b"in ", b"", b"pieces ", bytes(70_000)])
        assert pull.recv() == b"in pieces " + bytes(70_000)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_subscriber(sock: Any, scheme: str) -> None:
    xpub = sock("XPUB", bind=f"{scheme}://127.0.0.1:*", **options_of(scheme))
    with visitor(last_endpoint(xpub), "unknown", "ZWS2.0") as other:
        other.send(b"\0\1weather")
        assert xpub.recv() == b"\1weather"
        xpub.send_multipart([b"sports", b"none"])
        xpub.send_multipart([b"weather", b"rain"])
        assert [other.recv(TIMEOUT) for _ in range(2)] == [b"\1weather", b"\0rain"]
        other.send(b"\0\0weather")
        assert xpub.recv() == b"\0weather"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_many_at_once_are_told_apart(sock: Any, scheme: str) -> None:
    router = sock("ROUTER", bind=f"{scheme}://127.0.0.1:*", **options_of(scheme))
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(visitor(last_endpoint(router))) for _ in range(8)]
        for number, other in enumerate(others):
            other.send(b"\0I am %d" % number)
        for _ in others:
            name, text = router.recv_multipart()
            router.send_multipart([name, b"hello, " + text])
        for number, other in enumerate(others):
            assert other.recv(TIMEOUT) == b"\0hello, I am %d" % number


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_what_it_must_not_send_is_refused_with_a_reason(sock: Any, scheme: str) -> None:
    pull = sock("PULL", maxmsgsize=1000, bind=f"{scheme}://127.0.0.1:*", **options_of(scheme))
    for message, code in (("text", 1003), (b"", 1002), (b"\0" + bytes(1001), 1009)):
        with visitor(last_endpoint(pull)) as other:
            other.send(message)
            with pytest.raises(ConnectionClosedError) as caught:
                other.recv(TIMEOUT)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == code


def test_a_client_that_does_not_trust_us(sock: Any, monitor: Told) -> None:
    pull = sock("PULL", **certificates.server())
    watch = monitor(pull)
    pull.bind("wss://127.0.0.1:*")
    with pytest.raises(ssl.SSLCertVerificationError):
        dial(last_endpoint(pull), ssl=ssl.create_default_context())
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)


def test_a_client_without_our_subprotocol(sock: Any) -> None:
    pull = sock("PULL", bind="ws://127.0.0.1:*")
    with pytest.raises(InvalidStatus, match="400"):
        dial(last_endpoint(pull), subprotocols=["chat"])  # type: ignore[list-item]
