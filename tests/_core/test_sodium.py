"""libsodium called directly: the same as by PyNaCl's own functions, and nothing is read too far."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq._core import handles_sodium
from peromq.zmtp.mechanisms.curve_box import PYNACL

KEYS = st.binary(min_size=32, max_size=32)
NONCES = st.binary(min_size=24, max_size=24)


@given(KEYS, KEYS, KEYS)
def test_keys(one: bytes, two: bytes, three: bytes) -> None:
    public = handles_sodium.public_key(one)
    assert public == PYNACL.public_key(one)
    keys = handles_sodium.shared_keys(public, two, three)
    assert keys == PYNACL.shared_keys(public, two, three)
    assert keys[0] == handles_sodium.shared_keys(handles_sodium.public_key(two), one)[0]
    assert handles_sodium.shared_keys(public) == []


def test_random_octets() -> None:
    assert handles_sodium.random(0) == b""
    made = [handles_sodium.random(size) for size in [32] * 100]
    assert len({*made}) == 100
    assert all(len(octets) == 32 for octets in made)
    assert len({*b"".join(made)}) > 200  # of 256


@given(st.binary(max_size=300), NONCES, KEYS, st.integers(0, 10_000))
def test_boxes(plain: bytes, nonce: bytes, key: bytes, place: int) -> None:
    box = handles_sodium.seal(plain, nonce, key)
    assert box == PYNACL.seal(plain, nonce, key)
    assert handles_sodium.unseal(box, nonce, key) == plain
    bent = bytearray(box)
    bent[place % len(box)] ^= 1
    for sodium in (handles_sodium, PYNACL):
        with pytest.raises(ValueError, match=r"open|error|public|key"):
            sodium.unseal(bytes(bent), nonce, key)


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31)])
def test_public_keys_of_low_order(key: bytes) -> None:
    for sodium in (handles_sodium, PYNACL):
        with pytest.raises(ValueError, match=r"open|error|public|key"):
            sodium.shared_keys(key, b"s" * 32)


@pytest.mark.parametrize(
    "call",
    [
        lambda size: handles_sodium.public_key(bytes(size)),
        lambda size: handles_sodium.shared_keys(bytes(size), b"s" * 32),
        lambda size: handles_sodium.shared_keys(b"p" * 32, b"s" * 32, bytes(size)),
        lambda size: handles_sodium.seal(b"", bytes(size), b"k" * 32),
        lambda size: handles_sodium.seal(b"", b"n" * 24, bytes(size)),
        lambda size: handles_sodium.unseal(bytes(20), bytes(size), b"k" * 32),
        lambda size: handles_sodium.unseal(bytes(20), b"n" * 24, bytes(size)),
    ],
)
@pytest.mark.parametrize("size", [0, 1, 23, 31, 33, 64])
def test_octets_of_another_number(call: Any, size: int) -> None:
    with pytest.raises(ValueError, match="octets are needed"):
        call(size)


def test_boxes_without_a_mac() -> None:
    for size in range(16):
        with pytest.raises(ValueError, match="not a box"):
            handles_sodium.unseal(bytes(size), b"n" * 24, b"k" * 32)


@pytest.mark.parametrize("octets", [None, "text", bytearray(32), 32])
def test_what_is_not_bytes(octets: Any) -> None:
    for call in (
        lambda: handles_sodium.public_key(octets),
        lambda: handles_sodium.shared_keys(octets, b"s" * 32),
        lambda: handles_sodium.shared_keys(b"p" * 32, octets),
        lambda: handles_sodium.seal(octets, b"n" * 24, b"k" * 32),
        lambda: handles_sodium.unseal(octets, b"n" * 24, b"k" * 32),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
