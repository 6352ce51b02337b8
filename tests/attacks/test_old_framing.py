"""CVE-2021-20235: frames of ZMTP 1.0 and 2.0. We speak neither: such peers are refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.promises.strangers import Server

V1_ANONYMOUS = b"\x01\x00"
V1_NAMED = b"\x06\x00hello"
V1_LONG_SIGNATURE = b"\xff" + (6).to_bytes(8, "big") + b"\x00hello"
V2_SIGNATURE = b"\xff" + (1).to_bytes(8, "big") + b"\x7f" + b"\x01\x07" + b"\x00\x00"


ENDLESS = b"\xff" + (2**62).to_bytes(8, "big")


def v1_frame(size: int) -> bytes:
    return b"\xff" + (size + 1).to_bytes(8, "big") + b"\x00" + bytes(size)


@pytest.mark.parametrize("start", [V1_ANONYMOUS, V1_NAMED, V1_LONG_SIGNATURE, V2_SIGNATURE])
def test_two_frames_larger_than_a_buffer(
    guarded: Any, mechanism: str, raw: Any, start: bytes
) -> None:
    server: Server = guarded(mechanism)
    for size in (0, 1, 254, 8191, 8192, 8193, 100_000):
        stranger = raw(server.endpoint)
        try:
            stranger.send(start + v1_frame(size) * 2 + ENDLESS)
            stranger.expect_closed()
        except ConnectionError:
            pass
        server.goes_on()
