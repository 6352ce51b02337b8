"""ZMTP 2.0/3.x framing, naive on purpose: the judge of the fast scanners and encoders.

Shares no code with the package. Slow and obvious; one pass over the octets, no state.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Frame(NamedTuple):
    body: bytes
    more: bool = False
    command: bool = False


class OversizeFrame(ValueError):
    """A size that no receiver may accept: 2**63 or more, or above the given limit."""


def encode_frame(frame: Frame, *, long: bool = False) -> bytes:
    """The canonical encoding; `long` forces the 8-octet size, which receivers must accept."""
    long = long or len(frame.body) > 255
    flags = 1 * frame.more + 2 * long + 4 * frame.command
    size = len(frame.body).to_bytes(8 if long else 1, "big")
    return bytes([flags]) + size + frame.body


def encode_message(parts: Sequence[bytes]) -> bytes:
    last = len(parts) - 1
    return b"".join(encode_frame(Frame(part, more=i < last)) for i, part in enumerate(parts))


def encode_command(name: bytes, data: bytes = b"") -> bytes:
    return encode_frame(Frame(bytes([len(name)]) + name + data, command=True))


def encode_metadata(*properties: tuple[bytes, bytes]) -> bytes:
    return b"".join(
        bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value
        for name, value in properties
    )


def decode(stream: bytes, limit: int = 2**63 - 1) -> tuple[list[Frame], bytes]:
    """All complete frames, and the octets of the incomplete one behind them."""
    frames = []
    while stream:
        flags = stream[0]
        header = 9 if flags & 2 else 2
        if len(stream) < header:
            break
        size = int.from_bytes(stream[1:header], "big")
        if size > limit:
            raise OversizeFrame(size)
        if len(stream) < header + size:
            break
        body = stream[header : header + size]
        frames.append(Frame(body, more=bool(flags & 1), command=bool(flags & 4)))
        stream = stream[header + size :]
    return frames, stream


def messages(frames: Iterable[Frame]) -> tuple[list[list[bytes]], list[bytes]]:
    """Complete messages, and the parts of the unfinished one. Commands may come in between."""
    complete: list[list[bytes]] = []
    parts: list[bytes] = []
    for frame in frames:
        if frame.command:
            continue
        parts.append(frame.body)
        if not frame.more:
            complete.append(parts)
            parts = []
    return complete, parts
