"""Connections of ws with CURVE, and what their peers send."""

from __future__ import annotations

from peromq._core.handles_codec import CurveCodec, WebSocketCodec
from tests.oracle import zmtp, zws
from tests.oracle.curve import CLIENT, SERVER, Box
from tests.oracle.zmtp import Frame
from tests.oracle.zws import MASK

KEY = bytes(range(7, 39))
FIRST = 5
"""The nonce of the first message that may come."""


def mask(client: bool) -> bytes | None:
    """What the peer of such a codec masks with."""
    return None if client else MASK


def codec(client: bool) -> WebSocketCodec:
    prefixes = (CLIENT, SERVER) if client else (SERVER, CLIENT)
    inner = CurveCodec(
        key=KEY,
        send_prefix=prefixes[0],
        recv_prefix=prefixes[1],
        send_nonce=2,
        recv_nonce=FIRST - 1,
    )
    return WebSocketCodec(client=client, mask_seed=bytes(range(16)), curve=inner)


def sealed(frame: Frame, nonce: int, *, client: bool, pieces: int = 1, flags: int = 0) -> bytes:
    """For a codec that is a client, or is not: a message in so many fragments."""
    box = Box(KEY, SERVER if client else CLIENT)
    command = zmtp.decode(box.seal(frame, nonce))[0][0].body
    outer = Frame(command, more=bool(flags & 1), command=bool(flags & 2))
    return zws.encode(outer, mask(client), pieces)
