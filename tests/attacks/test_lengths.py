"""CVE-2019-6250: frame sizes that overflow whatever they are added to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.promises.test_lifecycle import resident_kib
from tests.raw_zmtp import COMMAND, LONG, MORE, greeting, message

SIZES = [2**64 - 1, 2**64 - 9, 2**64 - 2**13, 2**63, 2**63 - 1, 2**63 - 9, 2**32, 2**32 - 1, 2**31]
FLAGS = [LONG, LONG | MORE, LONG | COMMAND, LONG | COMMAND | MORE, 0xFF]


@pytest.mark.parametrize("size", SIZES)
def test_in_the_handshake(guarded: Any, mechanism: str, raw: Any, size: int) -> None:
    server = guarded(mechanism)
    for flags in FLAGS:
        stranger = raw(server.endpoint)
        stranger.send(greeting(mechanism=mechanism.encode()))
        stranger.send(bytes([flags]) + size.to_bytes(8, "big") + b"\x05READY" + bytes(100))
        stranger.expect_closed()
    server.goes_on()


@pytest.mark.parametrize("limit", [-1, 0, 100, 2**62])
def test_in_traffic(guarded: Any, raw: Any, limit: int) -> None:
    """Refused, or waited for: memory follows what comes."""
    server = guarded("NULL", maxmsgsize=-1 if limit == 0 else limit)
    before = resident_kib()
    for size in SIZES:
        for flags in FLAGS:
            stranger = raw(server.endpoint)
            stranger.handshake(b"PUSH")
            try:
                stranger.send(bytes([flags]) + size.to_bytes(8, "big") + bytes(50_000))
                if limit == 100 or size >= 2**63:
                    stranger.expect_closed()
            except ConnectionError:
                pass
            stranger.close()
    server.goes_on()
    assert resident_kib() - before < 30_000


def test_behind_an_honest_beginning(guarded: Any, raw: Any) -> None:
    """The first part of a message whose second one never ends is not delivered."""
    server = guarded("NULL", maxmsgsize=1000)
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.send(message(b"a", b"b")[:3] + b"\x02" + (2**64 - 1).to_bytes(8, "big"))
    stranger.expect_closed()
    server.goes_on()
