"""RADIO and DISH (RFC 48) over inproc, ipc and tcp: whom a message goes to, and what is refused."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from tests.helpers import TRANSPORTS, last_endpoint, needs_draft, raises_errno, readable, zmq
from tests.patterns.drafts import again, joins_arrive, recv_for

pytestmark = needs_draft


@pytest.fixture(params=TRANSPORTS)
def pair(request: Any, sock: Any, endpoints: Any) -> tuple[Any, Any]:
    radio = sock("RADIO", bind=endpoints.any(request.param))
    return radio, sock("DISH", connect=last_endpoint(radio))


def test_only_the_very_group_is_received(pair: Any) -> None:
    radio, dish = pair
    dish.join("news")
    joins_arrive(radio, dish)
    for group in ("new", "news!", "", "NEWS", "news"):
        radio.send(group.encode() or b"-", group=group)
    assert recv_for(dish) == ("news", b"news")
    assert again(dish)


def test_the_empty_group_is_one_like_others(pair: Any) -> None:
    radio, dish = pair
    dish.join("")
    joins_arrive(radio, dish)
    radio.send(b"other", group="other")
    radio.send(b"no group at all")
    radio.send(b"", group="")
    assert recv_for(dish) == ("", b"no group at all")
    assert recv_for(dish) == ("", b"")


def test_left_groups_are_not_received(pair: Any) -> None:
    radio, dish = pair
    dish.join("a")
    dish.join("b")
    dish.leave("a")
    joins_arrive(radio, dish)
    radio.send(b"1", group="a")
    radio.send(b"2", group="b")
    assert recv_for(dish) == ("b", b"2")
    dish.leave("b")
    dish.join("a")
    joins_arrive(radio, dish)
    radio.send(b"3", group="b")
    radio.send(b"4", group="a")
    assert recv_for(dish) == ("a", b"4")


def test_a_frame_carries_its_group(pair: Any) -> None:
    radio, dish = pair
    dish.join("grün")
    dish.join(b"\xff\xfe")
    joins_arrive(radio, dish)
    frame = zmq.Frame(b"body")
    frame.group = "grün"
    radio.send(frame)
    radio.send(frame, copy=False)
    radio.send_multipart([frame])
    radio.send(frame, group=b"\xff\xfe")  # the argument wins
    for _ in range(3):
        assert recv_for(dish) == ("grün", b"body")
    got = dish.recv_multipart(copy=False)
    assert [part.bytes for part in got] == [b"body"]
    assert got[0].group.encode("utf-8", "surrogateescape") == b"\xff\xfe"
    radio.send(got[0])  # what was received knows where it came from
    assert dish.recv() == b"body"


@pytest.mark.parametrize("size", [0, 1, 255, 256, 16383, 16384, 1 << 20])
def test_bodies_of_any_size(pair: Any, size: int) -> None:
    radio, dish = pair
    group = "g" * 255
    dish.join(group)
    joins_arrive(radio, dish)
    body = bytes(range(256)) * (size // 256 + 1)
    radio.send(body[:size], group=group)
    radio.send(bytearray(body[:size]), group=group, copy=False)
    assert recv_for(dish) == (group, body[:size])
    assert dish.recv() == body[:size]


def test_each_dish_gets_what_it_joined(sock: Any, endpoints: Any) -> None:
    radio = sock("RADIO", bind=endpoints.any("tcp"))
    radio.bind(endpoints.any("inproc"))
    dishes = [sock("DISH", connect=last_endpoint(radio)) for _ in range(6)]
    for number, dish in enumerate(dishes):
        dish.join("all")
        dish.join(f"only {number}")
    joins_arrive(radio, *dishes)
    radio.send(b"everybody", group="all")
    for number in range(6):
        radio.send(b"%d" % number, group=f"only {number}")
    for number, dish in enumerate(dishes):
        assert recv_for(dish) == ("all", b"everybody")
        assert recv_for(dish) == (f"only {number}", b"%d" % number)
        assert again(dish)


def test_a_dish_hears_all_radios(sock: Any, endpoints: Any) -> None:
    dish = sock("DISH", bind=endpoints.any("tcp"))
    dish.join("g")
    radios = [sock("RADIO", connect=last_endpoint(dish)) for _ in range(3)]
    for radio in radios:
        joins_arrive(radio, dish)
    for number, radio in enumerate(radios):
        radio.send(b"%d" % number, group="g")
    assert sorted(dish.recv() for _ in radios) == [b"0", b"1", b"2"]


def test_joins_of_before_the_connection_hold(sock: Any, endpoints: Any) -> None:
    endpoint = endpoints.fixed("inproc")
    dish = sock("DISH", connect=endpoint)
    dish.join("early")
    radio = sock("RADIO", bind=endpoint)
    radio.send(b"at once", group="early")
    assert recv_for(dish) == ("early", b"at once")


def test_without_members_messages_are_dropped(pair: Any) -> None:
    radio, dish = pair
    for _ in range(10):
        radio.send(b"x", group="nobody")
    assert not readable(dish)


def test_a_full_dish_misses_messages(sock: Any, endpoints: Any) -> None:
    radio = sock("RADIO", bind=endpoints.any("inproc"), sndhwm=2)
    dish = sock("DISH", connect=last_endpoint(radio), rcvhwm=3)
    dish.join("g")
    for number in range(10):
        radio.send(b"%d" % number, group="g")
    assert [dish.recv() for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    assert again(dish)


def test_nodrop_waits_instead(sock: Any, endpoints: Any) -> None:
    radio = sock("RADIO", bind=endpoints.any("inproc"), sndhwm=1)
    radio.setsockopt(zmq.XPUB_NODROP, 1)
    dish = sock("DISH", connect=last_endpoint(radio), rcvhwm=1)
    dish.join("g")
    radio.send(b"1", group="g")
    radio.send(b"2", group="g")
    with pytest.raises(zmq.Again):
        radio.send(b"3", zmq.DONTWAIT, group="g")
    radio.send(b"elsewhere", zmq.DONTWAIT, group="other")
    assert [dish.recv(), dish.recv()] == [b"1", b"2"]
    radio.send(b"3", group="g")
    assert dish.recv() == b"3"
    assert again(dish)


def test_no_messages_of_several_parts(pair: Any) -> None:
    radio, dish = pair
    dish.join("")
    joins_arrive(radio, dish)
    with raises_errno(errno.EINVAL):
        radio.send(b"x", zmq.SNDMORE)
    with raises_errno(errno.EINVAL):
        radio.send(b"x", zmq.SNDMORE, group="g")
    with raises_errno(errno.EINVAL):
        radio.send_multipart([b"x", b"y"])
    radio.send(b"good")
    assert recv_for(dish) == ("", b"good")


def test_no_way_back(pair: Any) -> None:
    radio, dish = pair
    with raises_errno(zmq.ENOTSUP):
        radio.recv(zmq.DONTWAIT)
    with raises_errno(zmq.ENOTSUP):
        dish.send(b"x", zmq.DONTWAIT)
    assert radio.getsockopt(zmq.EVENTS) == zmq.POLLOUT
    assert dish.getsockopt(zmq.EVENTS) == 0


def test_what_join_and_leave_refuse(sock: Any) -> None:
    dish = sock("DISH")
    dish.join("a")
    dish.join("g" * 255)
    for bad in ("a", b"a", "g" * 256, "ü" * 128, "nul\0inside"):
        with raises_errno(errno.EINVAL):
            dish.join(bad)
    for bad in ("b", "g" * 256, ""):
        with raises_errno(errno.EINVAL):
            dish.leave(bad)
    dish.leave(b"a")
    with raises_errno(errno.EINVAL):
        dish.leave("a")
    dish.join("a")
    with pytest.raises(TypeError):
        dish.join(5)


@pytest.mark.parametrize("kind", ["RADIO", "SUB", "PULL", "ROUTER"])
def test_only_dish_has_groups(sock: Any, kind: str) -> None:
    other = sock(kind)
    with raises_errno(zmq.ENOTSUP):
        other.join("a")
    with raises_errno(zmq.ENOTSUP):
        other.leave("a")


def test_what_a_group_may_be(sock: Any) -> None:
    radio = sock("RADIO")
    for bad in ("g" * 256, "nul\0inside"):
        with raises_errno(errno.EINVAL):
            radio.send(b"x", group=bad)
        with raises_errno(errno.EINVAL):
            zmq.Frame(b"x").group = bad
    with pytest.raises(TypeError):
        radio.send(b"x", group=5)
    frame = zmq.Frame(b"x")
    assert frame.group == ""
    frame.group = b"bytes"
    assert (frame.group, frame.get("group")) == ("bytes", "bytes")
    frame.set("group", "text")
    assert frame.fast_copy().group == "text"


def test_other_types_ignore_groups(sock: Any, endpoints: Any) -> None:
    push = sock("PUSH", bind=endpoints.any("inproc"))
    pull = sock("PULL", connect=last_endpoint(push))
    push.send(b"x", group="g")
    frame = pull.recv(copy=False)
    assert (frame.bytes, frame.group) == (b"x", "")


@pytest.mark.parametrize("kind", ["PULL", "SUB", "PUB", "XPUB", "ROUTER", "PAIR"])
def test_inproc_peers_of_another_type_do_no_harm(sock: Any, endpoints: Any, kind: str) -> None:
    """Nobody checks types within a process."""
    dish = sock("DISH", bind=endpoints.any("inproc"))
    dish.join("g")
    radio = sock("RADIO", bind=endpoints.any("inproc"))
    stranger = sock(kind)
    stranger.connect(last_endpoint(dish))
    stranger.connect(last_endpoint(radio))
    dish.join("h")
    radio.send(b"x", group="g")
    assert not readable(stranger)
    if kind == "PAIR":
        stranger.send(b"alone")
        stranger.send_multipart([b"g", b"b", b"c"])
        stranger.send_multipart([b"g", b"for you"])
        assert not readable(radio)
    friend = sock("DISH", connect=last_endpoint(radio))
    friend.join("g")
    radio.send(b"y", group="g")
    assert friend.recv() == b"y"


def test_send_many_and_recv_many(pair: Any) -> None:
    radio, dish = pair
    dish.join("")
    joins_arrive(radio, dish)
    assert radio.send_many([b"a", b"b", b"c"]) == 3
    got: list[bytes] = []
    while len(got) < 3:
        got += dish.recv_many()
    assert got == [b"a", b"b", b"c"]


def test_defaults(ctx: Any) -> None:
    with ctx.socket(zmq.DISH) as dish, ctx.socket(zmq.RADIO) as radio:
        assert dish.getsockopt(zmq.LINGER) == 0
        assert radio.getsockopt(zmq.LINGER) == -1
        assert dish.getsockopt(zmq.THREAD_SAFE) == radio.getsockopt(zmq.THREAD_SAFE) == 1
