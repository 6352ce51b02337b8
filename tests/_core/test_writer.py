"""Frames out: a small kernel buffer, cuts anywhere. Nothing is lost, doubled or cut."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests._core import wire_out
from tests._core.wire import PUSH, Wire, pattern
from tests._core.wire_out import ACTION, BIG, Messages
from tests.oracle import zmtp


def plain() -> None:
    """No codec."""


def messages_of(streams: list[bytes]) -> Messages:
    return wire_out.gather(zmtp.decode(stream)[0] for stream in streams)


@given(st.lists(ACTION, max_size=80), st.booleans())
@settings(max_examples=300)
def test_any_order_of_sends_writes_and_cuts(actions: list[tuple[str, Any]], tiny: bool) -> None:
    sent, streams, pings = wire_out.play(actions, tiny=tiny, codec=plain)
    assert streams[-1].endswith(b"PING\x00\x00")
    shown, commands = messages_of(streams)
    assert shown == sent
    assert set(commands) == {b"\x04PING\x00\x00"}
    assert len(commands) <= pings


@pytest.mark.parametrize("parts", [[100], [0, 0, 0], [300, 0, 20_000, 5], [BIG, BIG], [70_000]])
def test_cut_at_every_place(parts: list[int]) -> None:
    first = [pattern(i, size) for i, size in enumerate(parts)]
    second = [b"second", b"message"]
    whole = zmtp.encode_message(first) + zmtp.encode_message(second)
    one = len(zmtp.encode_message(first))
    places = sorted({*range(24), *range(one - 12, len(whole)), *range(0, len(whole), 4999)})
    for place in places:
        wire_out.cut_and_resume(place, first, second, codec=plain, read=messages_of)


class TestHighWaterMark:
    def test_full_and_room_again(self) -> None:
        with Wire(PUSH, sndhwm=10) as wire:
            wire.cut()
            sent = 0
            while wire.window.send(b"x%d" % sent) == 0:
                sent += 1
            assert sent == 10
            wire.connect()
            for _ in range(100):
                while sent < 100 and wire.window.send(b"x%d" % sent) == 0:
                    sent += 1
                wire.window.write()
            assert messages_of([wire.drain()])[0] == [[b"x%d" % i] for i in range(sent)]
            assert sent == 100

    def test_unfinished_messages_do_not_leave(self) -> None:
        with Wire(PUSH) as wire:
            wire.window.send(b"a", True)
            wire.window.send(b"b" * 70_000, True)
            wire.window.write()
            assert wire.drain() == b""
            wire.window.send(b"c")
            wire.window.write()
            assert messages_of([wire.drain()])[0] == [[b"a", b"b" * 70_000, b"c"]]


class TestClose:
    @pytest.mark.parametrize("size", [10, 200_000])
    def test_a_closed_pipe_is_flushed_and_gone(self, size: int) -> None:
        wire_out.close_and_flush(size, codec=plain, read=messages_of)

    def test_a_broken_connection_fails(self) -> None:
        wire_out.break_and_resume(codec=plain, read=messages_of)
