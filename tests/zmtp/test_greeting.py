import pytest

from peromq.zmtp.greeting import (
    GREETING_SIZE,
    Dialect,
    build_greeting,
    detect_dialect,
    detect_signature,
    parse_mechanism,
    parse_minor,
)
from tests.zmtp import golden
from tests.zmtp.golden import GREETING


@pytest.mark.parametrize("vector", golden.GREETINGS, ids=lambda v: v.name)
def test_build_equals_libzmq(vector: golden.Greeting) -> None:
    assert build_greeting(vector.mechanism, vector.routing_id_size) == vector.wire
    assert len(vector.wire) == GREETING_SIZE


def test_mechanism_name_has_20_octets_at_most() -> None:
    assert parse_mechanism(build_greeting("X" * 20, 0)) == "X" * 20
    with pytest.raises(ValueError, match="20 octets"):
        build_greeting("X" * 21, 0)


@pytest.mark.parametrize("padding", [b"\0" * 8, b"\xff" * 8])
def test_only_the_lowest_bit_of_octet_9_tells_a_signature(padding: bytes) -> None:
    head = b"\xff" + padding
    assert all(detect_signature(head[:size]) is None for size in range(10))
    for last in range(256):
        assert detect_signature(head + bytes((last,))) is bool(last & 1)


def test_first_octet_alone_tells_zmtp_1_0() -> None:
    assert detect_dialect(b"") is None
    assert detect_dialect(b"\xff") is None
    assert {detect_dialect(bytes((first,))) for first in range(255)} == {Dialect.ZMTP_1_0}


def test_revision_tells_the_dialect() -> None:
    assert detect_dialect(GREETING[:10]) is None
    for revision in range(256):
        old = {0: Dialect.ZMTP_1_0_TYPED, 1: Dialect.ZMTP_2_0}
        dialect = detect_dialect(GREETING[:10] + bytes((revision,)))
        assert dialect is old.get(revision, Dialect.ZMTP_3)


@pytest.mark.parametrize(
    ("version", "minor"),
    [((3, 0), 0), ((3, 1), 1), ((3, 9), 1), ((4, 0), 1), ((2, 0), 1), ((255, 255), 1)],
)
def test_only_3_0_is_3_0(version: tuple[int, int], minor: int) -> None:
    assert parse_minor(GREETING[:10] + bytes(version) + GREETING[12:]) == minor


def test_junk_behind_the_mechanism_is_part_of_it() -> None:
    assert parse_mechanism(GREETING) == "NULL"
    assert parse_mechanism(GREETING[:31] + b"x" + GREETING[32:]) != "NULL"
    assert parse_mechanism(GREETING[:12] + b"\xff" * 20 + GREETING[32:]) == "\xff" * 20
