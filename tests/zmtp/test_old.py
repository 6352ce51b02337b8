"""Handshakes with peers older than ZMTP 3, octet by octet: what is said when, and to whom not."""

from __future__ import annotations

import pytest

from peromq.zmtp import (
    CurveServer,
    Handshake,
    Mechanism,
    NullMechanism,
    OldLink,
    PlainClient,
    PlainServer,
    ProtocolError,
    ProtocolErrorCode,
    ZapGate,
)
from peromq.zmtp.compatibility import COMPATIBLE
from peromq.zmtp.old import SOCKET_TYPES, encode_identity, take_identity
from tests.oracle import zmtp_old
from tests.oracle.zmtp import Frame
from tests.zmtp import golden
from tests.zmtp.connection_pair import null_handshake

SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"
LIMIT = 64 * 1024
HELLO = {
    "unversioned": b"",
    "revision 0": SIGNATURE + b"\0\x06",
    "revision 1": SIGNATURE + b"\1\x06",
}
VERSION = {"unversioned": 1, "revision 0": 1, "revision 1": 2}
dialects = pytest.mark.parametrize("dialect", list(HELLO))


def met(wire: bytes, socket_type: str = "DEALER", routing_id: bytes = b"") -> Handshake:
    """A handshake after `wire` came in, its own octets drained."""
    handshake = null_handshake(socket_type, routing_id=routing_id)
    handshake.receive_data(wire)
    handshake.data_to_send()
    return handshake


@pytest.mark.parametrize("vector", golden.OLD_PEERS, ids=lambda v: v.name)
def test_octets_equal_libzmq(vector: golden.OldPeer) -> None:
    handshake = null_handshake("DEALER")
    sent = handshake.data_to_send()
    for octet in vector.wire:
        handshake.receive_data(bytes((octet,)))
        sent += handshake.data_to_send()
    assert sent == vector.answer
    assert handshake.done


def test_what_is_sent_when() -> None:
    """Never more than any version would understand."""
    for dialect, identity in (("revision 0", b"\3\0me"), ("revision 1", b"\0\2me")):
        handshake = null_handshake("PUB", routing_id=b"me")
        sent = {0: handshake.data_to_send()}
        for at, octet in enumerate(HELLO[dialect], 1):
            handshake.receive_data(bytes((octet,)))
            sent[at] = handshake.data_to_send()
        assert {at: data for at, data in sent.items() if data} == {
            0: b"\xff" + bytes(7) + b"\x03\x7f",
            10: b"\x03",
            11: b"\x01",
            12: identity,
        }


@dialects
@pytest.mark.parametrize("socket_type", SOCKET_TYPES)
def test_all_but_a_router_are_done_with_the_greeting(dialect: str, socket_type: str) -> None:
    frame = zmtp_old.encode_frame(VERSION[dialect], Frame(b"me"))
    wire = HELLO[dialect] + frame
    handshake = met(wire[:12] if HELLO[dialect] else wire[:2], socket_type)
    if socket_type == "ROUTER":
        assert not handshake.done
        handshake.receive_data(wire[12 if HELLO[dialect] else 2 :] + b"rest")
        assert handshake.done
        assert handshake.peer.routing_id == b"me"
        assert handshake.leftover == b"rest"
        assert handshake.peer.old == OldLink(VERSION[dialect], -1, subscribed=False)
        return
    handshake.receive_data(wire[12 if HELLO[dialect] else 2 :] + b"rest")
    assert handshake.done
    assert handshake.leftover == frame + b"rest"
    publisher = socket_type in ("PUB", "XPUB")
    assert handshake.peer.old == OldLink(
        VERSION[dialect], LIMIT, subscribed=publisher and dialect == "unversioned"
    )
    assert handshake.peer.routing_id == b""


@dialects
def test_what_is_known_of_the_peer(dialect: str) -> None:
    peer = met(HELLO[dialect] + b"\1\0").peer
    assert peer.minor == -1
    assert peer.socket_type == ("" if dialect == "unversioned" else "ROUTER")
    assert peer.properties == ({} if dialect == "unversioned" else {"Socket-Type": "ROUTER"})


@pytest.mark.parametrize("number", [11, 99, 255])
def test_an_unknown_socket_type_is_none(number: int) -> None:
    assert met(SIGNATURE + bytes((1, number))).peer.socket_type == ""


