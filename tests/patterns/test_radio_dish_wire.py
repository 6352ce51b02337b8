"""RADIO and DISH as a peer on the wire sees them: the octets, and what ends a connection."""

from __future__ import annotations

import select
from typing import Any

import pytest

from tests.helpers import last_endpoint, needs_draft, readable, wait_until, zmq
from tests.patterns.drafts import OCTETS, READIES, again, recv_for
from tests.raw_zmtp import COMMAND, MORE, command, frame, message

pytestmark = needs_draft


@pytest.mark.parametrize("kind", ["RADIO", "DISH"])
def test_the_handshake(sock: Any, raw: Any, kind: str) -> None:
    wire = raw(last_endpoint(sock(kind, bind="tcp://127.0.0.1:*")))
    ready = wire.handshake(b"DISH" if kind == "RADIO" else b"RADIO")
    assert frame(ready, COMMAND) == READIES[kind]


@pytest.mark.parametrize("minor", [0, 1])
def test_joins_are_commands_and_sorted(sock: Any, raw_listener: Any, minor: int) -> None:
    dish = sock("DISH", connect=raw_listener.endpoint)
    dish.join("news")
    dish.join("")
    wire = raw_listener.accept()
    wire.handshake(b"RADIO", minor=minor)
    assert wire.read(18) == OCTETS["dish_join_on_connect"]
    dish.leave("news")
    assert wire.read(12) == OCTETS["dish_leave"]
    dish.join("news")
    assert wire.read(11) == OCTETS["dish_join_v30"]
    dish.join("g" * 255)
    assert wire.read(269) == OCTETS["dish_join_255"]


def test_all_groups_are_joined_again_after_a_reconnect(sock: Any, raw_listener: Any) -> None:
    dish = sock("DISH", connect=raw_listener.endpoint, reconnect_ivl=1)
    for group in "cab":
        dish.join(group)
    for _ in range(3):
        wire = raw_listener.accept()
        wire.handshake(b"RADIO")
        assert [wire.read_command() for _ in range(3)] == [(b"JOIN", b"%c" % g) for g in b"abc"]
        wire.close()
    dish.leave("a")  # perhaps while nobody is there
    wire = raw_listener.accept()
    wire.handshake(b"RADIO")
    seen = [wire.read_command() for _ in range(2)]
    if seen[0] == (b"JOIN", b"a"):
        seen = [seen[1], wire.read_command()]
    assert seen == [(b"JOIN", b"b"), (b"JOIN", b"c")]


def test_the_octets_of_a_message(sock: Any, raw: Any) -> None:
    radio = sock("RADIO", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(radio))
    wire.handshake(b"DISH")
    wire.send(command(b"JOIN", b"news") + command(b"JOIN"))
    wire.settle()
    wait_until(lambda: sends(radio, wire, "news"))
    radio.send(b"", group="")
    assert wire.read(4) == bytes.fromhex("01000000")


def sends(radio: Any, wire: Any, group: str) -> bool:
    """Send hello to the group; whether the peer got it, as captured."""
    radio.send(b"hello", group=group)
    wire.sock.settimeout(0.05)
    try:
        octets = wire.read(13)
    except TimeoutError:
        return False
    assert octets == OCTETS["radio_msg"]
    return True


def test_joins_are_counted(sock: Any, raw: Any) -> None:
    """Captured: after joining twice one LEAVE is not enough."""
    radio = sock("RADIO", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(radio))
    wire.handshake(b"DISH")
    wire.send(command(b"JOIN", b"a") * 2 + command(b"LEAVE", b"a") + command(b"JOIN", b"end"))
    until(radio, wire, "end")
    radio.send(b"still", group="a")
    assert wire.read_message() == [b"a", b"still"]
    wire.send(command(b"LEAVE", b"a") + command(b"LEAVE", b"a") + command(b"JOIN", b"end2"))
    until(radio, wire, "end2")
    radio.send(b"no more", group="a")
    radio.send(b"last", group="end2")
    assert wire.read_message() == [b"end2", b"last"]


