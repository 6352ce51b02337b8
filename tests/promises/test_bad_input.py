"""Strangers on the wire: their connection is closed for a visible reason, everyone else goes on."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest

from tests.helpers import (
    differs_from_libzmq,
    last_endpoint,
    readable,
    zmq,
)
from tests.promises.strangers import Server
from tests.raw_zmtp import COMMAND, MORE, command, frame, greeting, message, prop, ready

READY = ready(b"PUSH")

# What a stranger sends at once, without waiting for anything
REJECTED = {
    "zeros": bytes(200),
    "tls hello": bytes.fromhex("16030100c8010000c40303") + bytes(190),
    "zmtp 1 length zero": b"\x01\x00" + b"\x00" * 30,
    "other mechanism": greeting(mechanism=b"OTHER"),
    "mechanism with junk after the nul": greeting(mechanism=b"NULL\0x"),
    "plain": greeting(mechanism=b"PLAIN"),
    "curve": greeting(mechanism=b"CURVE"),
    "empty mechanism": greeting(mechanism=b""),
}

# What it sends once it has read our greeting, in place of READY
BAD_HANDSHAKE = {
    "unknown command": command(b"HOWDY"),
    "data frame": frame(b"hello"),
    "empty command": frame(b"", COMMAND),
    "name longer than the body": frame(b"\x20READY", COMMAND),
    "trailing octets": frame(b"\x05READY" + prop(b"Socket-Type", b"PUSH") + b"\0\0\0", COMMAND),
    "value longer than the body": frame(b"\x05READY\x0bSocket-Type\x00\x00\x00\xffPUSH", COMMAND),
    "value length 2**31": frame(b"\x05READY\x0bSocket-Type\x80\x00\x00\x00PUSH", COMMAND),
    "value length 2**32-1": frame(b"\x05READY\x0bSocket-Type\xff\xff\xff\xffPUSH", COMMAND),
    "property cut in its name": frame(b"\x05READY\xffSocket", COMMAND),
    "wrong socket type": ready(b"REQ"),
    "own socket type": ready(b"PULL"),
    "unknown socket type": ready(b"PUSHER"),
    "socket type in lower case": ready(b"push"),
    "error command": command(b"ERROR", b"\x03bad"),
    "frame of 2**64-1": b"\x06" + b"\xff" * 8,
    "frame of 2**63": b"\x06\x80" + bytes(7),
    "frame of 2**63-1": b"\x06\x7f" + b"\xff" * 7,
    "ready of 200 KB": b"\x06" + (200_000).to_bytes(8, "big") + bytes(1000),
    "subscribe before ready": command(b"SUBSCRIBE", b"x"),
}

# What it sends after a proper handshake
BAD_TRAFFIC = {
    "frame of 2**64-1": b"\x02" + b"\xff" * 8,
    "frame of 2**63": b"\x02\x80" + bytes(7),
    "frame of 2**63-1": b"\x02\x7f" + b"\xff" * 7,
    "frame over MAXMSGSIZE": b"\x02" + (100_001).to_bytes(8, "big"),
    "second frame over MAXMSGSIZE": frame(b"ok", MORE) + b"\x02" + (100_001).to_bytes(8, "big"),
    "command over MAXMSGSIZE": b"\x06" + (100_001).to_bytes(8, "big"),
}


TURNED_AWAY = (
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_DISCONNECTED,
)


@pytest.mark.parametrize("what", REJECTED)
def test_a_greeting_that_is_none(server: Server, raw: Any, what: str) -> None:
    stranger = raw(server.endpoint)
    stranger.send(REJECTED[what])
    server.goes_on()
    stranger.expect_closed()

    assert server.reason()[0] in TURNED_AWAY


def test_a_mechanism_mismatch_is_named(server: Server, raw: Any) -> None:
    stranger = raw(server.endpoint)
    stranger.send(greeting(mechanism=b"PLAIN"))
    stranger.expect_closed()

    assert server.reason() == (
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
    )


@pytest.mark.parametrize("what", BAD_HANDSHAKE)
def test_a_handshake_that_is_none(server: Server, raw: Any, what: str) -> None:
    stranger = raw(server.endpoint)
    stranger.send(greeting())
    stranger.read(64)
    stranger.send(BAD_HANDSHAKE[what])
    server.goes_on()
    stranger.expect_closed()

    assert server.reason()[0] in TURNED_AWAY


def test_an_unexpected_command_is_named(server: Server, raw: Any) -> None:
    assert reason_for(server, raw, "unknown command") == (
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND,
    )


@differs_from_libzmq
@pytest.mark.parametrize("what", ["trailing octets", "value longer than the body"])
def test_bad_metadata_is_named(server: Server, raw: Any, what: str) -> None:
    """libzmq only says that it disconnected."""
    assert reason_for(server, raw, what) == (
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.PROTOCOL_ERROR_ZMTP_INVALID_METADATA,
    )


@differs_from_libzmq
@pytest.mark.parametrize("what", ["wrong socket type", "unknown socket type", "frame of 2**63"])
def test_a_failed_handshake_is_told_from_a_lost_link(server: Server, raw: Any, what: str) -> None:
    event, value = reason_for(server, raw, what)
    assert event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    assert value >= zmq.PROTOCOL_ERROR_ZMTP_UNSPECIFIED


def reason_for(server: Server, raw: Any, what: str) -> tuple[int, int]:
    stranger = raw(server.endpoint)
    stranger.send(greeting())
    stranger.read(64)
    stranger.send(BAD_HANDSHAKE[what])
    stranger.expect_closed()
    return server.reason()


@pytest.mark.parametrize("what", BAD_TRAFFIC)
def test_traffic_that_is_none(server: Server, raw: Any, what: str) -> None:
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.send(BAD_TRAFFIC[what])
    server.goes_on()
    stranger.expect_closed()

    assert server.reason()[0] == zmq.EVENT_DISCONNECTED


@pytest.mark.parametrize("what", BAD_TRAFFIC)
def test_whole_messages_in_front_of_it_are_delivered(server: Server, raw: Any, what: str) -> None:
    """Also when they came in the same segment: they were said before the fault was made."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.send(message(b"one") + message(b"two", b"parts") + BAD_TRAFFIC[what])

    assert server.pull.recv_multipart() == [b"one"]
    assert server.pull.recv_multipart() == [b"two", b"parts"]
    stranger.expect_closed()


