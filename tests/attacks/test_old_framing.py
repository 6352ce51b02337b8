"""CVE-2021-20235: frames of ZMTP 1.0 larger than a buffer, from a stranger.

He is refused where there is security; without it, what he sends is what he is heard to say.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.promises.strangers import Server
from tests.zap.peers import MECHANISMS

V1_ANONYMOUS = b"\x01\x00"
V1_NAMED = b"\x06\x00hello"
V1_LONG_SIGNATURE = b"\xff" + (6).to_bytes(8, "big") + b"\x00hello"
V1_TYPED = b"\xff" + (1).to_bytes(8, "big") + b"\x7f" + b"\x00\x08" + b"\x01\x00"
V2_SIGNATURE = b"\xff" + (1).to_bytes(8, "big") + b"\x7f" + b"\x01\x07" + b"\x00\x00"


ENDLESS = b"\xff" + (2**62).to_bytes(8, "big")


def v1_frame(size: int) -> bytes:
    return b"\xff" + (size + 1).to_bytes(8, "big") + b"\x00" + bytes(size)


SIZES = (0, 1, 254, 8191, 8192, 8193, 100_000)


@pytest.mark.parametrize("mechanism", [name for name in MECHANISMS if name != "NULL"])
@pytest.mark.parametrize("start", [V1_ANONYMOUS, V1_NAMED, V1_LONG_SIGNATURE, V2_SIGNATURE])
def test_two_frames_larger_than_a_buffer(
    guarded: Any, mechanism: str, raw: Any, start: bytes
) -> None:
    server: Server = guarded(mechanism)
    for size in SIZES:
        stranger = raw(server.endpoint)
        try:
            stranger.send(start + v1_frame(size) * 2 + ENDLESS)
            stranger.expect_closed()
        except ConnectionError:
            pass
        server.goes_on()


@pytest.mark.parametrize("start", [V1_ANONYMOUS, V1_NAMED, V1_LONG_SIGNATURE, V1_TYPED])
def test_without_security_they_are_messages(guarded: Any, raw: Any, start: bytes) -> None:
    server: Server = guarded("NULL")
    for size in SIZES:
        stranger = raw(server.endpoint)
        stranger.send(start + v1_frame(size) * 2 + ENDLESS)
        assert [server.pull.recv(), server.pull.recv()] == [bytes(size)] * 2
        server.goes_on()
        stranger.send(bytes(9))  # the rest of a header that promises 2**62 octets
        server.goes_on()
        stranger.close()


def test_1_0_frames_under_a_2_0_greeting(guarded: Any, raw: Any) -> None:
    server: Server = guarded("NULL")
    server.strangers_are_heard = True
    for size in SIZES:
        stranger = raw(server.endpoint)
        try:
            stranger.send(V2_SIGNATURE + v1_frame(size) * 2 + ENDLESS)
        except ConnectionError:
            pass
        server.goes_on()
        stranger.close()
