"""Bodies of handshake commands and the metadata in them (RFC 37, commands and metadata).

command  = name-size(1) name data
metadata = *( name-size(1) name value-size(4) value )
"""

from collections.abc import Iterable

from .errors import ProtocolError, ProtocolErrorCode

HELLO = b"\x05HELLO"
WELCOME = b"\x07WELCOME"
INITIATE = b"\x08INITIATE"
READY = b"\x05READY"
ERROR = b"\x05ERROR"

_NAMES = (HELLO, WELCOME, INITIATE, READY, ERROR)
_MAX_NAME = 255
_MAX_VALUE = 2**31 - 1


def build_metadata(properties: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The metadata block with these properties in this order.

    Raises ValueError for a name not of 1..255 octets or a value of more than 2**31 - 1.
    """
    block = bytearray()
    for name, value in properties:
        if not 1 <= len(name) <= _MAX_NAME:
            raise ValueError(f"metadata name of {len(name)} octets, must be 1 to {_MAX_NAME}")
        if len(value) > _MAX_VALUE:
            raise ValueError(f"metadata value of {len(value)} octets, at most {_MAX_VALUE}")
        block.append(len(name))
        block += name
        block += len(value).to_bytes(4, "big")
        block += value
    return bytes(block)


def parse_metadata(block: bytes) -> list[tuple[bytes, bytes]]:
    """The properties in wire order, repeated names included; an empty name is let through.

    Raises ProtocolError if a property is cut short, which includes any trailing octet.
    """
    properties = []
    position, size = 0, len(block)
    while position < size:
        name = position + 1
        length = name + block[position]
        value = length + 4
        end = value + int.from_bytes(block[length:value], "big")
        if value > size or end > size:
            raise ProtocolError("metadata is cut short", ProtocolErrorCode.ZMTP_INVALID_METADATA)
        properties.append((block[name:length], block[value:end]))
        position = end
    return properties


def build_ready(metadata: bytes) -> bytes:
    """READY with a metadata block."""
    return READY + metadata


def build_error(reason: str, prefix: bytes = ERROR) -> bytes:
    """ERROR with a reason of at most 255 ASCII characters; "300", "400", "500" mean ZAP's."""
    text = reason.encode("ascii")
    if len(text) > 255:
        raise ValueError("ERROR reason is longer than 255 octets")
    return prefix + bytes((len(text),)) + text


def parse_error(body: bytes, prefix: bytes = ERROR) -> ProtocolError:
    """The exception that an ERROR command amounts to; a malformed one has its own code.

    Octets behind the reason are ignored, as libzmq does.
    """
    data = body[len(prefix) :]
    if not data or len(data) - 1 < data[0]:
        return ProtocolError(
            "malformed ERROR command", ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_ERROR
        )
    reason = data[1 : 1 + data[0]]
    return ProtocolError(
        f"peer refused the connection: {reason.decode('ascii', 'backslashreplace')!r}",
        auth_status=int(reason) if reason in (b"300", b"400", b"500") else None,
    )


def malformed(command: bytes, body: bytes, code: ProtocolErrorCode | None = None) -> ProtocolError:
    """The exception for a `command` that cannot be one, by its size or version.

    code: if it is not the one with the command's name.
    """
    name = command[1:].decode()
    return ProtocolError(
        f"malformed {name} of {len(body)} octets",
        code or ProtocolErrorCode[f"ZMTP_MALFORMED_COMMAND_{name}"],
    )


def unexpected(
    expected: str,
    body: bytes,
    code: ProtocolErrorCode = ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND,
) -> ProtocolError:
    """The exception for a command that is not the one whose turn it is.

    Only names we know are quoted: anything else may be a credential.
    """
    known = next((name for name in _NAMES if body.startswith(name)), None)
    got = known[1:].decode() if known else f"{len(body)} octets that are no command"
    return ProtocolError(f"expected {expected}, got {got}", code)
