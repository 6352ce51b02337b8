"""WebSocket messages in: what arrives, in whatever pieces, is what the naive reader sees."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq._core.handles_codec import Codec, WebSocketCodec
from tests._core.test_reader import COMMANDS, cut
from tests._core.wire import PULL, XPUB, Seen, Wire, pattern, read_with, whole
from tests.fuzz import fuzz_ws
from tests.oracle import zmtp, zws
from tests.oracle.zmtp import Frame
from tests.oracle.zws import MASK

BIG = 16384
OFFENCE = 0x30000000
SIZES = [0, 1, 123, 124, 125, 126, 253, 254, 255, 256, 1000, 4000]
LARGE = [BIG - 15, BIG - 1, BIG, BIG + 1, 65534, 65535, 65536]


def codec(client: bool) -> Codec:
    return WebSocketCodec(client=client, mask_seed=bytes(range(16)))


def mask(client: bool) -> bytes | None:
    """What the peer of such a codec masks with."""
    return None if client else MASK


def read(
    pieces: list[bytes], *, client: bool, **options: Any
) -> tuple[list[Seen], int | None, bytes]:
    return read_with(codec(client), pieces, **options)


def shown(judged: zws.Judged, socket_type: int = PULL) -> list[Seen]:
    return whole(judged.frames, socket_type == XPUB)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bool, list[tuple[Frame, int]], list[tuple[int, bytes]]]:
    client = draw(st.booleans())
    frames = []
    for number in range(draw(st.integers(0, 7))):
        if draw(st.integers(0, 4)) == 0:
            plain = zmtp.decode(draw(st.sampled_from(COMMANDS)))[0]
            frames += [(one, 1) for one in plain]
        else:
            size = draw(st.sampled_from(SIZES + LARGE))
            frame = Frame(pattern(number, size), more=draw(st.booleans()))
            frames.append((frame, draw(st.sampled_from([1, 1, 1, 2, 3]))))
    controls = draw(
        st.lists(st.tuples(st.sampled_from([9, 10]), st.binary(max_size=20)), max_size=2)
    )
    return client, frames, controls


@given(streams(), st.lists(st.integers(0, 80_000), max_size=8), st.sampled_from([PULL, XPUB]))
@settings(max_examples=80)
def test_any_frames_in_any_pieces(made: Any, at: list[int], socket_type: int) -> None:
    client, frames, controls = made
    stream = b""
    for i, (frame, pieces) in enumerate(frames):
        parts = zws.encode(frame, mask(client), pieces)
        stream += parts
        if i < len(controls):
            opcode, payload = controls[i]
            stream += zws.frame(payload, opcode, mask=mask(client))
    judged = zws.decode(stream, masked=not client)
    assert [frame for frame, _ in frames] == judged.frames
    seen, failed, said = read(cut(stream, at), client=client, socket_type=socket_type)
    assert failed is None
    assert seen == shown(judged, socket_type)
    told = zws.decode(said, masked=client)
    pongs = [payload for opcode, payload in told.controls if opcode == 10]
    assert pongs == [payload for opcode, payload in judged.controls if opcode == 9]


@pytest.mark.parametrize("client", [True, False])
def test_cut_at_every_octet(client: bool) -> None:
    bodies = [b"", b"x" * 31, b"y" * 124, b"z" * 125, b"w" * 300, pattern(1, BIG), b"end"]
    stream = b"".join(zws.encode(Frame(body), mask(client)) for body in bodies)
    fragments = zws.encode(Frame(b"in three", more=False), mask(client), 3)
    ping = zws.frame(b"?", 9, mask=mask(client))
    stream = fragments[:10] + fragments[10:] + ping + stream
    expected = [(body, False, False) for body in [b"in three", *bodies]]
    places = [*range(0, 700, 2), *range(len(stream) - 60, len(stream))]
    for place in places:
        assert read([stream[:place], stream[place:]], client=client)[:2] == (expected, None)


@pytest.mark.parametrize("client", [True, False])
def test_octet_by_octet(client: bool) -> None:
    frames = [Frame(b"a", more=True), Frame(b"b" * 300), Frame(pattern(1, BIG)), Frame(b"")]
    stream = b"".join(zws.encode(frame, mask(client)) for frame in frames)
    seen, failed, _ = read([stream[i : i + 1] for i in range(len(stream))], client=client)
    assert (seen, failed) == (whole(frames, False), None)


@pytest.mark.parametrize("size", [1 << 20])
@pytest.mark.parametrize("pieces", [1, 4])
def test_large(size: int, pieces: int) -> None:
    bodies = [pattern(1, size), b"small", pattern(2, size)]
    stream = b"".join(zws.encode(Frame(body), MASK, pieces) for body in bodies)
    seen, failed, _ = read([stream], client=False)
    assert failed is None
    assert [body for body, _, _ in seen] == bodies


def test_control_frames_between_fragments() -> None:
    stream = (
        zws.frame(b"\0one ", final=False, mask=MASK)
        + zws.frame(b"ping", 9, mask=MASK)
        + zws.frame(b"", 0, final=False, mask=MASK)
        + zws.frame(b"", 10, mask=MASK)
        + zws.frame(b"two", 0, mask=MASK)
    )
    seen, failed, said = read([stream], client=False)
    assert (seen, failed) == ([(b"one two", False, False)], None)
    assert said == zws.frame(b"ping", 10)


def test_flags_may_come_in_a_later_fragment() -> None:
    stream = zws.frame(b"", final=False) + zws.frame(b"\1a", 0) + zws.frame(b"\0b")
    assert read([stream], client=True)[0] == [(b"a", True, False), (b"b", False, False)]


class TestOffences:
    """Each ends the connection with a CLOSE that says which kind it was (RFC 6455, 7.4.1)."""

    GOOD = zws.frame(b"\0good", mask=MASK)

    @pytest.mark.parametrize(
        ("wire", "code"),
        [
            (zws.frame(b"\0x"), 1002),  # not masked
            (zws.frame(b"", mask=MASK), 1002),  # no flags
            (zws.frame(b"", final=False, mask=MASK) + zws.frame(b"", 0, mask=MASK), 1002),
            (zws.frame(b"text", 1, mask=MASK), 1003),
            (zws.frame(b"text", 1, final=False, mask=MASK), 1003),
            (zws.frame(b"\0x", 0, mask=MASK), 1002),  # continues nothing
            (zws.frame(b"\0", final=False, mask=MASK) + zws.frame(b"\0", mask=MASK), 1002),
            (zws.frame(b"\0", final=False, mask=MASK) + zws.frame(b"t", 1, mask=MASK), 1002),
            *[(zws.frame(b"", opcode, mask=MASK), 1002) for opcode in (3, 7, 11, 15)],
            (zws.frame(b"x" * 126, 9, mask=MASK), 1002),
            (zws.frame(b"", 9, final=False, mask=MASK), 1002),
            (b"\xc2\x81" + MASK + b"x", 1002),  # RSV1: what permessage-deflate sets
            (b"\xa2\x81", 1002),
            (b"\x92\x81", 1002),
            (b"\x82\xfe\x00\x7d" + MASK, 1002),  # 125 in three octets
            (b"\x82\xff" + (65535).to_bytes(8, "big") + MASK, 1002),
            (b"\x82\xff" + (1 << 63).to_bytes(8, "big") + MASK, 1002),
            (b"\x82\xff" + b"\xff" * 8 + MASK, 1002),
        ],
    )
    def test_offence(self, wire: bytes, code: int) -> None:
        seen, failed, said = read([self.GOOD + wire + self.GOOD], client=False)
        assert seen == [(b"good", False, False)]
        assert failed == OFFENCE
        assert said == zws.frame(code.to_bytes(2, "big"), 8)

    def test_a_server_must_not_mask(self) -> None:
        seen, failed, said = read([zws.frame(b"\0x", mask=MASK)], client=True)
        assert (seen, failed) == ([], OFFENCE)
        assert zws.decode(said, masked=True).controls == [(8, (1002).to_bytes(2, "big"))]

    @pytest.mark.parametrize("pieces", [1, 2, 3])
    @pytest.mark.parametrize("limit", [0, 10, 20_000])
    def test_the_size_limit(self, limit: int, pieces: int) -> None:
        fits = zws.encode(Frame(b"x" * limit), MASK, pieces)
        over = zws.encode(Frame(b"x" * (limit + 1)), MASK, pieces)
        over = over[: over.rindex(MASK) + 4 + (limit == 0)]  # the last header will do
        seen, failed, said = read([fits + over], client=False, max_size=limit)
        assert [len(body) for body, _, _ in seen] == [limit]
        assert failed == OFFENCE
        assert said == zws.frame((1009).to_bytes(2, "big"), 8)

    def test_the_size_limit_is_met_by_the_header(self) -> None:
        header = b"\x82\xff" + (1 << 62).to_bytes(8, "big") + MASK
        assert read([header], client=False, max_size=1000)[1] == OFFENCE

    def test_an_absurd_fragment_is_not_waited_for(self) -> None:
        """Found by the fuzz target: one more fragment, of 2**62 octets, without a limit."""
        wire = zws.frame(b"\0a", final=False, mask=MASK) + b"\x00\xff\x40" + bytes(7) + MASK
        seen, failed, _ = read([wire], client=False)
        assert (seen, failed) == ([], OFFENCE)

    def test_a_size_alone_costs_nothing(self) -> None:
        header = b"\x82\xff" + (1 << 40).to_bytes(8, "big") + MASK + b"\0"
        with Wire(PULL, codec=codec(False)) as wire:
            wire.feed(header + b"x" * 1000)
            assert wire.window.memory() < 2 << 20
            assert wire.window.failed is None


@pytest.mark.parametrize("payload", [b"", (1000).to_bytes(2, "big"), b"\x0f\xa0 my reason"])
def test_close_is_answered_with_its_status(payload: bytes) -> None:
    stream = zws.frame(b"\0last", mask=MASK) + zws.frame(payload, 8, mask=MASK)
    seen, failed, said = read([stream + zws.frame(b"\0late", mask=MASK)], client=False)
    assert (seen, failed) == ([(b"last", False, False)], errno.ESHUTDOWN)
    assert said == zws.frame(payload[:2] or (1000).to_bytes(2, "big"), 8)


def test_a_flood_of_pings_costs_nothing() -> None:
    flood = zws.frame(b"x" * 125, 9, mask=MASK) * 500
    with Wire(PULL, codec=codec(False)) as wire:
        wire.feed(flood)
        assert wire.window.failed is None
        assert wire.window.memory() < 1 << 20
        wire.window.write()
        assert zws.decode(wire.drain(), masked=False).controls == [(10, b"x" * 125)]


def test_a_mask_seed_has_16_octets() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        WebSocketCodec(client=True, mask_seed=b"short")


def test_fuzz() -> None:
    fuzz_ws.run(2000)