def until(radio: Any, wire: Any, group: str) -> None:
    """Until the peer's JOIN of the group is there; what was sent for that is read.

    One arrival proves nothing for the next message: it may have been queued under a membership
    that ended with the connection before.
    """
    number = 0

    def heard() -> bool:
        nonlocal number
        number += 1
        radio.send(b"%d" % number, group=group)
        while select.select([wire.sock], [], [], 0.02)[0]:
            if wire.read_message() == [group.encode(), b"%d" % number]:
                return True
        return False

    wait_until(heard)


@pytest.mark.parametrize("talk", [frame(b"hi"), message(b"a", b"b"), command(b"NONSENSE"),
                                  command(b"LEAVE", b"never joined"), command(b"JOI")])  # fmt: skip
def test_a_radio_minds_only_joins(sock: Any, raw: Any, talk: bytes) -> None:
    radio = sock("RADIO", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(radio))
    wire.handshake(b"DISH")
    wire.send(talk * 3000 + command(b"JOIN", b"g"))
    until(radio, wire, "g")
    assert not readable(radio, 0)


@pytest.mark.parametrize("name", [b"JOIN", b"LEAVE"])
def test_too_long_a_group_ends_the_connection(sock: Any, raw: Any, name: bytes) -> None:
    """libzmq aborts the process."""
    radio = sock("RADIO", bind="tcp://127.0.0.1:*")
    wire = raw(last_endpoint(radio))
    wire.handshake(b"DISH")
    wire.send(command(name, b"g" * 256))
    wire.expect_closed()


@pytest.mark.parametrize(
    "offence",
    [
        frame(b"alone"),
        frame(b"g" * 256, MORE) + frame(b"x"),
        frame(b"g", MORE) + frame(b"x", MORE) + frame(b"y"),
        frame(b"x" * 70000),
    ],
    ids=["one frame", "long group", "three frames", "large frame"],
)
def test_what_a_dish_does_not_take_ends_the_connection(sock: Any, raw: Any, offence: bytes) -> None:
    dish = sock("DISH", bind="tcp://127.0.0.1:*")
    dish.join("g")
    wire = raw(last_endpoint(dish))
    wire.handshake(b"RADIO")
    wire.send(message(b"g", b"before") + offence)
    wire.expect_closed()
    assert recv_for(dish) == ("g", b"before")
    assert again(dish)


def test_such_a_radio_is_not_dialed_again(sock: Any, raw_listener: Any, monitor: Any) -> None:
    dish = sock("DISH", reconnect_ivl=1)
    watch = monitor(dish)
    dish.connect(raw_listener.endpoint)
    wire = raw_listener.accept()
    wire.handshake(b"RADIO")
    wire.send(frame(b"alone"))
    watch.wait(zmq.EVENT_DISCONNECTED)
    with pytest.raises(TimeoutError):
        raw_listener.accept(0.1)


def test_a_dish_filters_what_a_careless_radio_sends(sock: Any, raw: Any) -> None:
    dish = sock("DISH", bind="tcp://127.0.0.1:*", rcvhwm=2)
    wire = raw(last_endpoint(dish))
    dish.join("g")
    wire.handshake(b"RADIO")
    wire.send(message(b"x", b"1") * 5000 + message(b"g", b"2") + message(b"gg", b"3"))
    assert recv_for(dish) == ("g", b"2")
    assert not readable(dish)


def test_membership_ends_with_the_connection(sock: Any, raw_listener: Any) -> None:
    """A connecting RADIO keeps its queue, but a new connection has joined nothing yet."""
    radio = sock("RADIO", connect=raw_listener.endpoint, reconnect_ivl=1)
    for _ in range(2):
        wire = raw_listener.accept()
        wire.handshake(b"DISH")
        wire.send(command(b"JOIN", b"once"))
        until(radio, wire, "once")
        wire.close()
    wire = raw_listener.accept()
    wire.handshake(b"DISH")
    wire.send(command(b"JOIN", b"g") + command(b"LEAVE", b"once"))
    until(radio, wire, "g")
    radio.send(b"x", group="once")
    radio.send(b"y", group="g")
    assert wire.read_message() == [b"g", b"y"]
