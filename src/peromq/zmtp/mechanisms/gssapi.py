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

        May take seconds, in any thread: `take_work`.
        """


class _Exchange:
    """What client and server do with a context. encrypt: not GSSAPI_PLAINTEXT.

    A step is work for elsewhere: it may ask the KDC, read a keytab and write a replay cache.
    """

    def __init__(self, context: GssapiContext, *, encrypt: bool) -> None:
        self.context = context
        self.encrypt = encrypt
        self._token: bytes | None = None
        self._wanted = False
        self._answer: bytes | GssapiFailure | None = None

    @property
    def kept(self) -> int:
        """Octets of the peer's token."""
        return len(self._token or b"")

    def begin(self, token: bytes | None) -> None:
        """There is a step to take, with the peer's token; None: the first one."""
        self._token = token
        self._wanted = True

    def take_work(self) -> Callable[[], None] | None:
        """The step, once."""
        wanted, self._wanted = self._wanted, False
        return self._step if wanted else None

    def _step(self) -> None:
        try:
            self._answer = self.context.step(self._token) or b""
        except GssapiFailure as error:
            self._answer = error

    def take_answer(self) -> bytes | None:
        """The step's token, once, which may be empty; None before. Raises ProtocolError."""
        answer, self._answer = self._answer, None
        if answer is None:
            return None
        token, self._token = self._token, None
        if not isinstance(answer, GssapiFailure):
            return answer
        if token is None:
            raise ProtocolError(f"GSSAPI has no ticket for us: {answer}", local=True)
        raise ProtocolError(
            f"GSSAPI refuses the peer's token: {answer}", ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC
        )

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


class _Worker:
    """What client and server have because of it."""

    _exchange: _Exchange

    @property
    def kept(self) -> int:
        """Octets that we keep for the peer."""
        return self._exchange.kept

    def take_work(self) -> Callable[[], None] | None:
        """`TakeWork`."""
        return self._exchange.take_work()

    def take_traffic(self) -> GssapiTraffic | None:
        """Unless GSSAPI_PLAINTEXT is set."""
        return GssapiTraffic(self._exchange.context) if self._exchange.encrypt else None


class GssapiClient(_Worker, Client):
    """Gets a ticket for the server and shows it. encrypt: not GSSAPI_PLAINTEXT."""

    name = NAME

    def __init__(self, context: GssapiContext, *, encrypt: bool) -> None:
        super().__init__()
        self._exchange = _Exchange(context, encrypt=encrypt)
        self._first = True  # of our tokens

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._state = State.TOKEN
        self._exchange.begin(None)

    def next_command(self) -> bytes | None:
        if self._state is State.TOKEN:
            token = self._exchange.take_answer()
            if token is not None:
                # An empty command where there is no token: the server waits for something (libzmq).
                self._outgoing.append(_initiate(token) if token or self._first else b"")
                self._first = False
                complete = self._exchange.context.complete
                self._state = State.READY if complete else State.INITIATE
        return super().next_command()

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is State.READY and body.startswith(ERROR):
            raise parse_error(body)
        if self._state is State.INITIATE and body.startswith(INITIATE):
            self._exchange.begin(_parse_initiate(body))
            self._state = State.TOKEN
            return None
        if self._state is State.READY:
            metadata = self._exchange.parse_ready(body)
            self._outgoing.append(self._exchange.build_ready(self._metadata))
            self._state = State.DONE
            return metadata
        raise unexpected(self._state.value, body)


class GssapiServer(_Worker, Server):
    """Has ZAP judge the name that GSSAPI vouches for. encrypt: not GSSAPI_PLAINTEXT."""

    name = NAME

    def __init__(self, gate: ZapGate, context: GssapiContext, *, encrypt: bool) -> None:
        super().__init__(gate)
        self._exchange = _Exchange(context, encrypt=encrypt)

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._state = State.INITIATE

    def next_command(self) -> bytes | None:
        if self._state is State.TOKEN:
            token = self._exchange.take_answer()
            if token is not None:
                self._outgoing.append(_initiate(token))
                complete = self._exchange.context.complete
                self._state = State.CONFIRMATION if complete else State.INITIATE
        return super().next_command()

    def _let_in(self) -> None:
        self._outgoing.append(self._exchange.build_ready(self._metadata))
        self._state = State.READY

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is State.INITIATE and body.startswith(INITIATE):
            self._exchange.begin(_parse_initiate(body))
            self._state = State.TOKEN
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
