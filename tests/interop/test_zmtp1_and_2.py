"""Peers older than ZMTP 3, spoken by hand: libzmq 2 (1.0), libzmq 3.2 (2.0).

The same tests pass against libzmq 4.3, which is what "as libzmq" means here.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    Deadline,
    differs_from_libzmq,
    last_endpoint,
    readable,
    zmq,
)
from tests.raw_old import (
    KINDS,
    OLD,
    REVISION_0,
    REVISION_1,
    UNVERSIONED,
    OldPeer,
    both_ends,
    signature,
)
from tests.raw_zmtp import RawListener, RawPeer

TCP = "tcp://127.0.0.1:*"
SIZES = (0, 1, 252, 253, 254, 255, 256, 257, 8192, 16383, 16384, 100_000)
dialects = pytest.mark.parametrize("dialect", OLD)


# -- each type of those days, both ways ----------------------------------------------------------


@both_ends
@dialects
@pytest.mark.parametrize("kind", KINDS)
def test_every_type(old_link: Any, dialect: str, kind: str) -> None:
    sock, peer = old_link(kind, dialect)
    one, two = (b"part", b"", b"x" * 300), (b"answer",)
    if kind == "REP":
        peer.send(b"hop", b"", *one)
        assert sock.recv_multipart() == list(one)
        sock.send_multipart(two)
        assert peer.read() == [b"hop", b"", *two]
    elif kind == "REQ":
        sock.send_multipart(one)
        assert peer.read() == [b"", *one]
        peer.send(b"", *two)
        assert sock.recv_multipart() == list(two)
    elif kind == "ROUTER":
        peer.send(*one)
        name, *parts = sock.recv_multipart()
        assert parts == list(one)
        assert (len(name), name[0]) == (5, 0)
        sock.send_multipart([name, *two])
        assert peer.read() == list(two)
    elif kind in ("PAIR", "DEALER"):
        sock.send_multipart(one)
        assert peer.read() == list(one)
        peer.send(*two)
        assert sock.recv_multipart() == list(two)
    elif kind == "PUSH":
        sock.send_multipart(one)
        assert peer.read() == list(one)
    elif kind == "PULL":
        peer.send(*one)
        assert sock.recv_multipart() == list(one)
    elif kind == "SUB":
        sock.setsockopt(zmq.SUBSCRIBE, b"part")
        assert peer.read() == [b"\x01part"]
        peer.send(b"other")
        peer.send(*one)
        assert sock.recv_multipart() == list(one)
    elif kind == "XSUB":
        sock.send(b"\x01part")
        assert peer.read() == [b"\x01part"]
        peer.send(*one)
        assert sock.recv_multipart() == list(one)
    elif kind == "XPUB":
        peer.send(b"\x01part")
        if dialect == UNVERSIONED:
            assert sock.recv() == b"\x01"
        assert sock.recv() == b"\x01part"
        sock.send_multipart(one)
        assert peer.read() == list(one)
    else:
        assert kind == "PUB"
        peer.send(b"\x01part")
        first = publish_until_seen(sock, peer, list(one))
        assert first == list(one)


def publish_until_seen(pub: Any, peer: OldPeer, message: list[bytes]) -> list[bytes]:
    """A PUB cannot tell when a subscription is there: repeat until one comes through."""
    deadline = Deadline()
    while not peer.raw.has_input(0.01):
        assert deadline.left, "the subscription never arrives"
        pub.send_multipart(message)
    return peer.read()


@dialects
@pytest.mark.parametrize("identity", [b"", b"i" * 253, b"i" * 254, b"i" * 255])
def test_our_identity(old_link: Any, dialect: str, identity: bytes) -> None:
    """Every type says it, as in those days; to 1.0 it goes behind the signature, its header."""
    options = {"routing_id": identity} if identity else {}
    for kind in ("DEALER", "PUSH"):
        old_link(kind, dialect, **options)


@both_ends
@dialects
@pytest.mark.parametrize("identity", [b"i" * 253, b"i" * 254, b"i" * 255])
def test_their_identity(old_link: Any, dialect: str, identity: bytes) -> None:
    router, peer = old_link("ROUTER", dialect, identity=identity)
    peer.send(b"hello")
    assert router.recv_multipart() == [identity, b"hello"]
    router.send_multipart([identity, b"you"])
    assert peer.read() == [b"you"]


@dialects
@pytest.mark.parametrize("kind", ["PULL", "REP", "DEALER", "SUB"])
def test_their_identity_is_no_message(old_link: Any, dialect: str, kind: str) -> None:
    sock, peer = old_link(kind, dialect, identity=b"\x01who")
    if kind == "SUB":
        sock.setsockopt(zmq.SUBSCRIBE, b"")
        assert peer.read() == [b"\x01"]
    peer.send(*([b"", b"first"] if kind == "REP" else [b"first"]))
    assert sock.recv() == b"first"


# -- octets --------------------------------------------------------------------------------------


@dialects
def test_sizes(old_link: Any, dialect: str) -> None:
    dealer, peer = old_link("DEALER", dialect)
    for size in SIZES:
        body = bytes(i % 251 for i in range(size))
        dealer.send_multipart([body, body, b"end"])
        assert peer.read() == [body, body, b"end"]
        peer.send(body, body, b"end")
        assert dealer.recv_multipart() == [body, body, b"end"]


@dialects
def test_the_octets_of_messages(old_link: Any, dialect: str) -> None:
    push, peer = old_link("PUSH", dialect)
    push.send_multipart([b"x", b"y" * 253])
    push.send(b"z" * 254)
    if dialect == REVISION_1:
        expected = b"\x01\x01x" + b"\x00\xfd" + b"y" * 253 + b"\x00\xfe" + b"z" * 254
    else:
        expected = b"\x02\x01x" + b"\xfe\x00" + b"y" * 253
        expected += b"\xff" + (255).to_bytes(8, "big") + b"\x00" + b"z" * 254
    assert peer.raw.read(len(expected)) == expected


@dialects
def test_a_long_size_for_a_short_body(old_link: Any, dialect: str) -> None:
    pull, peer = old_link("PULL", dialect)
    if dialect == REVISION_1:
        peer.raw.send(b"\x02" + (2).to_bytes(8, "big") + b"hi")
    else:
        peer.raw.send(b"\xff" + (3).to_bytes(8, "big") + b"\x00hi")
    assert pull.recv() == b"hi"


@dialects
@pytest.mark.parametrize("named", [False, True])
def test_cut_at_every_octet(sock: Any, raw: Any, dialect: str, named: bool) -> None:
    """Where the octets are cut has no meaning, from the first one on."""
    router = sock("ROUTER", bind=TCP)
    for place in range(1, 35):
        wire = raw(last_endpoint(router))
        peer = OldPeer(wire, dialect, "DEALER", b"id%d" % place if named else b"")
        stream = peer.hello + peer.message(b"a", b"", b"b" * 260)
        wire.send(stream[:place])
        if place % 7 == 0:  # long enough to be seen apart now and then
            assert not readable(router, 1)
        wire.send(stream[place:])
        name, *parts = router.recv_multipart()
        assert parts == [b"a", b"", b"b" * 260]
        assert name == peer.identity or (not named and len(name) == 5)
        wire.close()


@dialects
def test_octet_by_octet(sock: Any, raw: Any, dialect: str) -> None:
    dealer = sock("DEALER", bind=TCP)
    wire = raw(last_endpoint(dealer))
    wire.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
    script = OldPeer(wire, dialect, "DEALER", b"id")
    for octet in script.hello + script.message(b"a", b"b" * 300):
        wire.send(bytes((octet,)))
    assert dealer.recv_multipart() == [b"a", b"b" * 300]


def test_what_is_sent_when(sock: Any, raw: Any) -> None:
    """RFC 15: each side sends as much as any version would understand, then looks."""
    dealer = sock("DEALER", bind=TCP, routing_id=b"me")
    for revision in (0, 1):
        wire = raw(last_endpoint(dealer))
        assert wire.read(10) == signature(b"me")
        assert_silent(wire)
        wire.send(signature()[:9])
        assert_silent(wire)
        wire.send(signature()[9:])
        assert wire.read(1) == b"\x03"
        assert_silent(wire)
        wire.send(bytes((revision,)))
        assert wire.read(1) == b"\x05"
        wire.send(b"\x05")
        assert wire.read(4) == (b"\x00\x02me" if revision else b"\x03\x00me")
        wire.close()
    wire = raw(last_endpoint(dealer))
    assert wire.read(10) == signature(b"me")
    assert_silent(wire)
    wire.send(b"\x01\x00")
    assert wire.read(2) == b"me"
    wire = raw(last_endpoint(dealer))
    assert wire.read(10) == signature(b"me")
    wire.send(b"\xff" + bytes(7) + b"\x04")
    assert_silent(wire)
    wire.send(b"\x00")
    assert wire.read(2) == b"me"


def assert_silent(wire: RawPeer) -> None:
    wire.sock.settimeout(0.01)
    with pytest.raises(TimeoutError):
        wire.read(1)
    wire.sock.settimeout(10)


@pytest.mark.parametrize("revision", [2, 3, 4, 255])
def test_other_revisions_are_zmtp_3(sock: Any, raw: Any, revision: int) -> None:
    """RFC 23 lets 2 mean 2.0 as well; libzmq does not."""
    pull = sock("PULL", bind=TCP)
    wire = raw(last_endpoint(pull))
    wire.send(signature() + bytes((revision,)))
    assert wire.read(64)[10:16] == b"\x03\x01NULL"


@pytest.mark.parametrize("number", [0, 1, 7, 11, 99, 255])
def test_nobody_looks_at_the_socket_type(sock: Any, raw: Any, number: int) -> None:
    dealer = sock("DEALER", bind=TCP)
    wire = raw(last_endpoint(dealer))
    wire.send(signature() + bytes((1, number)) + b"\x00\x00" + b"\x00\x02hi")
    assert dealer.recv() == b"hi"


@pytest.mark.parametrize(("kind", "number"), [("XPUB", 9), ("XSUB", 10)])
def test_the_type_numbers_of_xpub_and_xsub(sock: Any, raw: Any, kind: str, number: int) -> None:
    """RFC 15 wants 1 and 2."""
    wire = raw(last_endpoint(sock(kind, bind=TCP)))
    wire.send(signature() + b"\x01")
    assert wire.read(12)[10:] == bytes((3, number))


@pytest.mark.parametrize("dialect", [REVISION_0, REVISION_1])
def test_messages_do_not_wait_for_their_identity(sock: Any, raw: Any, dialect: str) -> None:
    push = sock("PUSH", bind=TCP)
    wire = raw(last_endpoint(push))
    peer = OldPeer(wire, dialect, "PULL")
    wire.send(peer.hello[:12])
    wire.read(len(peer.answer("PUSH")))
    push.send(b"early")
    assert peer.read() == [b"early"]


# -- publishers and subscribers ------------------------------------------------------------------


@both_ends
def test_unversioned_subscribers_get_everything(old_link: Any) -> None:
    """libzmq 2 filters at the subscriber and asks for nothing."""
    xpub, peer = old_link("XPUB", UNVERSIONED)
    assert xpub.recv() == b"\x01"
    xpub.send(b"T")
    assert peer.raw.read(3) == b"\x02\x00T"


def test_unversioned_subscribers_of_a_pub(old_link: Any) -> None:
    pub, peer = old_link("PUB", UNVERSIONED)
    assert publish_until_seen(pub, peer, [b"T", b"body"]) == [b"T", b"body"]


def test_an_unversioned_subscriber_may_cancel_it(old_link: Any) -> None:
    xpub, peer = old_link("XPUB", UNVERSIONED)
    assert xpub.recv() == b"\x01"
    peer.send(b"\x01wanted")
    assert xpub.recv() == b"\x01wanted"
    peer.send(b"\x00")
    assert xpub.recv() == b"\x00"
    xpub.send(b"other")
    xpub.send(b"wanted")
    assert peer.read() == [b"wanted"]


@pytest.mark.parametrize("dialect", [REVISION_0, REVISION_1])
def test_versioned_subscribers_get_what_they_ask_for(old_link: Any, dialect: str) -> None:
    xpub, peer = old_link("XPUB", dialect)
    peer.send(b"\x01A")
    assert xpub.recv() == b"\x01A"
    xpub.send(b"B")
    xpub.send(b"A1")
    assert peer.read() == [b"A1"]
    peer.send(b"\x00A")
    assert xpub.recv() == b"\x00A"


@dialects
@pytest.mark.parametrize("length", [0, 252, 253, 1000])
def test_topics(old_link: Any, dialect: str, length: int) -> None:
    """Subscriptions are messages."""
    sub, peer = old_link("SUB", dialect)
    topic = b"t" * length
    sub.setsockopt(zmq.SUBSCRIBE, topic)
    assert peer.read() == [b"\x01" + topic]
    sub.setsockopt(zmq.UNSUBSCRIBE, topic)
    assert peer.read() == [b"\x00" + topic]


@differs_from_libzmq
@dialects
def test_a_topic_of_255_octets(old_link: Any, dialect: str) -> None:
    """libzmq forgets to say that its size has eight octets."""
    sub, peer = old_link("SUB", dialect)
    sub.setsockopt(zmq.SUBSCRIBE, b"t" * 255)
    assert peer.read() == [b"\x01" + b"t" * 255]


@dialects
def test_topics_from_before_the_connection(
    sock: Any, raw_listener: RawListener, dialect: str
) -> None:
    """They waited as ZMTP 3.1 has them; each is said once, in order."""
    sub = sock("SUB")
    for topic in (b"b", b"a", b"b", b""):
        sub.setsockopt(zmq.SUBSCRIBE, topic)
    sub.connect(raw_listener.endpoint)
    peer = OldPeer(raw_listener.accept(), dialect, "PUB").shake("SUB")
    assert [peer.read() for _ in range(3)] == [[b"\x01"], [b"\x01a"], [b"\x01b"]]


@dialects
def test_an_xsubs_message_to_its_publisher(old_link: Any, dialect: str) -> None:
    xpub, peer = old_link("XPUB", dialect)
    peer.send(b"user", b"message")
    if dialect == UNVERSIONED:
        assert xpub.recv() == b"\x01"
    assert xpub.recv_multipart() == [b"user", b"message"]


@dialects
def test_a_welcome(old_link: Any, dialect: str) -> None:
    _, peer = old_link("XPUB", dialect, xpub_welcome_msg=b"welcome")
    assert peer.read() == [b"welcome"]


def test_old_and_new_subscribers_together(sock: Any, raw: Any) -> None:
    xpub = sock("XPUB", bind=TCP, xpub_verbose=1)
    peers = [OldPeer(raw(last_endpoint(xpub)), dialect, "SUB").shake("XPUB") for dialect in OLD]
    for peer in peers:
        peer.send(b"\x01t")
    new = raw(last_endpoint(xpub))
    new.handshake(b"SUB")
    new.subscribe(b"tt")
    heard = sorted(xpub.recv() for _ in range(5))
    assert heard == [b"\x01", b"\x01t", b"\x01t", b"\x01t", b"\x01tt"]
    xpub.send(b"tt")
    assert [peer.read() for peer in peers] == [[b"tt"]] * 3
    assert new.read_message() == [b"tt"]
