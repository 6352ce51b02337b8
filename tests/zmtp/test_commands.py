import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.zmtp.commands import (
    ERROR,
    build_error,
    build_metadata,
    build_ready,
    parse_error,
    parse_metadata,
)
from peromq.zmtp.errors import ProtocolError, ProtocolErrorCode

NAMES = st.binary(min_size=1, max_size=255)
PROPERTIES = st.lists(st.tuples(NAMES, st.binary(max_size=300)), max_size=6)


class Claims(bytes):
    """No octets, however many it claims to have."""

    def __new__(cls, size: int) -> "Claims":
        octets = super().__new__(cls)
        octets.size = size
        return octets

    size: int

    def __len__(self) -> int:
        return self.size


@given(PROPERTIES)
def test_metadata_round_trip(properties: list[tuple[bytes, bytes]]) -> None:
    assert parse_metadata(build_metadata(properties)) == properties


@given(PROPERTIES, st.data())
def test_metadata_cut_short_is_refused(
    properties: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    whole = build_metadata(properties)
    ends = {len(build_metadata(properties[:count])) for count in range(len(properties) + 1)}
    cut = data.draw(st.integers(0, len(whole)))
    if cut in ends:
        assert parse_metadata(whole[:cut]) == properties[: sorted(ends).index(cut)]
    else:
        with pytest.raises(ProtocolError) as caught:
            parse_metadata(whole[:cut])
        assert caught.value.code is ProtocolErrorCode.ZMTP_INVALID_METADATA


@pytest.mark.parametrize(
    "block",
    [
        b"\0",
        b"\x01",
        b"\x01a\0\0\0",
        b"\x01a\0\0\0\x01",
        b"\x01a\0\0\0\0\0",
        b"\x01a\xff\xff\xff\xff",
    ],
)
def test_trailing_octets_and_long_values_are_refused(block: bytes) -> None:
    with pytest.raises(ProtocolError, match="cut short"):
        parse_metadata(block)


def test_empty_and_repeated_names_are_let_through() -> None:
    assert parse_metadata(b"\0\0\0\0\x01a") == [(b"", b"a")]
    assert parse_metadata(b"\x01x\0\0\0\0\x01x\0\0\0\x01b") == [(b"x", b""), (b"x", b"b")]
    assert parse_metadata(b"") == []


@pytest.mark.parametrize("name", [b"", b"x" * 256])
def test_names_that_do_not_fit(name: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        build_metadata([(name, b"")])


def test_names_and_values_that_just_fit() -> None:
    assert build_metadata([(b"x" * 255, b"")]) == b"\xff" + b"x" * 255 + bytes(4)
    assert build_metadata([(b"x", Claims(2**31 - 1))]) == b"\x01x\x7f\xff\xff\xff"


def test_values_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="at most 2147483647"):
        build_metadata([(b"x", Claims(2**31))])


def test_ready() -> None:
    assert build_ready(b"") == b"\x05READY"
    assert build_ready(build_metadata([(b"a", b"b")])) == b"\x05READY\x01a\0\0\0\x01b"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("300", 300),
        ("400", 400),
        ("500", 500),
        ("200", None),
        ("4000", None),
        ("", None),
        ("x" * 255, None),
    ],
)
def test_error_round_trip(reason: str, status: int | None) -> None:
    body = build_error(reason)
    assert body == b"\x05ERROR" + bytes((len(reason),)) + reason.encode()
    for tail in (b"", b"ignored"):
        error = parse_error(body + tail)
        assert (error.code, error.auth_status) == (ProtocolErrorCode.ZMTP_UNSPECIFIED, status)
        assert not error.retry
        assert reason in str(error)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x04abc", b"\xff"])
def test_malformed_error(data: bytes) -> None:
    error = parse_error(ERROR + data)
    assert error.code is ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_ERROR
    assert error.auth_status is None


def test_error_reason_is_printable_whatever_the_peer_sends() -> None:
    assert str(parse_error(ERROR + b"\x03\xff\n\x1b")).isprintable()


def test_error_reason_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="255"):
        build_error("x" * 256)
