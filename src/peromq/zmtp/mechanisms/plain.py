"""PLAIN (RFC 24): a user name and a password in clear, judged by the server's ZAP handler.

client                       server
HELLO user, password   ->
                       <-    WELCOME, or ERROR
INITIATE metadata      ->
                       <-    READY metadata, or ERROR
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from ..commands import (
    ERROR,
    HELLO,
    INITIATE,
    READY,
    WELCOME,
    build_error,
    build_ready,
    parse_error,
    unexpected,
)
from ..errors import ProtocolError, ProtocolErrorCode
from ..zap import TEMPORARY, ZapGate

NAME = "PLAIN"

# libzmq writes ERROR's name as the C literal "\x05ERROR", whose escape takes in the E: 5E "RROR".
# Its PLAIN servers send that and its clients know nothing else, so we send it and take both.
_LIBZMQ_ERROR = b"\x5eRROR"


class _State(Enum):
    """What comes next, in words for errors."""

    HELLO = "HELLO"
    VERDICT = "nothing before ZAP's verdict"
    WELCOME = "WELCOME"
    INITIATE = "INITIATE"
    READY = "READY"
    DONE = "nothing more"
    REFUSED = "nothing from a refused peer"


class PlainClient:
    """Tells who we are. Each credential has at most 255 octets, else ValueError."""

    name = NAME
    gate = None
    properties: Mapping[str, str] = MappingProxyType({})

    def __init__(self, username: bytes, password: bytes) -> None:
        for what, octets in (("user name", username), ("password", password)):
            if len(octets) > 255:
                raise ValueError(f"PLAIN {what} of {len(octets)} octets, at most 255 are allowed")
        self._hello = b"".join(
            (HELLO, bytes((len(username),)), username, bytes((len(password),)), password)
        )
        self._outgoing: bytes | None = None
        self._metadata = b""
        self._state = _State.HELLO

    @property
    def done(self) -> bool:
        return self._state is _State.DONE

    def take_traffic(self) -> None:
        return None

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata
        self._outgoing, self._hello = self._hello, b""
        self._state = _State.WELCOME

    def next_command(self) -> bytes | None:
        command, self._outgoing = self._outgoing, None
        return command

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state in (_State.WELCOME, _State.READY):
            for prefix in (ERROR, _LIBZMQ_ERROR):
                if body.startswith(prefix):
                    raise parse_error(body, prefix)
        if self._state is _State.WELCOME and body.startswith(WELCOME):
            if body != WELCOME:
                raise ProtocolError(
                    "WELCOME with something behind it",
                    ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_WELCOME,
                )
            self._outgoing = INITIATE + self._metadata
            self._state = _State.READY
            return None
        if self._state is _State.READY and body.startswith(READY):
            self._state = _State.DONE
            return body[len(READY) :]
        raise unexpected(self._state.value, body)


class PlainServer:
    """Has ZAP judge the client's credentials, which are not kept."""

    name = NAME

    def __init__(self, gate: ZapGate) -> None:
        self.gate = gate
        self._metadata = b""
        self._state = _State.HELLO

    @property
    def done(self) -> bool:
        return self._state is _State.DONE

    @property
    def properties(self) -> Mapping[str, str]:
        return self.gate.properties

    def take_traffic(self) -> None:
        return None

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata

    def next_command(self) -> bytes | None:
        if self._state is _State.VERDICT and self.gate.passed:
            self._state = _State.INITIATE
            return WELCOME
        if self._state is _State.VERDICT and self.gate.refused is not None:
            self._state = _State.REFUSED
            if self.gate.refused != TEMPORARY:
                return build_error(str(self.gate.refused), _LIBZMQ_ERROR)
        if self._state is _State.READY:
            self._state = _State.DONE
            return build_ready(self._metadata)
        return None

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is _State.HELLO and body.startswith(HELLO):
            self.gate.present(self.name, _parse_hello(body[len(HELLO) :]))
            self._state = _State.VERDICT
            return None
        if self._state is _State.INITIATE and body.startswith(INITIATE):
            self._state = _State.READY
            return body[len(INITIATE) :]
        raise unexpected(self._state.value, body)


def _parse_hello(data: bytes) -> list[bytes]:
    """User name and password; both may be empty."""
    fields = []
    for _ in range(2):
        size = data[0] if data else 0
        if not data or len(data) <= size:
            raise _malformed_hello("is cut short")
        fields.append(data[1 : 1 + size])
        data = data[1 + size :]
    if data:
        raise _malformed_hello("has something behind it")
    return fields


def _malformed_hello(why: str) -> ProtocolError:
    return ProtocolError(f"HELLO {why}", ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_HELLO)
