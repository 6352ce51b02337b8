"""Strangers on the wire: their connection is closed for a visible reason, everyone else goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import (
    Deadline,
    Monitor,
    check_numbered,
    differs_from_libzmq,
    last_endpoint,
    numbered,
    readable,
    zmq,
)
from tests.raw_zmtp import COMMAND, MORE, RawPeer, command, frame, greeting, message, prop, ready

FAILURES = (
    "EVENT_HANDSHAKE_FAILED_PROTOCOL",
    "EVENT_HANDSHAKE_FAILED_NO_DETAIL",
    "EVENT_HANDSHAKE_FAILED_AUTH",
    "EVENT_DISCONNECTED",
)


class Server:
    """A bound PULL with one honest client, watched."""

    def __init__(self, pull: Any, push: Any, watch: Monitor) -> None:
        self.pull, self.push, self.watch = pull, push, watch
        self.endpoint = last_endpoint(pull)
        self.number = 0
        self.strangers_are_heard = False

    def goes_on(self) -> None:
        """The honest client is served, and nothing of a stranger's is delivered before."""
        if self.strangers_are_heard:
            self.goes_on_among_others()
            return
        self.push.send(numbered(1, self.number, 100))
        assert check_numbered(self.pull.recv(), 100) == (1, self.number)
        self.number += 1

    def goes_on_among_others(self) -> None:
        """The honest client is served; what strangers' octets happened to mean is skipped.

        ZMTP 1.0 has no signature: most octets are the beginning of some message of it.
        """
        mine = numbered(1, self.number, 100)
        self.push.send(mine)
        while self.pull.recv() != mine:
            pass
        self.number += 1

    def reason(self) -> tuple[int, int]:
        """The event that tells why a connection ended, with its value."""
        event, value, endpoint = self.watch.wait(*(getattr(zmq, name) for name in FAILURES))
        assert endpoint
        return event, value


@pytest.fixture
def server(sock: Any, monitor: Any) -> Iterator[Server]:
    pull = sock("PULL", handshake_ivl=2000, maxmsgsize=100_000)
    watch = monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    push = sock("PUSH", connect=last_endpoint(pull))
    made = Server(pull, push, watch)
    made.goes_on()
    yield made
    made.goes_on()


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


@pytest.mark.parametrize("what", REJECTED)
def test_a_greeting_that_is_none(server: Server, raw: Any, what: str) -> None:
    stranger = raw(server.endpoint)
    stranger.send(REJECTED[what])
    server.goes_on()
    stranger.expect_closed()

    assert server.reason()[0] in (
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        zmq.EVENT_DISCONNECTED,
    )


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

    assert server.reason()[0] in (
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        zmq.EVENT_DISCONNECTED,
    )


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


def test_one_that_never_says_a_word_is_dropped_in_time(server: Server, raw: Any) -> None:
    stranger = raw(server.endpoint)
    began = Deadline(0).end
    stranger.expect_closed()

    assert 1.9 < Deadline(0).end - began < 4
    assert server.reason()[0] == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


def test_slow_loris_gets_no_more_time(server: Server, raw: Any) -> None:
    """One octet now and then does not move the handshake's end."""
    stranger = raw(server.endpoint)
    stranger.read(10)
    began = Deadline(0).end
    stranger.sock.settimeout(0.1)
    closed = False
    for octet in greeting() + READY:
        try:
            stranger.send(bytes([octet]))
            closed = stranger.sock.recv(100) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            closed = True
        if closed:
            break
    assert closed
    assert Deadline(0).end - began < 4


def test_a_crowd_of_silent_strangers_keeps_nobody_out(server: Server, sock: Any, raw: Any) -> None:
    for _ in range(200):
        raw(server.endpoint)
    late = sock("PUSH", connect=server.endpoint)
    late.send(b"let me in")

    assert server.pull.recv() == b"let me in"


def test_what_a_stranger_announces_is_not_allocated(sock: Any, raw: Any) -> None:
    """A frame of 2**40 octets is refused or waited for, but memory follows what arrives."""
    from tests.promises.test_lifecycle import resident_kib

    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    friend = sock("PUSH", connect=last_endpoint(pull))
    friend.send(b"warm")
    assert pull.recv() == b"warm"
    before = resident_kib()
    stranger = raw(last_endpoint(pull))
    stranger.handshake(b"PUSH")
    stranger.send(b"\x02" + (2**40).to_bytes(8, "big") + b"z" * 10_000)
    friend.send(b"fine")

    assert pull.recv() == b"fine"
    assert resident_kib() - before < 50_000


def test_a_ping_longer_than_its_context_may_be(server: Server, raw: Any) -> None:
    """Sixteen octets of context come back, nothing that was not ours to give."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.ping(b"c" * 100)

    assert stranger.read_command() == (b"PONG", b"c" * 16)


@differs_from_libzmq
def test_a_short_ping_leaks_no_memory(server: Server, raw: Any) -> None:
    """libzmq answers with what lies behind its buffer."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.send(frame(b"\x04PING", COMMAND) + frame(b"\x04PING\0", COMMAND))
    stranger.sock.settimeout(0.1)
    try:
        data = stranger.sock.recv(100)
    except TimeoutError:
        data = b""
    assert data in (b"", command(b"PONG"))


def test_pings_flooding_without_reading_answers(server: Server, raw: Any) -> None:
    """Nobody reads the PONGs: they may not pile up without bound, nor stop the others."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.sock.settimeout(0.2)
    try:
        for _ in range(300):
            stranger.send(command(b"PING", b"\0\0" + b"c" * 16) * 500)
    except (TimeoutError, ConnectionError):
        pass  # refused to read on, or thrown out: both are answers
    server.goes_on()


@pytest.mark.parametrize("end", ["close", "reset"])
def test_leaving_right_after_connecting(server: Server, raw: Any, end: str) -> None:
    for _ in range(30):
        stranger: RawPeer = raw(server.endpoint)
        getattr(stranger, end)()
    server.goes_on()
