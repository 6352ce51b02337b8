"""GSSAPI (RFC 38 is a stub; the octets are libzmq's): Kerberos, or what else GSSAPI has.

    client                     server
    INITIATE token       ->
                         <-    INITIATE token          (again, until both contexts are complete)
    empty command        ->                            (a token that is none)
                         <-    READY metadata, or ERROR
    READY metadata       ->

Unless GSSAPI_PLAINTEXT is set, both READYs and all traffic are MESSAGE commands whose contents are
wrapped by GSSAPI, that is encrypted. The contexts come from outside; tokens are theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from ..commands import ERROR, INITIATE, READY, build_error, build_ready, parse_error, unexpected
from ..errors import ProtocolError, ProtocolErrorCode
from ..zap import TEMPORARY, ZapGate
from .gssapi_traffic import (
    GssapiFailure,
    GssapiTraffic,
    GssapiWrapping,
    unwrap_message,
    wrap_message,
)

NAME = "GSSAPI"


class GssapiContext(GssapiWrapping, Protocol):
    """A security context of GSSAPI. Its calls raise GssapiFailure."""

    @property
    def complete(self) -> bool:
        """No more tokens are wanted."""

    @property
    def peer_name(self) -> bytes:
        """The client's principal, as text; for the server, when complete."""

    def step(self, token: bytes | None) -> bytes | None:
        """Take the peer's token, None at first; returns the next one for the peer, if any.

        A client's first step may ask the KDC, and take seconds.
        """


class _State(Enum):
    """What comes next, in words for errors."""

    BEGIN = "nothing yet"
    STEP = "nothing before our first token"
    TOKEN = "INITIATE"
    CONFIRMATION = "the confirmation of the last token"
    VERDICT = "nothing before ZAP's verdict"
    READY = "READY"
    DONE = "nothing more"
    REFUSED = "nothing from a refused peer"


class _Side:
    """What client and server have in common. encrypt: not GSSAPI_PLAINTEXT."""

    name = NAME

    def __init__(self, context: GssapiContext, *, encrypt: bool) -> None:
        self._context = context
        self._encrypt = encrypt
        self._outgoing: list[bytes] = []
        self._metadata = b""
        self._state = _State.BEGIN

    @property
    def done(self) -> bool:
        return self._state is _State.DONE and not self._outgoing

    def take_traffic(self) -> GssapiTraffic | None:
        return GssapiTraffic(self._context) if self._encrypt else None

    def _step(self, token: bytes) -> bytes | None:
        try:
            return self._context.step(token)
        except GssapiFailure as error:
            raise ProtocolError(
                f"GSSAPI refuses the peer's token: {error}",
                ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC,
            ) from None

    def _say_ready(self) -> None:
        ready = build_ready(self._metadata)
        if self._encrypt:
            ready = wrap_message(self._context, 0, ready)
        self._outgoing.append(ready)

    def _hear_ready(self, body: bytes) -> bytes:
        if self._encrypt:
            _, body = unwrap_message(self._context, body)
        if not body.startswith(READY):
            raise unexpected("READY", body)
        return body[len(READY) :]


class GssapiClient(_Side):
    """Gets a ticket for the server and shows it."""

    gate = None
    properties: Mapping[str, str] = MappingProxyType({})

    def __init__(self, context: GssapiContext, *, encrypt: bool) -> None:
        super().__init__(context, encrypt=encrypt)
        self._failure: str | None = None

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata
        self._state = _State.STEP

    def take_work(self) -> Callable[[], None] | None:
        """The first step, once: it may have to wait for the KDC."""
        if self._state is not _State.STEP or self._outgoing or self._failure is not None:
            return None
        self._failure = ""  # asked for
        return self._first_step

    def _first_step(self) -> None:
        try:
            token = self._context.step(None)
        except GssapiFailure as error:
            self._failure = str(error)
        else:
            self._outgoing.append(_initiate(token or b""))

    def next_command(self) -> bytes | None:
        if self._state is _State.STEP:
            if self._failure:
                raise ProtocolError(f"GSSAPI has no ticket for us: {self._failure}", local=True)
            if not self._outgoing:
                return None
            self._state = _State.TOKEN
        return self._outgoing.pop(0) if self._outgoing else None

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is _State.READY and body.startswith(ERROR):
            raise parse_error(body)
        if self._state is _State.TOKEN and body.startswith(INITIATE):
            token = self._step(_parse_initiate(body))
            # An empty command where there is no token: the server waits for something (libzmq).
            self._outgoing.append(_initiate(token) if token else b"")
            if self._context.complete:
                self._state = _State.READY
            return None
        if self._state is _State.READY:
            metadata = self._hear_ready(body)
            self._say_ready()
            self._state = _State.DONE
            return metadata
        raise unexpected(self._state.value, body)


class GssapiServer(_Side):
    """Has ZAP judge the name that GSSAPI vouches for."""

    def __init__(self, gate: ZapGate, context: GssapiContext, *, encrypt: bool) -> None:
        super().__init__(context, encrypt=encrypt)
        self.gate = gate

    @property
    def properties(self) -> Mapping[str, str]:
        return self.gate.properties

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata
        self._state = _State.TOKEN

    def next_command(self) -> bytes | None:
        if self._state is _State.VERDICT and self.gate.passed:
            self._say_ready()
            self._state = _State.READY
        elif self._state is _State.VERDICT and self.gate.refused is not None:
            self._state = _State.REFUSED
            if self.gate.refused != TEMPORARY:
                return build_error(str(self.gate.refused))
        return self._outgoing.pop(0) if self._outgoing else None

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is _State.TOKEN and body.startswith(INITIATE):
            self._outgoing.append(_initiate(self._step(_parse_initiate(body)) or b""))
            if self._context.complete:
                self._state = _State.CONFIRMATION
            return None
        if self._state is _State.CONFIRMATION and not body:
            self._state = _State.VERDICT
            self.gate.present(self.name, [self._context.peer_name])
            return None
        if self._state is _State.READY:
            metadata = self._hear_ready(body)
            self._state = _State.DONE
            return metadata
        raise unexpected(self._state.value, body)


def _initiate(token: bytes) -> bytes:
    return INITIATE + len(token).to_bytes(4, "big") + token


def _parse_initiate(body: bytes) -> bytes:
    """The token; its size must be exact."""
    start = len(INITIATE) + 4
    size = int.from_bytes(body[len(INITIATE) : start], "big")
    if len(body) != start + size:
        raise ProtocolError(
            f"malformed INITIATE of {len(body)} octets",
            ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_INITIATE,
        )
    return body[start:]
