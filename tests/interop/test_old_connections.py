"""Connections to peers older than ZMTP 3: what else they do, and who is not let in."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    QUIET_MS,
    Deadline,
    differs_from_libzmq,
    last_endpoint,
    needs_draft,
    readable,
    wait_until,
    zmq,
)
from tests.raw_old import OLD, PARTNER, REVISION_1, UNVERSIONED, OldPeer, both_ends, signature
from tests.raw_zmtp import CURVE_HELLO_SIZE, RawListener

TCP = "tcp://127.0.0.1:*"
dialects = pytest.mark.parametrize("dialect", OLD)


@dialects
def test_probe_router(old_link: Any, dialect: str) -> None:
    for kind in ("DEALER", "REQ", "ROUTER"):
        _, peer = old_link(kind, dialect, probe_router=1)
        assert peer.read() == [b""]


@needs_draft
@dialects
@pytest.mark.parametrize("kind", ["DEALER", "ROUTER"])
def test_hello(old_link: Any, dialect: str, kind: str) -> None:
    _, peer = old_link(kind, dialect, hello_msg=b"hello")
    assert peer.read() == [b"hello"]


@needs_draft
@dialects
def test_farewell(sock: Any, raw: Any, dialect: str) -> None:
    router = sock("ROUTER", bind=TCP, disconnect_msg=b"gone", router_notify=3)
    peer = OldPeer(raw(last_endpoint(router)), dialect, "DEALER", b"id").shake("ROUTER")
    assert router.recv_multipart() == [b"id", b""]
    peer.raw.close()
    assert router.recv_multipart() == [b"id", b""]
    assert router.recv_multipart() == [b"id", b"gone"]


@both_ends
@dialects
def test_no_heartbeats(old_link: Any, dialect: str) -> None:
    """There are no commands, so nobody is missed either."""
    dealer, peer = old_link(
        "DEALER", dialect, heartbeat_ivl=10, heartbeat_timeout=30, heartbeat_ttl=100
    )
    assert not readable(dealer, 2 * QUIET_MS)
    dealer.send(b"still here")
    assert peer.read() == [b"still here"]
    peer.send(b"me too")
    assert dealer.recv() == b"me too"


@dialects
def test_the_handshake_has_its_time(sock: Any, raw: Any, dialect: str) -> None:
    """HANDSHAKE_IVL holds as long as it cannot be told who is there, and not afterwards."""
    pull = sock("PULL", bind=TCP, handshake_ivl=1000)
    begun = raw(last_endpoint(pull))
    begun.send(signature()[: 9 if dialect == UNVERSIONED else 10])
    peer = OldPeer(raw(last_endpoint(pull)), dialect, "PUSH").shake("PULL")
    begun.expect_closed()
    assert not readable(pull, 2 * QUIET_MS)
    peer.send(b"late")
    assert pull.recv() == b"late"


@both_ends
@dialects
def test_max_msg_size(old_link: Any, dialect: str) -> None:
    pull, peer = old_link("PULL", dialect, maxmsgsize=300)
    peer.send(b"x" * 300)
    assert len(pull.recv()) == 300
    peer.raw.send(peer.message(b"x" * 301)[:20])
    peer.raw.expect_closed()


@dialects
def test_zero_length_closes(old_link: Any, dialect: str) -> None:
    """RFC 13 would have it discarded in silence."""
    pull, peer = old_link("PULL", dialect)
    peer.send(b"before")
    peer.raw.send(b"\0" if dialect != REVISION_1 else b"\x02" + b"\xff" * 8)
    assert pull.recv() == b"before"
    peer.raw.expect_closed()


@dialects
def test_a_protocol_error_is_final(sock: Any, raw_listener: RawListener, dialect: str) -> None:
    pull = sock("PULL", connect=raw_listener.endpoint, reconnect_ivl=10, maxmsgsize=100)
    peer = OldPeer(raw_listener.accept(), dialect, "PUSH").shake("PULL")
    peer.send(b"x" * 101)
    peer.raw.expect_closed()
    assert not readable(pull)
    with pytest.raises(TimeoutError):
        raw_listener.accept(0.15)


@dialects
def test_a_reply_that_is_none_closes(old_link: Any, dialect: str) -> None:
    req, peer = old_link("REQ", dialect)
    req.send(b"?")
    peer.read()
    peer.send(b"no delimiter")
    peer.raw.expect_closed()


@dialects
def test_a_peer_that_comes_back(sock: Any, raw_listener: RawListener, dialect: str) -> None:
    push = sock("PUSH", connect=raw_listener.endpoint, reconnect_ivl=10)
    for number in range(3):
        peer = OldPeer(raw_listener.accept(), dialect, "PULL").shake("PUSH")
        push.send(b"%d" % number)
        assert peer.read() == [b"%d" % number]
        peer.raw.close()


def test_a_peer_that_comes_back_as_another(sock: Any, raw_listener: RawListener) -> None:
    """Each connection finds out anew; what waits is put into its words."""
    sub = sock("SUB", connect=raw_listener.endpoint, reconnect_ivl=10)
    sub.setsockopt(zmq.SUBSCRIBE, b"t")
    for number, dialect in enumerate((*OLD, "3.1", *OLD)):
        wire = raw_listener.accept()
        if dialect == "3.1":
            wire.handshake(b"PUB")
            readable(sub, 10)
            assert wire.read_command() == (b"SUBSCRIBE", b"t")
            wire.send(b"\x00\x02t%d" % number)
        else:
            peer = OldPeer(wire, dialect, "PUB").shake("SUB")
            deadline = Deadline()
            while not wire.has_input():  # libzmq says it again when somebody looks at the socket
                readable(sub, 1)
                assert deadline.left
            assert peer.read() == [b"\x01t"]
            peer.send(b"t%d" % number)
        assert sub.recv() == b"t%d" % number
        wire.close()


@dialects
def test_what_was_sent_before_the_peer_came(
    sock: Any, raw_listener: RawListener, dialect: str
) -> None:
    push = sock("PUSH", connect=raw_listener.endpoint)
    for number in range(100):
        push.send_multipart([b"%d" % number, b"x" * number * 5])
    peer = OldPeer(raw_listener.accept(), dialect, "PULL").shake("PUSH")
    for number in range(100):
        assert peer.read() == [b"%d" % number, b"x" * number * 5]


@dialects
def test_an_unfinished_message_of_a_dead_peer(old_link: Any, dialect: str) -> None:
    pull, peer = old_link("PULL", dialect)
    peer.send(b"whole")
    peer.raw.send(peer.frame(b"begun", more=True) + peer.frame(b"x" * 400)[:200])
    assert pull.recv() == b"whole"
    peer.raw.close()
    assert not readable(pull)


@dialects
def test_duplicate_routing_ids(sock: Any, raw: Any, dialect: str) -> None:
    router = sock("ROUTER", bind=TCP)
    first = OldPeer(raw(last_endpoint(router)), dialect, "DEALER", b"id").shake("ROUTER")
    first.send(b"1")
    assert router.recv_multipart() == [b"id", b"1"]
    second = OldPeer(raw(last_endpoint(router)), dialect, "DEALER", b"id")
    if AGAINST_LIBZMQ:  # which does not listen to it, but does not say so
        second.shake("ROUTER").send(b"2")
    else:
        with contextlib.suppress(EOFError):
            second.shake("ROUTER")
        second.raw.expect_closed()
    assert not readable(router)
    router.send_multipart([b"id", b"to the first"])
    assert first.read() == [b"to the first"]


@dialects
def test_handover(sock: Any, raw: Any, dialect: str) -> None:
    router = sock("ROUTER", bind=TCP, router_handover=1)
    first = OldPeer(raw(last_endpoint(router)), dialect, "DEALER", b"id").shake("ROUTER")
    first.send(b"1")
    assert router.recv_multipart() == [b"id", b"1"]
    second = OldPeer(raw(last_endpoint(router)), dialect, "DEALER", b"id").shake("ROUTER")
    second.send(b"2")
    assert router.recv_multipart() == [b"id", b"2"]
    if not AGAINST_LIBZMQ:  # which takes its time
        first.raw.expect_closed()


@dialects
def test_monitor_events(sock: Any, raw: Any, monitor: Any, dialect: str) -> None:
    """libzmq says nothing when such a peer has shaken hands; we do."""
    pull = sock("PULL")
    watch = monitor(pull)
    pull.bind(TCP)
    peer = OldPeer(raw(last_endpoint(pull)), dialect, "PUSH").shake("PULL")
    watch.wait(zmq.EVENT_ACCEPTED)
    peer.send(b"x")
    assert pull.recv() == b"x"
    if not AGAINST_LIBZMQ:
        assert watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)[1] == 0
    peer.raw.close()
    watch.wait(zmq.EVENT_DISCONNECTED)


@dialects
def test_linger(sock: Any, raw_listener: RawListener, dialect: str) -> None:
    push = sock("PUSH", connect=raw_listener.endpoint)
    wire = raw_listener.accept()
    for number in range(50):
        push.send(b"%d" % number)
    push.close(linger=5000)
    peer = OldPeer(wire, dialect, "PULL").shake("PUSH")
    assert [peer.read() for _ in range(50)] == [[b"%d" % number] for number in range(50)]
    wire.expect_closed()


@dialects
def test_conflate(old_link: Any, dialect: str) -> None:
    pull, peer = old_link("PULL", dialect, conflate=1)
    peer.raw.send(b"".join(peer.message(b"%d" % number) for number in range(100)))
    wait_until(lambda: pull.recv() == b"99")


@dialects
def test_a_flood_both_ways(old_link: Any, dialect: str) -> None:
    dealer, peer = old_link("DEALER", dialect, sndhwm=10_000, rcvhwm=10)
    for number in range(2000):
        dealer.send(b"%d" % number)
    for number in range(2000):
        assert peer.read() == [b"%d" % number]
    peer.raw.send(b"".join(peer.message(b"%d" % number) for number in range(2000)))
    for number in range(2000):
        assert dealer.recv() == b"%d" % number


# -- raw sockets have no versions; ids ----------------------------------------------------------


def test_a_raw_socket_speaks_of_no_version(sock: Any, raw: Any) -> None:
    stream = sock("STREAM", bind=TCP)
    wire = raw(last_endpoint(stream))
    name, nothing = stream.recv_multipart()
    assert nothing == b""
    wire.send(b"\x01\x00")
    assert stream.recv_multipart() == [name, b"\x01\x00"]
    stream.send_multipart([name, b"\xff"])
    assert wire.read(1) == b"\xff"


@dialects
def test_connect_routing_id(sock: Any, raw_listener: RawListener, dialect: str) -> None:
    router = sock("ROUTER")
    router.setsockopt(zmq.CONNECT_ROUTING_ID, b"ours")
    router.connect(raw_listener.endpoint)
    peer = OldPeer(raw_listener.accept(), dialect, "DEALER", b"theirs").shake("ROUTER")
    peer.send(b"hi")
    assert router.recv_multipart() == [b"ours", b"hi"]
    router.send_multipart([b"ours", b"you"])
    assert peer.read() == [b"you"]


# -- who is not let in ---------------------------------------------------------------------------


PUBLIC, SECRET = zmq.curve_keypair()
SECURED: dict[str, dict[str, Any]] = {
    "PLAIN server": {"plain_server": 1},
    "PLAIN client": {"plain_username": b"u", "plain_password": b"p"},
    "CURVE server": {"curve_server": 1, "curve_secretkey": SECRET},
    "CURVE client": {
        "curve_serverkey": PUBLIC,
        "curve_publickey": PUBLIC,
        "curve_secretkey": SECRET,
    },
    "ZAP domain": {"zap_domain": b"global"},
}


@both_ends
@dialects
@pytest.mark.parametrize("how", list(SECURED))
def test_the_downgrade_guard(wired: Any, dialect: str, how: str) -> None:
    """Nothing could ask an old peer who he is: where somebody must, he is refused."""
    sock, wire = wired("ROUTER", **SECURED[how])
    peer = OldPeer(wire, dialect, "PUSH", b"id")
    wire.send(peer.hello + peer.message(b"stranger"))
    said = wire.expect_closed()
    assert said[:10] in (b"", signature())
    # No more than a greeting, and CURVE's HELLO, which goes with it.
    assert len(said) <= (64 + CURVE_HELLO_SIZE if how == "CURVE client" else 64)
    assert not readable(sock, 5)


def test_the_guard_is_final(sock: Any, raw_listener: RawListener) -> None:
    """Whoever is too old does not grow younger: nobody calls again."""
    sock("PUSH", connect=raw_listener.endpoint, reconnect_ivl=10, zap_domain=b"global")
    wire = raw_listener.accept()
    wire.send(b"\x01\x00")
    wire.expect_closed()
    with pytest.raises(TimeoutError):
        raw_listener.accept(0.15)


@differs_from_libzmq
@pytest.mark.parametrize(
    "kind", ["CLIENT", "SERVER", "RADIO", "DISH", "GATHER", "SCATTER", "PEER", "CHANNEL"]
)
def test_types_that_came_later(wired: Any, kind: str) -> None:
    """No old peer can be one that they talk to; libzmq lets it in all the same."""
    _, wire = wired(kind)
    wire.send(OldPeer(wire, REVISION_1, "PUSH").hello)
    wire.expect_closed()


@differs_from_libzmq
@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x01\x01",
        b"\x01\x80",
        b"\x00",
        b"\xff" + bytes(9),
        b"\xff" + bytes(7) + b"\x01\x02",
    ],
)
def test_strangers_who_are_not_of_1_0_either(wired: Any, octets: bytes) -> None:
    """1.0 begins with an identity's length and no flags: what else comes is no identity.

    libzmq takes any octet but FF for the beginning of one, and what follows for messages.
    """
    pull, wire = wired("PULL")
    wire.send(octets)
    wire.expect_closed()
    assert not readable(pull, 1)


@pytest.mark.parametrize("kind", ["PULL", "ROUTER", "XPUB"])
@dialects
def test_an_identity_that_is_too_long(wired: Any, kind: str, dialect: str) -> None:
    """Memory is kept for 64 KiB of it, or for MAXMSGSIZE."""
    _, wire = wired(kind, maxmsgsize=1000)
    peer = OldPeer(wire, dialect, PARTNER[kind], b"i" * 1001)
    wire.send(peer.hello[: -1001 + 100])
    wire.expect_closed()
