import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.zmtp.errors import ProtocolError, ProtocolErrorCode
from peromq.zmtp.framing import MAX_COMMAND_SIZE, command_limit, encode_command, take_frame
from tests.oracle import zmtp as oracle
from tests.zmtp import golden


@pytest.mark.parametrize("vector", golden.COMMANDS, ids=lambda v: v.name)
def test_commands_equal_libzmq(vector: golden.Command) -> None:
    assert encode_command(vector.body) == vector.wire
    assert take_frame(bytearray(vector.wire), MAX_COMMAND_SIZE) == vector.body


@pytest.mark.parametrize(("size", "header"), [(255, "04ff"), (256, "060000000000000100")])
def test_long_begins_at_256_octets(size: int, header: str) -> None:
    assert encode_command(bytes(size)) == bytes.fromhex(header) + bytes(size)


@given(st.binary(max_size=600))
def test_encoding_equals_the_oracle(body: bytes) -> None:
    assert encode_command(body) == oracle.encode_frame(oracle.Frame(body, command=True))


@given(st.binary(max_size=600), st.integers(0, 255), st.binary(max_size=20))
def test_flags_do_not_matter(body: bytes, flags: int, rest: bytes) -> None:
    """Neither reserved bits nor MORE nor COMMAND, and LONG may be used for small bodies."""
    wire = bytearray(oracle.encode_frame(oracle.Frame(body), long=bool(flags & 2)))
    wire[0] |= flags & ~2
    buffer = wire + rest
    assert take_frame(buffer, 600) == body
    assert buffer == rest


@given(st.binary(max_size=300), st.data())
def test_incomplete_frames_stay_in_the_buffer(body: bytes, data: st.DataObject) -> None:
    wire = encode_command(body)
    cut = data.draw(st.integers(0, len(wire) - 1))
    buffer = bytearray(wire[:cut])
    assert take_frame(buffer, MAX_COMMAND_SIZE) is None
    assert buffer == wire[:cut]


@pytest.mark.parametrize("size", [11, 255])
def test_short_sizes_above_the_limit_are_refused_at_the_header(size: int) -> None:
    with pytest.raises(ProtocolError, match=f"{size} octets, at most 10") as caught:
        take_frame(bytearray((4, size)), 10)
    assert caught.value.code is ProtocolErrorCode.ZMTP_UNSPECIFIED
    assert not caught.value.retry


@pytest.mark.parametrize("size", [MAX_COMMAND_SIZE + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_long_sizes_above_the_limit_are_refused_at_the_header(size: int) -> None:
    header = b"\x06" + size.to_bytes(8, "big")
    assert take_frame(bytearray(header[:8]), MAX_COMMAND_SIZE) is None
    with pytest.raises(ProtocolError):
        take_frame(bytearray(header), MAX_COMMAND_SIZE)


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    body = bytes(MAX_COMMAND_SIZE)
    assert take_frame(bytearray(encode_command(body)), MAX_COMMAND_SIZE) == body
    assert take_frame(bytearray(b"\x04\x00"), 0) == b""


@pytest.mark.parametrize(
    ("max_msg_size", "limit"),
    [(-1, MAX_COMMAND_SIZE), (0, 0), (10, 10), (2**40, MAX_COMMAND_SIZE)],
)
def test_command_limit(max_msg_size: int, limit: int) -> None:
    assert command_limit(max_msg_size) == limit
