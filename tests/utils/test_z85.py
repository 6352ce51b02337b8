"""Z85: RFC 32's example, and everything else by its inverse."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import LIB, differs_from_libzmq

z85: Any = importlib.import_module(f"{LIB}.utils.z85")

RAW = bytes.fromhex("864fd26fb559f75b")


def test_the_example_of_the_rfc() -> None:
    assert z85.encode(RAW) == b"HelloWorld"
    assert z85.decode(b"HelloWorld") == z85.decode("HelloWorld") == RAW
    assert z85.decode(bytearray(b"HelloWorld")) == RAW
    assert len(z85.Z85CHARS) == len(set(z85.Z85CHARS)) == 85
    assert z85.Z85MAP[ord("#")] == 84


@given(st.binary(max_size=80).filter(lambda raw: len(raw) % 4 == 0))
def test_there_and_back(raw: bytes) -> None:
    text = z85.encode(raw)
    assert len(text) * 4 == len(raw) * 5
    assert z85.decode(text) == raw
    assert z85.encode(memoryview(raw)) == text


@pytest.mark.parametrize("raw", [b"123", b"12345"])
def test_lengths_that_cannot_be_encoded(raw: bytes) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        z85.encode(raw)


@pytest.mark.parametrize("text", [b"123", "123456", "Hellü"])
def test_what_cannot_be_decoded(text: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"multiple of 5|ASCII"):
        z85.decode(text)


@differs_from_libzmq
@pytest.mark.parametrize("text", ["Hell ", "Hell~", b"Hel\xff ", "#####"])
def test_digits_that_are_none(text: bytes | str) -> None:
    """In pyzmq KeyError or struct.error."""
    with pytest.raises(ValueError, match="Z85"):
        z85.decode(text)