def test_the_largest_message_allowed_is_received(server: Server, raw: Any) -> None:
    friend = raw(server.endpoint)
    friend.handshake(b"PUSH")
    friend.send(frame(b"m" * 100_000))

    assert server.pull.recv() == b"m" * 100_000


TOLERATED = {
    "reserved flag bits": (greeting(), b"\xf8\x02hi"),
    "a long header for a short body": (greeting(), b"\x02" + bytes(7) + b"\x02hi"),
    "padding and filler": (
        b"\xffjunkjunk\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\1" + b"f" * 31,
        b"\0\2hi",
    ),
    "a later minor version": (greeting(minor=9), b"\0\2hi"),
    "unknown commands": (greeting(), command(b"FLY", b"away") + b"\0\2hi"),
    "ready again": (greeting(), READY + b"\0\2hi"),
    "subscriptions to a pull": (greeting(), command(b"FLY") * 3 + b"\0\2hi"),
    "a pong nobody asked for": (greeting(), command(b"PONG", b"ctx") + b"\0\2hi"),
    "an empty command": (greeting(), frame(b"", COMMAND) + b"\0\2hi"),
    "a command whose name is cut": (greeting(), frame(b"\x7fPI", COMMAND) + b"\0\2hi"),
}


@pytest.mark.parametrize("what", TOLERATED)
def test_oddities_that_are_tolerated(server: Server, raw: Any, what: str) -> None:
    hello, traffic = TOLERATED[what]
    odd = raw(server.endpoint)
    odd.send(hello)
    odd.read(64)
    odd.send(READY)
    odd.read_frame()
    odd.send(traffic)

    assert server.pull.recv() == b"hi"


ODD_READY = {
    "no socket type": command(b"READY"),
    "unknown properties": command(
        b"READY",
        prop(b"Socket-Type", b"PUSH") + prop(b"X-Colour", b"blue") + prop(b"Resource", b"r"),
    ),
    "a property without a name": command(b"READY", prop(b"Socket-Type", b"PUSH") + prop(b"", b"v")),
    "an identity of 300 octets": ready(b"PUSH", b"i" * 300),
    "a long header": b"\x06" + (len(READY) - 2).to_bytes(8, "big") + READY[2:],
    "without the command flag": b"\0" + READY[1:],
    "octet by octet": READY,
}


