"""PING and PONG at libzmq's times (zmtp 3.1; HEARTBEAT_IVL, _TIMEOUT, _TTL)."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest

from tests.helpers import last_endpoint, readable, zmq
from tests.raw_zmtp import command, frame

LATE = 10.0  # seconds a busy machine may take longer
ROUNDED = 0.01  # seconds a clock of milliseconds may be early


@pytest.fixture(params=["accepted", "connected"])
def link(request: pytest.FixtureRequest, sock: Any, raw: Any, raw_listener: Any) -> Any:
    """link(**options): our PULL and a raw PUSH; heartbeats are the same whoever bound."""

    def make(minor: int = 1, **options: int) -> tuple[Any, Any]:
        if request.param == "accepted":
            pull = sock("PULL", bind="tcp://127.0.0.1:*", **options)
            wire = raw(last_endpoint(pull))
        else:
            pull = sock("PULL", reconnect_ivl=-1, **options)
            pull.connect(raw_listener.endpoint)
            wire = raw_listener.accept()
        wire.handshake(b"PUSH", minor=minor)
        return pull, wire

    return make


def pings_until_closed(wire: Any, began: float) -> tuple[list[float], float]:
    """When PINGs came and when the connection was closed, in seconds after `began`."""
    pings = []
    try:
        while True:
            name, _ = wire.read_command()
            assert name == b"PING"
            pings.append(time.monotonic() - began)
    except (EOFError, ConnectionError):
        return pings, time.monotonic() - began


def after(seconds: float, measured: float) -> bool:
    """Whether so much time went by, measured from a moment that was not too late to begin."""
    return seconds - ROUNDED <= measured < seconds + LATE


def test_a_mute_peer_is_dropped_after_one_more_interval(link: Any) -> None:
    """TIMEOUT is IVL unless it is set."""
    began = time.monotonic()
    _, wire = link(heartbeat_ivl=200)
    pings, closed = pings_until_closed(wire, began)

    assert after(0.2, pings[0])
    assert after(0.4, closed)
    assert len(pings) <= 2  # the second may come just before the end


def test_the_timeout_counts_from_the_first_ping_unanswered(link: Any) -> None:
    began = time.monotonic()
    _, wire = link(heartbeat_ivl=200, heartbeat_timeout=500)
    pings, closed = pings_until_closed(wire, began)

    assert len(pings) in (2, 3)  # the third may be too late
    assert all(after(due, came) for due, came in zip((0.2, 0.4, 0.6), pings, strict=False))
    assert after(0.7, closed)


def test_without_timeout_a_mute_peer_is_kept(link: Any) -> None:
    pull, wire = link(heartbeat_ivl=50, heartbeat_timeout=0)
    for _ in range(8):
        assert wire.read_command()[0] == b"PING"
    wire.send(frame(b"still here"))
    assert pull.recv() == b"still here"


@pytest.mark.parametrize(
    "sign",
    [
        command(b"PONG"),
        command(b"PONG", b"whatever"),
        frame(b"message"),
        command(b"PING", b"\0\0"),
        command(b"NONSENSE"),
    ],
    ids=["pong", "other pong", "message", "ping", "unknown command"],
)
def test_any_frame_is_a_sign_of_life(link: Any, sign: bytes) -> None:
    _, wire = link(heartbeat_ivl=100, heartbeat_timeout=500)
    for _ in range(7):  # the seventh would not come if the first had stayed unanswered
        while wire.read_command()[0] != b"PING":
            pass
        wire.send(sign)


def test_no_heartbeat_by_default(link: Any) -> None:
    pull, wire = link()
    wire.send(frame(b"x"))
    assert pull.recv() == b"x"
    wire.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        wire.read(1)


@pytest.mark.parametrize(("ttl", "on_wire"), [(0, 0), (99, 0), (100, 1), (3000, 30), (65_500, 655)])
def test_the_ttl_is_sent_in_tenths_of_a_second(link: Any, ttl: int, on_wire: int) -> None:
    _, wire = link(heartbeat_ivl=20, heartbeat_ttl=ttl)
    name, data = wire.read_command()

    assert name == b"PING"
    assert data == struct.pack(">H", on_wire)


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("context", [b"", b"x", b"0123456789abcdef"])
def test_a_ping_is_answered_with_its_context(link: Any, minor: int, context: bytes) -> None:
    """Also on a 3.0 link: libzmq drops who does not answer there."""
    _, wire = link(minor=minor)
    wire.ping(context)

    assert wire.read_command() == (b"PONG", context)


def test_pings_are_sent_on_a_3_0_link_as_well(link: Any) -> None:
    _, wire = link(minor=0, heartbeat_ivl=30)

    assert wire.read_command()[0] == b"PING"


def test_the_peers_ttl_ends_a_mute_connection(link: Any) -> None:
    _, wire = link()
    began = time.monotonic()
    wire.ping(b"", ttl=3)
    assert wire.read_command() == (b"PONG", b"")
    wire.expect_closed(5)

    assert after(0.3, time.monotonic() - began)


def test_traffic_puts_the_peers_ttl_off(link: Any) -> None:
    pull, wire = link()
    for _ in range(3):
        wire.ping(b"", ttl=8)
        assert wire.read_command() == (b"PONG", b"")
        wire.send(frame(b"x"))
        assert pull.recv() == b"x"
        assert not readable(pull, 300)
    wire.ping(b"still open?")
    assert wire.read_command() == (b"PONG", b"still open?")


def test_a_long_ttl_is_no_short_one(link: Any) -> None:
    """libzmq computes in 16 bits and makes 64 ms of 65.6 s."""
    if zmq.__name__ == "zmq":
        pytest.skip("that is its mistake")
    _, wire = link()
    wire.ping(b"", ttl=656)
    assert wire.read_command() == (b"PONG", b"")
    wire.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        wire.read(1)


@pytest.mark.parametrize("where", ["between messages", "inside a message", "behind a large one"])
def test_a_ping_may_come_anywhere_between_frames(link: Any, where: str) -> None:
    pull, wire = link()
    head = b"h" * (200_000 if where == "behind a large one" else 5)
    if where == "between messages":
        wire.send(frame(head))
    else:
        wire.send(frame(head, 1))
    wire.ping(b"here")
    assert wire.read_command() == (b"PONG", b"here")
    if where == "between messages":
        assert pull.recv_multipart() == [head]
    else:
        wire.send(frame(b"tail"))
        assert pull.recv_multipart() == [head, b"tail"]


@pytest.mark.parametrize("who", ["we bind", "they bind"])
def test_two_that_both_beat_stay_together(sock: Any, theirs: Any, monitor: Any, who: str) -> None:
    """More than ten intervals without a message, and nobody gives up."""
    options = {"heartbeat_ivl": 40, "heartbeat_timeout": 1000, "heartbeat_ttl": 1000}
    ours, other = sock("DEALER", **options), theirs("DEALER", **options)
    watch = monitor(ours)
    bound, connected = (ours, other) if who == "we bind" else (other, ours)
    bound.bind("tcp://127.0.0.1:*")
    connected.connect(last_endpoint(bound))
    watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert not readable(ours, 1100)

    connected.send(b"still")
    assert bound.recv() == b"still"
    while watch.next(0):
        pass
    assert zmq.EVENT_DISCONNECTED not in [event for event, _, _ in watch.seen]


def test_pongs_of_libzmq_keep_us_content(sock: Any, theirs: Any, monitor: Any) -> None:
    """Only we beat; libzmq answers."""
    ours = sock("DEALER", heartbeat_ivl=30, heartbeat_timeout=1000)
    watch = monitor(ours)
    ours.bind("tcp://127.0.0.1:*")
    other = theirs("DEALER", connect=last_endpoint(ours))
    watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert not readable(ours, 1100)
    other.send(b"x")
    assert ours.recv() == b"x"
    assert zmq.EVENT_DISCONNECTED not in [event for event, _, _ in watch.seen]


def test_our_pongs_keep_libzmq_content(sock: Any, theirs: Any, monitor: Any) -> None:
    ours = sock("DEALER", bind="tcp://127.0.0.1:*")
    watch = monitor(ours)
    other = theirs("DEALER", heartbeat_ivl=30, heartbeat_timeout=1000, connect=last_endpoint(ours))
    other.send(b"x")
    assert ours.recv() == b"x"
    assert not readable(ours, 1100)
    assert not watch.next(0) or zmq.EVENT_DISCONNECTED not in [e for e, _, _ in watch.seen]
