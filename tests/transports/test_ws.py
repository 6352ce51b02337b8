"""ws:// and wss:// through the public API, and against octets that libzmq sent."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.certificates import client, identity, server
from tests.helpers import (
    TIMEOUT,
    Monitor,
    dial,
    last_endpoint,
    raises_errno,
    subscription_arrives,
    zmq,
)
from tests.oracle import zws
from tests.oracle.zmtp import Frame
from tests.oracle.zws import MASK
from tests.sharedfixtures import ctx, endpoints, monitor, sock
from tests.zmtp.test_zws import WIRE

__all__ = ["ctx", "endpoints", "monitor", "sock"]

Watch = Callable[[Any], Monitor]


def read_until(peer: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        got = peer.recv(1000)
        if not got:
            raise EOFError(data)
        data += got
    return data


# ---------------------------------------------------------------- endpoints


@pytest.mark.parametrize("path", ["", "/", "/chat", "/a/b?c=d;e#f:1"])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_paths(sock: Any, scheme: str, path: str) -> None:
    rep = sock("REP", bind=f"{scheme}://127.0.0.1:*{path}", **server())
    endpoint = last_endpoint(rep)
    assert endpoint.endswith(path)
    assert endpoint.startswith(f"{scheme}://127.0.0.1:")
    req = sock("REQ", connect=endpoint, **client())
    req.send(b"question")
    assert rep.recv() == b"question"
    rep.send(b"answer")
    assert req.recv() == b"answer"
    rep.unbind(endpoint)
    req.disconnect(endpoint)


def test_any_path_is_served(sock: Any) -> None:
    """As by libzmq: what the path means is for whoever stands before us."""
    pull = sock("PULL", bind="ws://127.0.0.1:*/here")
    push = sock("PUSH", connect=last_endpoint(pull).replace("/here", "/elsewhere"))
    push.send(b"all the same")
    assert pull.recv() == b"all the same"


def test_ipv6(sock: Any) -> None:
    pull = sock("PULL", ipv6=1)
    try:
        pull.bind("ws://[::1]:*/six")
    except zmq.ZMQError as error:
        pytest.skip(f"no IPv6 here: {error}")
    push = sock("PUSH", ipv6=1, connect=last_endpoint(pull))
    push.send(b"six")
    assert pull.recv() == b"six"


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "127.0.0.1/x", "127.0.0.1:0", "h:1/a b", "h:1/\u00e9", "/path"]
)
def test_addresses_that_are_none(sock: Any, address: str) -> None:
    with raises_errno(errno.EINVAL) as caught:
        sock("PUSH").connect(f"ws://{address}")
    assert f"ws://{address}" in str(caught.value)


def test_what_does_not_go_by_websocket_says_so(sock: Any) -> None:
    with raises_errno(zmq.ENOCOMPATPROTO):
        sock("STREAM").bind("ws://127.0.0.1:*")


@pytest.mark.skipif(not zmq.has("gssapi"), reason="gssapi is not installed")
def test_gssapi_does_not_go_by_websocket_and_says_so(sock: Any) -> None:
    kerberized = sock("PULL", gssapi_server=1)
    with raises_errno(zmq.ENOTSUP) as caught:
        kerberized.bind("ws://127.0.0.1:*")
    assert "CURVE" in str(caught.value)


def test_wss_wants_certificates(sock: Any) -> None:
    with raises_errno(errno.EINVAL) as caught:
        sock("PULL").bind("wss://127.0.0.1:*")
    assert "WSS_CERT_PEM" in str(caught.value)
    with raises_errno(errno.EINVAL) as caught:
        sock("PULL").connect("wss://127.0.0.1:1")
    assert "WSS_TRUST_PEM" in str(caught.value)


def test_wss_checks_the_name(sock: Any, monitor: Watch) -> None:
    pull = sock("PULL", bind="wss://127.0.0.1:*", **identity("elsewhere.example"))
    push = sock("PUSH", reconnect_ivl=1000, **client())
    events = monitor(push)
    push.connect(last_endpoint(pull))
    assert events.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    named = sock("PUSH", connect=last_endpoint(pull), **client(wss_hostname=b"elsewhere.example"))
    named.send(b"x")
    assert pull.recv() == b"x"


# ---------------------------------------------------------------- patterns


def test_subscriptions(sock: Any) -> None:
    xpub = sock("XPUB", bind="ws://127.0.0.1:*")
    sub = sock("SUB", connect=last_endpoint(xpub), subscribe=b"weather")
    assert xpub.recv() == b"\1weather"
    xpub.send_multipart([b"weather", b"rain"])
    assert sub.recv_multipart() == [b"weather", b"rain"]
    sub.unsubscribe(b"weather")
    assert xpub.recv() == b"\0weather"


def test_routing_ids(sock: Any) -> None:
    router = sock("ROUTER", bind="ws://127.0.0.1:*")
    dealer = sock("DEALER", connect=last_endpoint(router), routing_id=b"me")
    dealer.send_multipart([b"", b"x" * 70_000])
    assert router.recv_multipart() == [b"me", b"", b"x" * 70_000]
    router.send_multipart([b"me", b"back"])
    assert dealer.recv_multipart() == [b"back"]


def test_plain(sock: Any, ctx: Any) -> None:
    zap = ctx.socket(zmq.REP)
    zap.linger = 0
    zap.rcvtimeo = int(TIMEOUT * 1000)
    zap.bind("inproc://zeromq.zap.01")
    pull = sock("PULL", plain_server=1, bind="ws://127.0.0.1:*")
    push = sock("PUSH", plain_username=b"user", plain_password=b"secret")
    push.connect(last_endpoint(pull))
    version, number, _, address, _, mechanism, *credentials = zap.recv_multipart()
    assert (address, mechanism, credentials) == (b"127.0.0.1", b"PLAIN", [b"user", b"secret"])
    zap.send_multipart([version, number, b"200", b"", b"the user", b""])
    push.send(b"let in")
    assert pull.recv(copy=False).get("User-Id") == "the user"
    zap.close()


def test_heartbeats_are_websockets_own(sock: Any, monitor: Watch) -> None:
    pull = sock("PULL", heartbeat_ivl=20, heartbeat_timeout=1000)
    events = monitor(pull)
    pull.bind("ws://127.0.0.1:*")
    with dial(last_endpoint(pull)) as peer:
        peer.sendall(WIRE["ws_request_null"] + zws.encode(ready(b"PUSH"), MASK))
        rest = read_until(peer, b"\r\n\r\n").split(b"\r\n\r\n", 1)[1]
        while not (pings := [p for o, p in zws.decode(rest, masked=False).controls if o == 9]):
            rest += peer.recv(100)
        peer.sendall(zws.frame(b"", 10, mask=MASK))  # libzmq answers with nothing, too
        count = len(pings)
        while len(zws.decode(rest, masked=False).controls) <= count:
            rest += peer.recv(100)
        assert events.wait(zmq.EVENT_DISCONNECTED)  # no further PONG


def ready(socket_type: bytes) -> Frame:
    head = b"\5READY\x0bSocket-Type" + len(socket_type).to_bytes(4, "big")
    return Frame(head + socket_type, command=True)


def test_heartbeats_between_two_of_ours(sock: Any, monitor: Watch) -> None:
    options = {"heartbeat_ivl": 10, "heartbeat_timeout": 2000}
    pull = sock("PULL", bind="ws://127.0.0.1:*", **options)
    push = sock("PUSH", **options)
    events = monitor(push)
    push.connect(last_endpoint(pull))
    events.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert events.next(0.3) is None
    push.send(b"still there")
    assert pull.recv() == b"still there"


# ---------------------------------------------------------------- libzmq's octets


def test_a_captured_client(sock: Any) -> None:
    router = sock("ROUTER", bind="ws://127.0.0.1:*/zmq")
    with dial(last_endpoint(router)) as peer:
        peer.sendall(WIRE["ws_request_null"])
        peer.sendall(WIRE["ws_ready_masked"] + WIRE["ws_ping_masked"] + WIRE["ws_multipart_masked"])
        assert router.recv_multipart() == [b"abc", b"a", b"b" * 200]
        answer = read_until(peer, b"\x8a\0")
        assert WIRE["ws_server_ready"] in answer
        router.send_multipart([b"abc", b"one", b"two"])
        assert read_until(peer, b"two").endswith(b"\x82\4\1one\x82\4\0two")


def test_a_captured_subscriber(sock: Any) -> None:
    xpub = sock("XPUB", bind="ws://127.0.0.1:*")
    request = WIRE["ws_request_null"].replace(b"ZWS2.0/NULL,", b"")
    with dial(last_endpoint(xpub)) as peer:
        peer.sendall(request + WIRE["ws_nomech_identity_masked"] + WIRE["ws_sub_masked"])
        assert xpub.recv() == b"\1weather"
        xpub.send(b"weather: fine")
        assert read_until(peer, b"fine").endswith(b"\x82\x0e\0weather: fine")


# ---------------------------------------------------------------- strangers


def test_a_stranger_gets_an_http_answer(sock: Any, monitor: Watch) -> None:
    pull = sock("PULL")
    events = monitor(pull)
    pull.bind("ws://127.0.0.1:*")
    with dial(last_endpoint(pull)) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert peer.recv(1) == b""
    _, value, _ = events.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    assert value == zmq.PROTOCOL_ERROR_WS_UNSPECIFIED


def test_a_dialer_comes_again_after_http_says_no(sock: Any, monitor: Watch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        push = sock("PUSH", reconnect_ivl=5)
        events = monitor(push)
        push.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(2):
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(TIMEOUT)
                read_until(peer, b"\r\n\r\n")
                peer.sendall(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")
            events.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (zws.frame(b"text", 1, mask=MASK), 1003),
        (zws.frame(b"\0not masked"), 1002),
        (zws.frame(b"\0" + bytes(1001), mask=MASK), 1009),
    ],
)
def test_an_offence_is_told_and_ends_it(sock: Any, wire: bytes, code: int) -> None:
    pull = sock("PULL", maxmsgsize=1000, bind="ws://127.0.0.1:*")
    with dial(last_endpoint(pull)) as peer:
        peer.sendall(WIRE["ws_request_null"] + zws.encode(ready(b"PUSH"), MASK))
        peer.sendall(zws.encode(Frame(b"good"), MASK))
        assert pull.recv() == b"good"
        peer.sendall(wire)
        assert read_until(peer, code.to_bytes(2, "big")).endswith(
            b"\x88\2" + code.to_bytes(2, "big")
        )
        assert peer.recv(1) == b""
    push = sock("PUSH", connect=last_endpoint(pull))
    push.send(b"others are served")
    assert pull.recv() == b"others are served"


def test_close_is_said_and_answered(sock: Any) -> None:
    pull = sock("PULL", bind="ws://127.0.0.1:*")
    hello = WIRE["ws_request_null"] + zws.encode(ready(b"PUSH"), MASK)
    with dial(last_endpoint(pull)) as peer:
        peer.sendall(hello + zws.encode(Frame(b"x"), MASK) + zws.frame(b"\x03\xe9", 8, mask=MASK))
        assert pull.recv() == b"x"
        assert read_until(peer, b"\x88\2\x03\xe9")
        assert peer.recv(1) == b""
    with dial(last_endpoint(pull)) as peer:
        peer.sendall(hello + zws.encode(Frame(b"y"), MASK))
        assert pull.recv() == b"y"
        pull.close()
        assert read_until(peer, b"\x88\2\x03\xe8")


def test_many_subscribers_share_a_message(sock: Any) -> None:
    pub = sock("PUB", bind="ws://127.0.0.1:*")
    subs = [sock("SUB", connect=last_endpoint(pub), subscribe=b"") for _ in range(6)]
    subscription_arrives(pub, *subs)
    for n in range(50):
        pub.send(b"%d" % n)
    for sub in subs:
        while (got := sub.recv()) != b"0":
            assert got.startswith(b"~settle")
        assert [sub.recv() for _ in range(49)] == [b"%d" % n for n in range(1, 50)]