@pytest.mark.parametrize("what", ODD_READY)
def test_an_odd_ready_that_is_tolerated(server: Server, raw: Any, what: str) -> None:
    odd = raw(server.endpoint)
    odd.send(greeting())
    odd.read(64)
    for octet in ODD_READY[what] if what == "octet by octet" else ():
        odd.send(bytes([octet]))
    if what != "octet by octet":
        odd.send(ODD_READY[what])
    odd.read_frame()
    odd.send(b"\0\2hi")

    assert server.pull.recv() == b"hi"


@differs_from_libzmq
def test_http_is_dropped_in_time(server: Server, raw: Any) -> None:
    """It looks like the beginning of a ZMTP 1.0 identity: libzmq then waits for ever."""
    stranger = raw(server.endpoint)
    stranger.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    stranger.expect_closed(4)


@pytest.mark.parametrize("seed", range(20))
def test_random_octets(server: Server, raw: Any, seed: int) -> None:
    chance = random.Random(seed)
    stranger = raw(server.endpoint)
    server.strangers_are_heard = True
    try:
        for _ in range(chance.randrange(1, 5)):
            stranger.send(chance.randbytes(chance.randrange(1, 3000)))
            server.goes_on()
    except ConnectionError:
        pass  # already thrown out
    stranger.close()


@pytest.mark.parametrize("seed", range(20))
def test_random_octets_after_the_handshake(server: Server, raw: Any, seed: int) -> None:
    """Whatever they decode to is a message, a command, or the end of that connection."""
    chance = random.Random(seed)
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    try:
        # an unfinished large frame: what would be whole messages is the stranger's right to send
        stranger.send(b"\x07" + chance.randbytes(8) + chance.randbytes(2000))
    except ConnectionError:
        pass
    server.goes_on()
    stranger.close()


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 12, 31, 63, 64, 65, 70, 90])
def test_cut_off_at_any_point_of_the_handshake(server: Server, raw: Any, length: int) -> None:
    stranger = raw(server.endpoint)
    stranger.send((greeting() + READY)[:length])
    stranger.close()
    server.goes_on()

    assert server.reason()[0] in (
        zmq.EVENT_DISCONNECTED,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    )


@pytest.mark.parametrize(
    "data", [b"\1\2hi", b"\1\2hi\0\7cut", b"\2\0\0", b"\2" + bytes(6) + b"\xff\xff" + b"x"]
)
def test_cut_off_in_mid_message(server: Server, raw: Any, data: bytes) -> None:
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.send(data)
    stranger.close()

    assert server.reason()[0] == zmq.EVENT_DISCONNECTED
    assert not readable(server.pull, 0)


@differs_from_libzmq  # it takes all of it
@pytest.mark.parametrize("size", [1000, 50_000])
@pytest.mark.parametrize("kind", ["PULL", "REP", "ROUTER", "PUB", "XPUB"])
def test_a_message_that_never_ends(sock: Any, monitor: Any, raw: Any, kind: str, size: int) -> None:
    """With MAXMSGSIZE, the parts of one message may take what RCVHWM messages may, and 1 MiB."""
    server = sock(kind, rcvhwm=2, maxmsgsize=50_000)
    watch = monitor(server)
    server.bind("tcp://127.0.0.1:*")
    stranger = raw(last_endpoint(server))
    other = {"PULL": b"PUSH", "REP": b"REQ", "ROUTER": b"DEALER", "PUB": b"SUB", "XPUB": b"SUB"}
    stranger.handshake(other[kind])
    stranger.send(frame(b"", MORE) if kind == "REP" else b"")
    enough = (1 << 20) + 2 * 50_000
    with contextlib.suppress(ConnectionError):
        for _ in range(2 * enough // size):
            stranger.send(frame(b"\x05" * size, MORE))
    watch.wait(zmq.EVENT_DISCONNECTED)
    assert not server.get(zmq.EVENTS) & zmq.POLLIN


def test_a_message_of_many_parts(sock: Any, raw: Any) -> None:
    """Its parts may well be more than MAXMSGSIZE together."""
    pull = sock("PULL", rcvhwm=2, maxmsgsize=50_000)
    pull.bind("tcp://127.0.0.1:*")
    peer = raw(last_endpoint(pull))
    peer.handshake(b"PUSH")
    parts = [b"x" * 50_000] * 22
    for _ in range(3):
        peer.send(message(*parts))
        assert pull.recv_multipart() == parts
