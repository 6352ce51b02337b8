"""CURVE inside WebSocket messages: sealed and opened by PyNaCl's boxes on the other side."""

from __future__ import annotations

import errno
import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq._core.handles_codec import CurveCodec, WebSocketCodec
from tests._core.test_reader import COMMANDS, cut
from tests._core.wire import PULL, PUSH, XPUB, Seen, Wire, pattern, read_with, whole
from tests._core.ws_curve import FIRST, KEY, codec, mask, sealed
from tests.fuzz import fuzz_ws_curve
from tests.oracle import curve, zmtp, zws
from tests.oracle.curve import CLIENT, SERVER, Box
from tests.oracle.zmtp import Frame

BIG = 16384
SIZES = [0, 1, 30, 31, 91, 92, 93, 190, 221, 222, 223, 224, 446, 480, 1000, 4000]
LARGE = [BIG - 35, BIG - 34, BIG - 1, BIG, BIG + 1, 65501, 65502, 65503, 70_000, 150_000]
MALFORMED, UNEXPECTED, SEQUENCE, CRYPTOGRAPHIC = (
    curve.MALFORMED_MESSAGE,
    curve.UNEXPECTED_COMMAND,
    curve.INVALID_SEQUENCE,
    curve.CRYPTOGRAPHIC,
)


def read(
    parts: list[bytes], *, client: bool, **options: Any
) -> tuple[list[Seen], int | None, bytes]:
    return read_with(codec(client), parts, **options)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bool, list[tuple[Frame, int]]]:
    frames = []
    for number in range(draw(st.integers(0, 7))):
        if draw(st.integers(0, 4)) == 0:
            plain = zmtp.decode(draw(st.sampled_from(COMMANDS)))[0]
            frames += [(one, draw(st.sampled_from([1, 2]))) for one in plain]
        else:
            size = draw(st.sampled_from(SIZES + LARGE))
            frame = Frame(pattern(number, size), more=draw(st.booleans()))
            frames.append((frame, draw(st.sampled_from([1, 1, 1, 2, 3, 40]))))
    return draw(st.booleans()), frames


@given(streams(), st.lists(st.integers(0, 80_000), max_size=8), st.sampled_from([PULL, XPUB]))
@settings(max_examples=60)
def test_any_frames_in_any_pieces(made: Any, at: list[int], socket_type: int) -> None:
    client, frames = made
    stream = b""
    for i, (frame, pieces) in enumerate(frames):
        stream += sealed(frame, FIRST + i, client=client, pieces=pieces)
        if i % 3 == 0:
            stream += zws.frame(b"?", 9, mask=mask(client))
    seen, failed, _ = read(cut(stream, at), client=client, socket_type=socket_type)
    assert failed is None
    assert seen == whole([frame for frame, _ in frames], socket_type == XPUB)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("pieces", [1, 3])
def test_cut_at_every_octet(client: bool, pieces: int) -> None:
    bodies = [b"", b"x" * 91, b"y" * 92, b"w" * 300, b"end"]
    stream = b"".join(
        sealed(Frame(body), FIRST + i, client=client, pieces=pieces)
        for i, body in enumerate(bodies)
    )
    expected = [(body, False, False) for body in bodies]
    for place in range(0, len(stream), 1 if pieces == 1 else 3):
        assert read([stream[:place], stream[place:]], client=client)[:2] == (expected, None)


@pytest.mark.parametrize("client", [True, False])
def test_octet_by_octet(client: bool) -> None:
    frames = [Frame(b"a", more=True), Frame(b"b" * 300), Frame(pattern(1, BIG)), Frame(b"")]
    stream = b"".join(sealed(frame, FIRST + i, client=client) for i, frame in enumerate(frames))
    seen, failed, _ = read([stream[i : i + 1] for i in range(len(stream))], client=client)
    assert (seen, failed) == (whole(frames, False), None)


@given(
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(SIZES + LARGE), st.booleans()), max_size=12),
    st.sampled_from([0, 4096]),
)
@settings(max_examples=40)
def test_what_is_sent_is_opened_by_plain_boxes(
    client: bool, made: list[tuple[int, bool]], buffer: int
) -> None:
    frames = [Frame(pattern(i, size), more=more) for i, (size, more) in enumerate(made)]
    frames.append(Frame(b"last"))
    stream = b""
    with Wire(PUSH) as wire:
        wire.window.teardown()
        wire.peer.close()
        wire.connect(buffer=buffer, codec=codec(client))
        for frame in frames:
            assert wire.window.send(frame.body, frame.more) == 0
        wire.window.write()
        while wire.window.queued():
            stream += wire.drain()
            wire.window.out_event()
        wire.window.out_event()
        stream += wire.drain()
    judged = zws.decode(stream, masked=client)
    assert not judged.offence
    box, last, found = Box(KEY, CLIENT if client else SERVER), 2, []
    for outer in judged.frames:
        assert not outer.more
        assert not outer.command  # libzmq: flags 00
        plain, last = box.open(outer, last)
        found.append(plain)
    assert found == frames
    assert last == 2 + len(frames)


