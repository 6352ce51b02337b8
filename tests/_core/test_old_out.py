"""Frames of ZMTP 1.0 and 2.0 out: small kernel buffers, cuts anywhere; read by naive eyes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests._core import wire_out
from tests._core.test_old_in import VERSIONS, codec
from tests._core.wire import PUSH, Wire, pattern
from tests._core.wire_out import ACTION
from tests.oracle import zmtp_old


def reader(version: int) -> wire_out.Read:
    def read(streams: list[bytes]) -> wire_out.Messages:
        judged = [zmtp_old.decode(version, stream) for stream in streams]
        assert not any(offence for _, offence in judged)
        return wire_out.gather(frames for frames, _ in judged)

    return read


@given(st.lists(ACTION, max_size=50), st.booleans(), st.sampled_from([1, 2]))
@settings(max_examples=60)
def test_any_order_of_sends_writes_and_cuts(
    actions: list[tuple[str, Any]], tiny: bool, version: int
) -> None:
    sent, streams, _ = wire_out.play(actions, tiny=tiny, codec=lambda: codec(version))
    assert reader(version)(streams) == (sent, [])


@VERSIONS
@pytest.mark.parametrize("place", [1, 2, 3, 9, 10, 11, 12, 270, 20_000])
def test_cut_and_resume(version: int, place: int) -> None:
    first, second = [b"x", b"y" * 254, pattern(1, 20_000)], [b"end"]
    wire_out.cut_and_resume(
        place, first, second, codec=lambda: codec(version), read=reader(version)
    )


@VERSIONS
@pytest.mark.parametrize("size", [1, 20_000])
def test_close_and_flush(version: int, size: int) -> None:
    wire_out.close_and_flush(size, codec=lambda: codec(version), read=reader(version))


@VERSIONS
@pytest.mark.parametrize("size", [0, 1, 252, 253, 254, 255, 256, 257, 16383, 16384, 100_000])
@pytest.mark.parametrize("more", [False, True])
def test_the_octets_of_a_frame(version: int, size: int, more: bool) -> None:
    body = pattern(7, size)
    parts = [body, b"end"] if more else [body]
    with Wire(PUSH, codec=codec(version)) as wire:
        for i, part in enumerate(parts):
            wire.window.send(part, i < len(parts) - 1)
        wire.window.write()
        assert wire.drain() == zmtp_old.encode_message(version, parts)


@VERSIONS
def test_a_ping_is_not_for_them(version: int) -> None:
    with Wire(PUSH, codec=codec(version)) as wire:
        wire.window.ping()
        wire.window.write()
        wire.window.send(b"x", False)
        wire.window.write()
        assert wire.drain() == zmtp_old.encode_message(version, [b"x"])
