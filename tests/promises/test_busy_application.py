"""The I/O goes on while the application holds the GIL inside one C call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers import check_numbered, fill
from tests.raw_zmtp import RawPeer, frame, message

pytestmark = [pytest.mark.slow, pytest.mark.no_sanitizer]

HOLD = 30.0  # seconds the GIL is held at most; what the test does must be over before


COMPUTING, SLEEPING = "in a C call that computes", "in a C call that sleeps"


@pytest.fixture(params=[SLEEPING])
def how(request: pytest.FixtureRequest) -> str:
    """What the application does with the GIL; one test each way shows that it is all the same."""
    return "busy" if request.param == COMPUTING else "asleep"


def during_hold(peer: Any, how: str, act: Callable[[], None]) -> None:
    """Run `act` while the peer process holds its GIL, and prove that it did all the time."""
    peer.start("hold_gil", HOLD, how)
    assert peer.result() == "holding"
    act()
    peer.pipe.send("done")  # the GIL may go

    in_time, ticks = peer.result(4 * HOLD)
    assert ticks <= 2, f"another thread of the peer ran {ticks} times: the GIL was not held"
    assert in_time, "it was only done once the GIL was free again"


def pinged(raw: RawPeer, context: bytes) -> None:
    raw.ping(context)
    while raw.read_command() != (b"PONG", context):
        pass


@pytest.mark.parametrize("how", [SLEEPING, COMPUTING], indirect=True)
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_pings_are_answered(spawn: Any, raw: Any, endpoints: Any, transport: str, how: str) -> None:
    peer = spawn()
    wire = raw(peer.socket("DEALER", bind=endpoints.any(transport)))
    wire.handshake(b"DEALER", b"")
    pinged(wire, b"before")

    def act() -> None:
        for number in range(20):
            pinged(wire, b"%d" % number)

    during_hold(peer, how, act)


def test_what_was_sent_before_is_drained(spawn: Any, raw: Any, how: str) -> None:
    """30 MB, far more than the kernel's buffers hold, leave while nothing of Python can run."""
    peer = spawn()
    wire = raw(peer.socket("PUSH", bind="tcp://127.0.0.1:*", sndbuf=65_536))
    wire.handshake(b"PULL")
    peer.call("send_numbered", 1, 0, 300, 100_000)
    received: list[bytes] = []

    def act() -> None:
        received.extend(wire.read_message()[0] for _ in range(300))

    during_hold(peer, how, act)

    assert [check_numbered(body, 100_000) for body in received] == [(1, n) for n in range(300)]


@pytest.mark.parametrize("how", [SLEEPING, COMPUTING], indirect=True)
def test_what_arrives_meanwhile_is_read_and_queued(spawn: Any, raw: Any, how: str) -> None:
    """More than the kernel could hold is taken in, and is there afterwards."""
    peer = spawn()
    wire = raw(peer.socket("PULL", bind="tcp://127.0.0.1:*", rcvbuf=65_536))
    wire.handshake(b"PUSH")
    pinged(wire, b"ready")

    def act() -> None:
        for _ in range(300):
            wire.send(message(b"a" * 100_000, b"tail"))
        pinged(wire, b"all read")

    during_hold(peer, how, act)

    assert peer.call("recv_sizes", 300) == [[100_000, 4]] * 300


def test_heartbeats_of_its_own_are_sent(spawn: Any, raw: Any, how: str) -> None:
    peer = spawn()
    endpoint = peer.socket(
        "PULL", bind="tcp://127.0.0.1:*", heartbeat_ivl=100, heartbeat_timeout=5000
    )
    wire = raw(endpoint)
    wire.handshake(b"PUSH")
    assert wire.read_command()[0] == b"PING"

    def act() -> None:
        for _ in range(5):
            assert wire.read_command()[0] == b"PING"

    during_hold(peer, how, act)


def test_a_mute_peer_is_dropped_in_time(spawn: Any, raw: Any, how: str) -> None:
    peer = spawn()
    endpoint = peer.socket(
        "PULL", bind="tcp://127.0.0.1:*", heartbeat_ivl=200, heartbeat_timeout=300
    )
    wire = raw(endpoint)
    wire.handshake(b"PUSH")
    assert wire.read_command()[0] == b"PING"
    wire.send(frame(b"alive"))

    def act() -> None:
        wire.expect_closed()

    during_hold(peer, how, act)


def test_both_ways_at_once_over_the_high_water_mark(spawn: Any, sock: Any, how: str) -> None:
    """We send until the busy side's queue is full, then it reads on as if nothing had been."""
    peer = spawn()
    endpoint = peer.socket("PULL", bind="tcp://127.0.0.1:*", rcvhwm=50)
    push = sock("PUSH", connect=endpoint, sndhwm=50)
    push.send(b"first")
    assert peer.call("recv") == [b"first"]
    sent = 0

    def act() -> None:
        nonlocal sent
        sent = fill(push, b"m" * 20_000, wait_ms=300, at_least=100)

    during_hold(peer, how, act)

    assert sent >= 100
    assert peer.call("recv_sizes", sent) == [[20_000]] * sent
