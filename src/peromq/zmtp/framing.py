"""ZMTP 2.0/3.x frames as far as handshakes need them: one bounded command at a time.

A frame is flags, size (1 octet, or 8 when LONG is set) and body. Traffic after the handshake is
framed by the data plane, not here.
"""

from .errors import ProtocolError

MORE = 0x01
LONG = 0x02
COMMAND = 0x04

MAX_COMMAND_SIZE = 64 * 1024
"""Octets of body a peer may send in one handshake command, whatever MAXMSGSIZE allows."""


def command_limit(max_msg_size: int) -> int:
    """Octets of body to accept under option MAXMSGSIZE, which is unlimited when negative."""
    return MAX_COMMAND_SIZE if max_msg_size < 0 else min(max_msg_size, MAX_COMMAND_SIZE)


def encode_command(body: bytes) -> bytes:
    """One command frame."""
    return encode_frame(COMMAND, body)


def encode_frame(flags: int, body: bytes) -> bytes:
    """One frame; LONG is added where it must be."""
    if len(body) > 255:
        return bytes((flags | LONG,)) + len(body).to_bytes(8, "big") + body
    return bytes((flags, len(body))) + body


def take_frame(buffer: bytearray, limit: int) -> bytes | None:
    """Remove the first frame from `buffer` and return its body; None while it is incomplete.

    Raises ProtocolError as soon as the header announces more than `limit` octets, so no more than
    a header and `limit` octets ever need to be kept. The COMMAND and MORE bits and the reserved
    ones are not looked at, nor is LONG refused for a small body: libzmq takes any handshake so.
    """
    frame = take_flagged_frame(buffer, limit)
    return None if frame is None else frame[1]


def take_flagged_frame(buffer: bytearray, limit: int) -> tuple[int, bytes] | None:
    """`take_frame`, with the flags as they came."""
    if not buffer:
        return None
    start = 9 if buffer[0] & LONG else 2
    if len(buffer) < start:
        return None
    size = int.from_bytes(buffer[1:start], "big")
    if size > limit:
        raise ProtocolError(f"frame of {size} octets, at most {limit} are allowed")
    end = start + size
    if len(buffer) < end:
        return None
    flags, body = buffer[0], bytes(buffer[start:end])
    del buffer[:end]
    return flags, body
