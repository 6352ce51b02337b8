"""PLAIN (RFC 24): a user name and a password in clear, judged by the server's ZAP handler.

client                       server
HELLO user, password   ->
                       <-    WELCOME, or ERROR
INITIATE metadata      ->
                       <-    READY metadata, or ERROR
"""

from ..commands import (
    ERROR,
    HELLO,
    INITIATE,
    READY,
    WELCOME,
    build_ready,
    parse_error,
    unexpected,
)
from ..errors import ProtocolError, ProtocolErrorCode
from .side import Client, Server, State

NAME = "PLAIN"

# libzmq writes ERROR's name as the C literal "\x05ERROR", whose escape takes in the E: 5E "RROR".
# Its PLAIN servers send that and its clients know nothing else, so we send it and take both.
_LIBZMQ_ERROR = b"\x5eRROR"


class PlainClient(Client):
    """Tells who we are. Each credential has at most 255 octets, else ValueError."""

    name = NAME

    def __init__(self, username: bytes, password: bytes) -> None:
        super().__init__()
        for what, octets in (("user name", username), ("password", password)):
            if len(octets) > 255:
                raise ValueError(f"PLAIN {what} of {len(octets)} octets, at most 255 are allowed")
        self._hello = b"".join(
            (HELLO, bytes((len(username),)), username, bytes((len(password),)), password)
        )

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._outgoing.append(self._hello)
        self._hello = b""
        self._state = State.WELCOME

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state in (State.WELCOME, State.READY):
            for prefix in (ERROR, _LIBZMQ_ERROR):
                if body.startswith(prefix):
                    raise parse_error(body, prefix)
        if self._state is State.WELCOME and body.startswith(WELCOME):
            if body != WELCOME:
                raise ProtocolError(
                    "WELCOME with something behind it",
                    ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_WELCOME,
                )
            self._outgoing.append(INITIATE + self._metadata)
            self._state = State.READY
            return None
        if self._state is State.READY and body.startswith(READY):
            self._state = State.DONE
            return body[len(READY) :]
        raise unexpected(self._state.value, body)


class PlainServer(Server):
    """Has ZAP judge the client's credentials, which are not kept."""

    name = NAME
    _error_prefix = _LIBZMQ_ERROR

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._state = State.HELLO

    def _let_in(self) -> None:
        self._outgoing.append(WELCOME)
        self._state = State.INITIATE

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is State.HELLO and body.startswith(HELLO):
            self._present(_parse_hello(body[len(HELLO) :]))
            return None
        if self._state is State.INITIATE and body.startswith(INITIATE):
            self._outgoing.append(build_ready(self._metadata))
            self._state = State.DONE
            return body[len(INITIATE) :]
        raise self._unexpected(body)


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
