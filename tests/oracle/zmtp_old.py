"""Frames of ZMTP 1.0 and 2.0 (RFC 13, 15), naive on purpose, as `zmtp` is for ZMTP 3."""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle import zmtp
from tests.oracle.zmtp import Frame


def encode_frame(version: int, frame: Frame, *, long: bool = False) -> bytes:
    """The canonical encoding; `long` forces eight octets of size, which receivers must accept."""
    if version == 2:
        return zmtp.encode_frame(frame, long=long)
    size = len(frame.body) + 1
    if long or size >= 255:
        return b"\xff" + size.to_bytes(8, "big") + bytes([frame.more]) + frame.body
    return bytes([size, frame.more]) + frame.body


def encode_message(version: int, parts: Sequence[bytes]) -> bytes:
    last = len(parts) - 1
    return b"".join(encode_frame(version, Frame(p, more=i < last)) for i, p in enumerate(parts))


def decode(
    version: int, stream: bytes, limit: int = 2**62 - 1, first: int | None = None
) -> tuple[list[Frame], bool]:
    """The complete frames before the first that no receiver may accept, and is there such a one?

    limit: octets of a body; `first`: of the first one's, if that is another. A size is an offence
    as soon as its header is there, that of no octets at all (1.0) at once.
    """
    frames: list[Frame] = []
    while stream:
        if version == 2:
            head = 9 if stream[0] & 2 else 2
            size = int.from_bytes(stream[1:head], "big")
            flags = stream[0]
        else:
            head = 10 if stream[0] == 255 else 2
            size = (int.from_bytes(stream[1:9], "big") if head == 10 else stream[0]) - 1
            flags = stream[head - 1] & 1 if len(stream) >= head else 0
            if stream[0] == 0:
                return frames, True
        if len(stream) < head:
            return frames, False
        if not 0 <= size <= (limit if frames or first is None else first):
            return frames, True
        if len(stream) < head + size:
            return frames, False
        body = stream[head : head + size]
        frames.append(Frame(body, more=bool(flags & 1), command=bool(flags & 4)))
        stream = stream[head + size :]
    return frames, False