@dialects
@pytest.mark.parametrize("size", [0, 1, 253, 254, 255])
@pytest.mark.parametrize("long", [False, True])
def test_identities_of_routers_peers(dialect: str, size: int, long: bool) -> None:
    identity = b"i" * size
    frame = zmtp_old.encode_frame(VERSION[dialect], Frame(identity), long=long)
    wire = HELLO[dialect] + frame
    for place in range(len(wire)):
        handshake = met(wire[:place], "ROUTER")
        assert not handshake.done
        handshake.receive_data(wire[place:] + b"traffic")
        handshake.data_to_send()
        assert handshake.done
        assert handshake.peer.routing_id == identity
        assert handshake.leftover == b"traffic"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 256, 1000])
def test_identity_frames(version: int, size: int) -> None:
    frame = encode_identity(version, b"i" * size)
    assert frame == zmtp_old.encode_frame(version, Frame(b"i" * size))
    for place in range(len(frame)):
        assert take_identity(bytearray(frame[:place]), version, 1000) is None
    buffer = bytearray(frame + b"rest")
    assert take_identity(buffer, version, 1000) == b"i" * size
    assert buffer == b"rest"


# -- who is refused ------------------------------------------------------------------------------


def refused(wire: bytes, **arguments: object) -> ProtocolError:
    settings: dict[str, object] = {"socket_type": "DEALER", "mechanism": NullMechanism()}
    handshake = Handshake(**(settings | arguments))  # type: ignore[arg-type]
    with pytest.raises(ProtocolError) as caught:
        handshake.receive_data(wire)
    assert not caught.value.retry
    assert not handshake.done
    assert handshake.leftover == b""
    assert str(caught.value).isprintable()
    return caught.value


def secured() -> list[Mechanism]:
    gate = ZapGate(ask=True, required=True)
    return [
        NullMechanism(gate),
        PlainClient(b"name", b"password"),
        PlainServer(gate),
        CurveServer(
            ZapGate(ask=False, required=False),
            public_key=bytes(32),
            secret_key=bytes(32),
            transient_secret=bytes(32),
            cookie_key=bytes(32),
            welcome_nonce=bytes(16),
            cookie_nonce=bytes(16),
        ),
    ]


@dialects
@pytest.mark.parametrize("which", range(4))
def test_the_downgrade_guard(dialect: str, which: int) -> None:
    """As soon as it is known that nobody could be asked who he is."""
    wire = (HELLO[dialect] or b"\1\0")[: 11 if HELLO[dialect] else 1]
    error = refused(wire, mechanism=secured()[which])
    assert "no security" in str(error)
    assert error.code is ProtocolErrorCode.ZMTP_UNSPECIFIED


def test_a_gate_that_asks_nobody_guards_nothing() -> None:
    handshake = Handshake(
        socket_type="PULL", mechanism=NullMechanism(ZapGate(ask=False, required=False))
    )
    handshake.receive_data(b"\1\0")
    handshake.data_to_send()
    assert handshake.done


@dialects
@pytest.mark.parametrize("socket_type", sorted(set(COMPATIBLE) - set(SOCKET_TYPES)))
def test_types_that_came_later(dialect: str, socket_type: str) -> None:
    assert socket_type in str(refused(HELLO[dialect] or b"\1\0", socket_type=socket_type))


@pytest.mark.parametrize(
    "wire",
    [b"\0", b"GE", b"\x16\x03", b"\1\1", b"\1\x80", b"\xff" + bytes(9), SIGNATURE[:9] + b"\x02"],
)
def test_what_is_no_identity_frame(wire: bytes) -> None:
    """RFC 13: flags are zero but for MORE, and an identity has one frame."""
    assert "does not speak ZMTP" in str(refused(wire))


@dialects
@pytest.mark.parametrize("limit", [-1, 100])
def test_identities_are_bounded(dialect: str, limit: int) -> None:
    most = LIMIT if limit < 0 else limit
    for size, good in ((most, True), (most + 1, False), (2**62, False)):
        if VERSION[dialect] == 1:
            header = b"\xff" + (size + 1).to_bytes(8, "big") + b"\0"
        else:
            header = b"\2" + size.to_bytes(8, "big")
        if not good:
            refused(HELLO[dialect] + header, socket_type="ROUTER", max_msg_size=limit)
            continue
        handshake = Handshake(socket_type="ROUTER", mechanism=NullMechanism(), max_msg_size=limit)
        handshake.receive_data(HELLO[dialect] + header)
        assert not handshake.done
    if VERSION[dialect] == 1:
        refused(HELLO[dialect] + b"\0", socket_type="ROUTER")


@dialects
def test_a_peer_that_goes_too_early(dialect: str) -> None:
    wire = HELLO[dialect] + zmtp_old.encode_frame(VERSION[dialect], Frame(b"me"))
    for place in range(len(wire)):
        handshake = met(wire[:place], "ROUTER")
        with pytest.raises(ProtocolError) as caught:
            handshake.receive_eof()
        assert caught.value.retry
