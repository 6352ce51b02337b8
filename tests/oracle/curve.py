"""CURVE's MESSAGE commands (RFC 26) by PyNaCl's plain boxes: the judge of the codec.

Slow and obvious, and no code in common with the package: it works on commands that are whole.
"""

from typing import NamedTuple

from nacl.bindings import crypto_box_afternm, crypto_box_open_afternm
from nacl.exceptions import CryptoError

from tests.oracle.zmtp import Frame, decode, encode_frame

CLIENT = b"CurveZMQMESSAGEC"
SERVER = b"CurveZMQMESSAGES"
NAME = b"\x07MESSAGE"
INNER_MORE, INNER_COMMAND = 1, 2


class Refused(ValueError):
    """What the peer sent ends the connection; the argument is the ZMQ_PROTOCOL_ERROR_*."""


UNSPECIFIED = 0x10000000
UNEXPECTED_COMMAND = 0x10000001
INVALID_SEQUENCE = 0x10000002
MALFORMED_COMMAND = 0x10000011
MALFORMED_MESSAGE = 0x10000012
CRYPTOGRAPHIC = 0x11000001


class Box(NamedTuple):
    """One direction of a connection."""

    key: bytes  # crypto_box_beforenm()
    prefix: bytes

    def seal(
        self, frame: Frame, nonce: int, *, long: bool = False, flags: int | None = None
    ) -> bytes:
        """A MESSAGE command on the wire; `flags` in place of the frame's in the box."""
        if flags is None:
            flags = INNER_MORE * frame.more + INNER_COMMAND * frame.command
        short = nonce.to_bytes(8, "big")
        box = crypto_box_afternm(bytes([flags]) + frame.body, self.prefix + short, self.key)
        return encode_frame(Frame(NAME + short + box), long=long)

    def open(self, outer: Frame, last: int) -> tuple[Frame, int]:
        """The frame in a MESSAGE command, and its nonce, which must be greater than `last`."""
        if outer.body[:8] != NAME:
            named = len(outer.body) > max(1, outer.body[0] if outer.body else 0)
            raise Refused(UNEXPECTED_COMMAND if named else MALFORMED_COMMAND)
        if len(outer.body) < 33:
            raise Refused(MALFORMED_MESSAGE)
        short = outer.body[8:16]
        nonce = int.from_bytes(short, "big")
        if nonce <= last:
            raise Refused(INVALID_SEQUENCE)
        try:
            plain = crypto_box_open_afternm(outer.body[16:], self.prefix + short, self.key)
        except CryptoError as error:
            raise Refused(CRYPTOGRAPHIC) from error
        flags, body = plain[0], plain[1:]
        more, command = bool(flags & INNER_MORE), bool(flags & INNER_COMMAND)
        return Frame(body, more=more, command=command), nonce

    def open_all(self, stream: bytes, last: int = 0) -> tuple[list[Frame], bytes]:
        """The frames of a stream of MESSAGE commands, and the octets of an unfinished one."""
        frames = []
        outer, rest = decode(stream)
        for command in outer:
            frame, last = self.open(command, last)
            frames.append(frame)
        return frames, rest
