"""Frames of ZMTP 1.0 and 2.0 in: in whatever pieces they come, the naive reader sees the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq._core.handles_codec import Codec, OldCodec
from tests._core.test_reader import cut
from tests._core.wire import PROTOCOL_ERROR, PULL, XPUB, Seen, Wire, pattern, whole
from tests.fuzz import fuzz_old
from tests.oracle import zmtp_old
from tests.oracle.zmtp import Frame

BIG = 16384
SIZES = [0, 1, 2, 31, 252, 253, 254, 255, 256, 257, 1000, 4000, BIG - 1, BIG, BIG + 1, 70_000]
VERSIONS = pytest.mark.parametrize("version", [1, 2])


def codec(version: int, identity_limit: int = -1, subscribed: bool = False) -> Codec:
    return OldCodec(version=version, identity_limit=identity_limit, subscribed=subscribed)


def read(
    version: int,
    pieces: list[bytes],
    *,
    socket_type: int = PULL,
    identity_limit: int = -1,
    subscribed: bool = False,
    **options: Any,
) -> tuple[list[Seen], int | None]:
    """What the application sees, and why the connection failed."""
    made = codec(version, identity_limit, subscribed)
    with Wire(socket_type, codec=made, **options) as wire:
        for piece in pieces:
            wire.feed(piece)
            if wire.window.failed is not None:
                break
        assert wire.drain() == b""  # there is nothing that such a peer could be answered
        return wire.window.receive(), wire.window.failed


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, list[Frame], bytes]:
    version = draw(st.sampled_from([1, 2]))
    frames = [
        Frame(
            pattern(number, draw(st.sampled_from(SIZES))),
            more=draw(st.booleans()),
            command=version == 2 and draw(st.integers(0, 4)) == 0,
        )
        for number in range(draw(st.integers(0, 7)))
    ]
    wire = b"".join(
        zmtp_old.encode_frame(version, frame, long=draw(st.booleans())) for frame in frames
    )
    return version, frames, wire


@given(streams(), st.lists(st.integers(0, 80_000), max_size=8), st.sampled_from([PULL, XPUB]))
@settings(max_examples=80)
def test_any_frames_in_any_pieces(made: Any, at: list[int], socket_type: int) -> None:
    version, frames, stream = made
    assert zmtp_old.decode(version, stream) == (frames, False)
    seen, failed = read(version, cut(stream, at), socket_type=socket_type)
    assert (seen, failed) == (whole(frames, subscriptions=False), None)


@VERSIONS
@pytest.mark.parametrize("identity", [b"", b"me", b"i" * 300])
@pytest.mark.parametrize("subscribed", [False, True])
def test_cut_at_every_octet(version: int, identity: bytes, subscribed: bool) -> None:
    """The identity, too: it is dropped, or becomes a subscription to everything."""
    bodies = [b"", b"x" * 31, b"y" * 253, b"z" * 254, b"w" * 256, pattern(1, BIG), b"end"]
    stream = b"".join(zmtp_old.encode_message(version, [body]) for body in [identity, *bodies])
    expected = [(body, False, False) for body in bodies]
    if subscribed:
        expected.insert(0, (b"\x01", False, False))
    for place in [*range(400), *range(400, 1300, 9), *range(len(stream) - 60, len(stream))]:
        pieces = [stream[:place], stream[place:]]
        got = read(version, pieces, identity_limit=300, subscribed=subscribed)
        assert got == (expected, None)


@VERSIONS
def test_octet_by_octet(version: int) -> None:
    frames = [Frame(b"a", more=True), Frame(b"b" * 300), Frame(pattern(1, BIG)), Frame(b"")]
    stream = b"".join(zmtp_old.encode_frame(version, frame) for frame in frames)
    seen, failed = read(version, [stream[i : i + 1] for i in range(len(stream))])
    assert (seen, failed) == (whole(frames, False), None)


@VERSIONS
def test_large(version: int) -> None:
    bodies = [pattern(1, 1 << 20), b"small", pattern(2, 1 << 20)]
    stream = b"".join(zmtp_old.encode_message(version, [body]) for body in bodies)
    seen, failed = read(version, [stream])
    assert failed is None
    assert [body for body, _, _ in seen] == bodies


@VERSIONS
def test_reserved_flags_are_ignored(version: int) -> None:
    """RFC 13 and 15 want them to be zero; libzmq does not look."""
    stream = b"\x02\xffa\x02\xfeb" if version == 1 else b"\xf9\x01a\xf8\x01b"
    assert read(version, [stream]) == ([(b"a", True, False), (b"b", False, False)], None)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x04PING\0\x0amark", b"\x09SUBSCRIBEt", b"\x05READY", b"\x04JOINg", b"x" * 20_000],
)
@pytest.mark.parametrize("socket_type", [PULL, XPUB])
def test_there_are_no_commands_in_2_0(body: bytes, socket_type: int) -> None:
    """Whoever sends one is neither answered nor heard; what comes next is."""
    stream = zmtp_old.encode_frame(2, Frame(body, command=True))
    stream = b"\x01\x01a" + stream + zmtp_old.encode_message(2, [b"b"])
    assert read(2, [stream], socket_type=socket_type) == (
        [(b"a", True, False), (b"b", False, False)],
        None,
    )


class TestOffences:
    @pytest.mark.parametrize(
        ("version", "wire"),
        [
            (1, b"\0"),
            (1, b"\xff" + bytes(8) + b"\0"),
            (1, b"\xff" + b"\xff" * 8 + b"\0"),
            (1, b"\xff\x80" + bytes(8)),
            (1, b"\xff\x40" + bytes(6) + b"\x01\0"),
            (2, b"\x02\x80" + bytes(7)),
            (2, b"\x02\x40" + bytes(7)),
            (2, b"\x02" + b"\xff" * 8),
        ],
    )
    @pytest.mark.parametrize("before", [True, False])
    def test_sizes_that_cannot_be(self, version: int, wire: bytes, before: bool) -> None:
        good = zmtp_old.encode_message(version, [b"good"]) if before else b""
        expected = [(b"good", False, False)] if before else []
        assert read(version, [good + wire]) == (expected, PROTOCOL_ERROR)
        assert read(version, [good, *(bytes((o,)) for o in wire)]) == (expected, PROTOCOL_ERROR)

    @VERSIONS
    @pytest.mark.parametrize("limit", [0, 10, 253, 254, 20_000])
    def test_the_size_limit(self, version: int, limit: int) -> None:
        fits = zmtp_old.encode_message(version, [b"x" * limit])
        over = zmtp_old.encode_message(version, [b"x" * (limit + 1)])
        over = over[: len(over) - limit - 1]  # the header will do
        seen, failed = read(version, [fits + over], max_size=limit)
        assert [len(body) for body, _, _ in seen] == [limit]
        assert failed == PROTOCOL_ERROR

    @VERSIONS
    @pytest.mark.parametrize("subscribed", [False, True])
    def test_the_size_limit_of_an_identity(self, version: int, subscribed: bool) -> None:
        fits = zmtp_old.encode_message(version, [b"x" * 40])
        over = zmtp_old.encode_message(version, [b"x" * 41])[:-41]
        expected = [(b"\x01", False, False)] if subscribed else []
        arguments = {"identity_limit": 40, "subscribed": subscribed}
        assert read(version, [fits], **arguments) == (expected, None)
        assert read(version, [over], **arguments) == ([], PROTOCOL_ERROR)

    @VERSIONS
    def test_a_message_without_an_end(self, version: int) -> None:
        part = zmtp_old.encode_frame(version, Frame(b"x" * 1000, more=True))
        seen, failed = read(version, [part * 1000] * 4, max_size=1000, rcvhwm=10)
        assert (seen, failed) == ([], PROTOCOL_ERROR)

    @VERSIONS
    def test_a_size_alone_costs_nothing(self, version: int) -> None:
        header = b"\x02" + (1 << 40).to_bytes(8, "big")
        if version == 1:
            header = b"\xff" + (1 << 40).to_bytes(8, "big") + b"\0"
        with Wire(PULL, codec=codec(version)) as wire:
            wire.feed(header + b"x" * 1000)
            assert wire.window.memory() < 2 << 20
            assert wire.window.failed is None


def test_only_1_and_2_are_old() -> None:
    for version in (0, 3):
        with pytest.raises(ValueError, match="old"):
            codec(version)


def test_fuzz() -> None:
    fuzz_old.run(2000)
