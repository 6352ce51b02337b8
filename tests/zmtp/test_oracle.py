"""The judge is judged by captured octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.zmtp import (
    Frame,
    OversizeFrame,
    decode,
    encode_command,
    encode_frame,
    encode_message,
    messages,
)
from tests.zmtp import golden

FRAMES = st.builds(Frame, st.binary(max_size=300), st.booleans(), st.booleans())


@pytest.mark.parametrize("vector", golden.MESSAGES, ids=lambda v: v.name)
def test_messages(vector: golden.Message) -> None:
    assert encode_message(vector.parts) == vector.wire
    frames, rest = decode(vector.wire)
    assert messages(frames) == ([vector.parts], [])
    assert rest == b""


@pytest.mark.parametrize("vector", golden.COMMANDS, ids=lambda v: v.name)
def test_commands(vector: golden.Command) -> None:
    name_end = 1 + vector.body[0]
    assert encode_command(vector.body[1:name_end], vector.body[name_end:]) == vector.wire
    assert decode(vector.wire) == ([Frame(vector.body, command=True)], b"")


@given(st.lists(st.tuples(FRAMES, st.booleans()), max_size=5), st.binary(max_size=1))
def test_round_trip(frames: list[tuple[Frame, bool]], rest: bytes) -> None:
    stream = b"".join(encode_frame(frame, long=long) for frame, long in frames) + rest
    assert decode(stream) == ([frame for frame, _ in frames], rest)


def test_commands_between_the_parts_of_a_message() -> None:
    frames = [Frame(b"a", more=True), Frame(b"\x04PING\0\0", command=True), Frame(b"b")]
    assert messages([*frames, Frame(b"c", more=True)]) == ([[b"a", b"b"]], [b"c"])


def test_reserved_flags_are_ignored() -> None:
    assert decode(b"\xf8\x01a") == ([Frame(b"a")], b"")


def test_oversize() -> None:
    with pytest.raises(OversizeFrame):
        decode(b"\x02" + (2**63).to_bytes(8, "big"))
    with pytest.raises(OversizeFrame):
        decode(b"\x00\x0b", limit=10)
