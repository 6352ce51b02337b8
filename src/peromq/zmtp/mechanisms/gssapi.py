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

from collections.abc import Callable
from typing import Protocol

from ..commands import ERROR, INITIATE, READY, build_ready, malformed, parse_error, unexpected
from ..errors import ProtocolError, ProtocolErrorCode
from ..zap import ZapGate
from .gssapi_traffic import (
    GssapiFailure,
    GssapiTraffic,
    GssapiWrapping,
    unwrap_message,
    wrap_message,
)
from .side import Client, Server, State

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


class _Exchange:
    """What client and server do with a context. encrypt: not GSSAPI_PLAINTEXT."""

    def __init__(self, context: GssapiContext, *, encrypt: bool) -> None:
        self.context = context
        self.encrypt = encrypt

    def take_traffic(self) -> GssapiTraffic | None:
        return GssapiTraffic(self.context) if self.encrypt else None

    def step(self, initiate: bytes) -> bytes:
        """Take the peer's INITIATE; returns the next token, which may be empty."""
        try:
            return self.context.step(_parse_initiate(initiate)) or b""
        except GssapiFailure as error:
            raise ProtocolError(
                f"GSSAPI refuses the peer's token: {error}",
                ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC,
            ) from None

    def build_ready(self, metadata: bytes) -> bytes:
        ready = build_ready(metadata)
        return wrap_message(self.context, 0, ready) if self.encrypt else ready

    def parse_ready(self, body: bytes) -> bytes:
        """The metadata."""
        if self.encrypt:
            _, body = unwrap_message(self.context, body)
        if not body.startswith(READY):
            raise unexpected("READY", body)
        return body[len(READY) :]


class GssapiClient(Client):
    """Gets a ticket for the server and shows it. encrypt: not GSSAPI_PLAINTEXT."""

    name = NAME

    def __init__(self, context: GssapiContext, *, encrypt: bool) -> None:
        super().__init__()
        self._exchange = _Exchange(context, encrypt=encrypt)
        self._failure: str | None = None

    def take_traffic(self) -> GssapiTraffic | None:
        return self._exchange.take_traffic()

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._state = State.TICKET

    def take_work(self) -> Callable[[], None] | None:
        """The first step, once: it may have to wait for the KDC."""
        if self._state is not State.TICKET or self._outgoing or self._failure is not None:
            return None
        self._failure = ""  # asked for
        return self._first_step

    def _first_step(self) -> None:
        try:
            token = self._exchange.context.step(None)
        except GssapiFailure as error:
            self._failure = str(error)
        else:
            self._outgoing.append(_initiate(token or b""))

    def next_command(self) -> bytes | None:
        if self._state is State.TICKET:
            if self._failure:
                raise ProtocolError(f"GSSAPI has no ticket for us: {self._failure}", local=True)
            if not self._outgoing:
                return None
            self._state = State.INITIATE
        return super().next_command()

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is State.READY and body.startswith(ERROR):
            raise parse_error(body)
        if self._state is State.INITIATE and body.startswith(INITIATE):
            token = self._exchange.step(body)
            # An empty command where there is no token: the server waits for something (libzmq).
            self._outgoing.append(_initiate(token) if token else b"")
            if self._exchange.context.complete:
                self._state = State.READY
            return None
        if self._state is State.READY:
            metadata = self._exchange.parse_ready(body)
            self._outgoing.append(self._exchange.build_ready(self._metadata))
            self._state = State.DONE
            return metadata
        raise unexpected(self._state.value, body)


class GssapiServer(Server):
    """Has ZAP judge the name that GSSAPI vouches for. encrypt: not GSSAPI_PLAINTEXT."""

    name = NAME

    def __init__(self, gate: ZapGate, context: GssapiContext, *, encrypt: bool) -> None:
        super().__init__(gate)
        self._exchange = _Exchange(context, encrypt=encrypt)

    def take_traffic(self) -> GssapiTraffic | None:
        return self._exchange.take_traffic()

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._state = State.INITIATE

    def _let_in(self) -> None:
        self._outgoing.append(self._exchange.build_ready(self._metadata))
        self._state = State.READY

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is State.INITIATE and body.startswith(INITIATE):
            self._outgoing.append(_initiate(self._exchange.step(body)))
            if self._exchange.context.complete:
                self._state = State.CONFIRMATION
            return None
        if self._state is State.CONFIRMATION and not body:
            self._present([self._exchange.context.peer_name])
            return None
        if self._state is State.READY:
            metadata = self._exchange.parse_ready(body)
            self._state = State.DONE
            return metadata
        raise unexpected(self._state.value, body)


def _initiate(token: bytes) -> bytes:
    return INITIATE + len(token).to_bytes(4, "big") + token


def _parse_initiate(body: bytes) -> bytes:
    """The token; its size must be exact."""
    start = len(INITIATE) + 4
    size = int.from_bytes(body[len(INITIATE) : start], "big")
    if len(body) != start + size:
        raise malformed(INITIATE, body)
    return body[start:]