@pytest.mark.parametrize("client", [True, False])
def test_a_heartbeat_is_websockets_own(client: bool) -> None:
    with Wire(PUSH, codec=codec(client)) as wire:
        wire.window.ping()
        wire.window.send(b"after", False)
        wire.window.write()
        judged = zws.decode(wire.drain(), masked=client)
    assert [opcode for opcode, _ in judged.controls] == [9]
    assert not any(judged.controls[0][1])  # nothing in clear
    box = Box(KEY, CLIENT if client else SERVER)
    assert [box.open(frame, 2)[0].body for frame in judged.frames] == [b"after"]


def spoilt(stream: bytes, at: int) -> bytes:
    at %= len(stream)
    return stream[:at] + bytes([stream[at] ^ 1]) + stream[at + 1 :]


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("size", [10, 300, BIG + 10])
def test_forged_boxes_are_refused_unread(client: bool, pieces: int, size: int) -> None:
    good = sealed(Frame(b"good"), FIRST, client=client)
    wire = sealed(Frame(bytes(size)), FIRST + 1, client=client, pieces=pieces)
    for at in (len(wire) - 1, len(wire) - size // 2):
        seen, failed, said = read([good + spoilt(wire, at)], client=client)
        assert (seen, failed) == ([(b"good", False, False)], CRYPTOGRAPHIC)
        assert zws.decode(said, masked=client).controls == [(8, b"\x03\xea")]


@pytest.mark.parametrize("client", [True, False])
def test_what_is_no_box(client: bool) -> None:
    key = mask(client)
    frame = sealed(Frame(b"x"), FIRST, client=client)
    for wire, reason in (
        (frame + frame, SEQUENCE),  # a replay
        (frame + sealed(Frame(b"y"), FIRST - 1, client=client), SEQUENCE),
        (frame + zws.encode(Frame(b"\x07MESSAGE" + bytes(24)), key), MALFORMED),
        (frame + zws.encode(Frame(b"\x07MESSAGE" + bytes(24)), key, 3), MALFORMED),
        (frame + zws.encode(Frame(b"\x05READY" + bytes(60)), key), UNEXPECTED),
        (frame + zws.encode(Frame(b"in clear" + bytes(60)), key, 3), curve.MALFORMED_COMMAND),
        (frame + sealed(Frame(b"y"), FIRST + 1, client=client, flags=1), MALFORMED),
        (frame + zws.encode(Frame(b""), key), MALFORMED),
    ):
        seen, failed, said = read([wire], client=client)
        assert seen == [(b"x", False, False)]
        assert failed == reason
        assert zws.decode(said, masked=client).controls == [(8, b"\x03\xea")]


def test_a_command_by_its_outer_flags_is_taken_too() -> None:
    """A box is a box; RFC 45 has a flag for commands."""
    wire = sealed(Frame(b"x"), FIRST, client=True, flags=2)
    assert read([wire], client=True)[:2] == ([(b"x", False, False)], None)


def test_the_limit_is_for_the_plain_size() -> None:
    for size, pieces, failed in ((100, 1, None), (101, 1, True), (100, 3, None), (101, 3, True)):
        wire = sealed(Frame(bytes(size)), FIRST, client=False, pieces=pieces)
        found = read([wire], client=False, max_size=100)
        assert (found[1] is not None) == bool(failed)
        assert bool(found[0]) != bool(failed)


def test_the_last_nonce_is_never_passed() -> None:
    inner = CurveCodec(
        key=KEY, send_prefix=CLIENT, recv_prefix=SERVER, send_nonce=2**64 - 2, recv_nonce=0
    )
    outer = WebSocketCodec(client=True, mask_seed=bytes(16), curve=inner)
    with Wire(PUSH, codec=outer) as wire:
        wire.window.send(b"one", False)
        wire.window.write()
        wire.window.send(b"two", False)
        wire.window.write()
        assert wire.window.failed == errno.EOVERFLOW


def test_the_inner_codec_is_taken() -> None:
    inner = CurveCodec(key=KEY, send_prefix=CLIENT, recv_prefix=SERVER, send_nonce=0, recv_nonce=0)
    outer = WebSocketCodec(client=True, mask_seed=bytes(16), curve=inner)
    with pytest.raises(ValueError, match="another connection"):
        WebSocketCodec(client=True, mask_seed=bytes(16), curve=inner)
    del inner, outer
    gc.collect()


def test_an_offence_in_fragments_behind_messages_not_received_yet() -> None:
    """It is met twice, and must be the same both times."""
    good = sealed(Frame(b"good"), FIRST, client=False)
    bad = spoilt(sealed(Frame(bytes(50)), FIRST + 1, client=False, pieces=2), -1)
    with Wire(PULL, codec=codec(False), rcvhwm=1) as wire:
        wire.peer.sendall(good + bad)
        wire.read()
        assert wire.window.failed is None
        assert wire.window.receive(1) == [(b"good", False, False)]
        wire.read()
        assert wire.window.failed == CRYPTOGRAPHIC


def test_damaged_messages() -> None:
    fuzz_ws_curve.run(1500)
