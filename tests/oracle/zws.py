"""WebSocket frames of ZWS 2.0, read and written naively: what the fast ones are judged by."""

from __future__ import annotations

from typing import NamedTuple

from tests.oracle.zmtp import Frame

MASK = bytes((0x37, 0xFA, 0x21, 0x3D))


class Judged(NamedTuple):
    frames: list[Frame]
    controls: list[tuple[int, bytes]]
    offence: bool


def frame(
    payload: bytes, opcode: int = 2, *, final: bool = True, mask: bytes | None = None
) -> bytes:
    """One WebSocket frame."""
    size = len(payload)
    head = [128 * final + opcode]
    masked = 0 if mask is None else 128
    if size < 126:
        head += [masked + size]
    elif size < 65536:
        head += [masked + 126, *size.to_bytes(2, "big")]
    else:
        head += [masked + 127, *size.to_bytes(8, "big")]
    if mask is None:
        return bytes(head) + payload
    return bytes(head) + mask + unmask(payload, mask)


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Also masks."""
    whole = int.from_bytes(payload, "little")
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "little")
    return (whole ^ key).to_bytes(len(payload), "little")


def encode(plain: Frame, mask: bytes | None = None, pieces: int = 1) -> bytes:
    """A ZMTP frame as one message, in so many fragments."""
    payload = bytes((plain.more + 2 * plain.command,)) + plain.body
    step = len(payload) // pieces + 1
    parts = [payload[i * step : (i + 1) * step] for i in range(pieces)]
    return b"".join(
        frame(part, 0 if i else 2, final=i == pieces - 1, mask=mask) for i, part in enumerate(parts)
    )


def decode(stream: bytes, *, masked: bool, limit: int = 2**62) -> Judged:
    """What is in a stream, up to its end, its first CLOSE or its first offence."""
    frames: list[Frame] = []
    controls: list[tuple[int, bytes]] = []
    gathered: bytes | None = None
    at = 0
    while True:
        rest = memoryview(stream)[at:]
        if not rest:
            return Judged(frames, controls, False)
        final, opcode = rest[0] >= 128, rest[0] & 15
        if rest[0] & 112:
            return Judged(frames, controls, True)
        if len(rest) < 2:
            return Judged(frames, controls, False)
        size, head = rest[1] & 127, 2
        if (rest[1] >= 128) != masked:
            return Judged(frames, controls, True)
        if size > 125:
            head = 4 if size == 126 else 10
            if len(rest) < head:
                return Judged(frames, controls, False)
            least = 126 if size == 126 else 65536
            size = int.from_bytes(rest[2:head], "big")
            if not least <= size < 2**63:
                return Judged(frames, controls, True)
        mask = bytes(4)
        if masked:
            if len(rest) < head + 4:
                return Judged(frames, controls, False)
            mask = bytes(rest[head : head + 4])
            head += 4
        if opcode > 7:
            if opcode > 10 or not final or size > 125:
                return Judged(frames, controls, True)
        else:
            total = size + len(gathered or b"")
            if opcode != (2 if gathered is None else 0) or (final and not total):
                return Judged(frames, controls, True)
            if total - 1 > limit:
                return Judged(frames, controls, True)
        if len(rest) < head + size:
            return Judged(frames, controls, False)
        payload = unmask(bytes(rest[head : head + size]), mask)
        at += head + size
        if opcode > 7:
            controls.append((opcode, payload))
            if opcode == 8:
                return Judged(frames, controls, False)
            continue
        gathered = (gathered or b"") + payload
        if final:
            first, body = gathered[0], gathered[1:]
            frames.append(Frame(body, more=bool(first & 1), command=bool(first & 2)))
            gathered = None
