"""What the data plane makes of a datagram's octets, and of addresses."""

from __future__ import annotations

import pytest

from peromq._core._window_udp import address, split
from tests.fuzz import fuzz_datagram
from tests.patterns.drafts import OCTETS


@pytest.mark.parametrize(
    ("name", "group", "body"),
    [
        ("udp_radio_news_hello", b"news", b"hello"),
        ("udp_radio_emptygroup", b"", b"x"),
        ("udp_radio_emptybody", b"g", b""),
        ("udp_radio_group200", b"G" * 200, b"B"),
    ],
)
def test_captured_datagrams(name: str, group: bytes, body: bytes) -> None:
    assert split(OCTETS[name]) == (group, body)


@pytest.mark.parametrize("size", range(256))
def test_every_group_length(size: int) -> None:
    whole = bytes([size]) + b"g" * size
    assert split(whole) == (b"g" * size, b"")
    assert split(whole + b"body") == (b"g" * size, b"body")
    for cut in {0, 1, size // 2, size} - {size + 1}:
        if cut < len(whole):
            assert split(whole[:cut]) is None


def test_the_longest_datagram() -> None:
    assert split(bytes(8192)) == (b"", bytes(8191))
    assert split(bytes(8193)) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"127.0.0.1:48089", OCTETS["udp_dgram_addr_frame"]),
        (b"127.0.0.1:48089\0", OCTETS["udp_dgram_addr_frame"]),
        (b"1.2.3.4:00080", b"1.2.3.4:80\0"),
        (b"255.255.255.255:65535", b"255.255.255.255:65535\0"),
        (b"[::1]:5", b"[::1]:5\0"),
        (b"[2001:db8:0:0:0:0:0:1]:5", b"[2001:db8::1]:5\0"),
        (b"[::ffff:1.2.3.4]:5", b"[::ffff:1.2.3.4]:5\0"),
    ],
)
def test_addresses(text: bytes, shown: bytes) -> None:
    assert address(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\0", b":", b":5", b"1.2.3.4", b"1.2.3.4:", b"1.2.3.4:0", b"1.2.3.4:65536",
        b"1.2.3.4:100000", b"1.2.3.4:-1", b"1.2.3.4: 5", b"1.2.3.4:5 ", b"1.2.3.4:5\0\0",
        b"1.2.3:5", b"1.2.3.4.5:6", b"localhost:5", b"::1:5", b"[::1:5", b"[]:5", b"[::1%lo]:5",
        b"[1.2.3.4]:5", b"1.2.3\0.4:5", b"x" * 63, b"x" * 1000, b"[" + b":" * 60 + b"]:1", b"5:5",
    ],
)  # fmt: skip
def test_what_is_no_address(text: bytes) -> None:
    assert address(text) is None


def test_a_little_fuzzing() -> None:
    fuzz_datagram.run(3000)
