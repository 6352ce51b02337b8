"""The rules of who may connect, and the ZAP dialogue (RFC 27)."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Awaitable
from typing import Any, NamedTuple

import peromq as zmq
from peromq import z85

from .certs import load_certificates

CURVE_ALLOW_ANY = "*"
"""As `location` of `configure_curve`: any key will do."""

VERSION = b"1.0"
ENDPOINT = "inproc://zeromq.zap.01"

_CURVE_KEY_LENGTH = 32


class _Verdict(NamedTuple):
    """A ZAP status code, why, and who it is."""

    code: bytes
    text: bytes
    user_id: str = "anonymous"


def _denied(reason: bytes) -> _Verdict:
    return _Verdict(b"400", reason)


class Authenticator:
    """Answers the questions of a context's sockets about who may connect to them.

    context: whose sockets; by default `Context.instance()`. encoding: of the text in requests.
    log: a logger, by default "zmq.auth". Its debug messages tell who came, and never passwords.

    Without rules, NULL connections are allowed, PLAIN and CURVE ones denied. This class has the
    rules; something must receive from `zap_socket` and call `handle_zap_message`, as
    ThreadAuthenticator and AsyncioAuthenticator do.
    """

    context: zmq.Context[Any]
    encoding: str
    allow_any: bool
    credentials_providers: dict[str, Any]
    zap_socket: zmq.Socket[bytes]
    passwords: dict[str, dict[str, str]]
    certs: dict[str, dict[bytes, Any]]
    log: Any

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        encoding: str = "utf-8",
        log: Any = None,
    ) -> None:
        self.context = context or zmq.Context.instance()
        self.encoding = encoding
        self.allow_any = False
        self.credentials_providers = {}  # by domain
        self.zap_socket = None  # type: ignore[assignment]
        self._allowed: set[str] = set()
        self._denied: set[str] = set()
        self.passwords = {}  # by domain: by user name
        self.certs = {}  # by domain: by public key, in Z85
        self.log = log or logging.getLogger("zmq.auth")

    def start(self) -> None:
        """Bind `zap_socket`, a REP. ZMQError (EADDRINUSE) if the context has an authenticator."""
        socket = self.context.socket(zmq.REP, socket_class=zmq.Socket)
        socket.linger = 1
        try:
            socket.bind(ENDPOINT)
        except BaseException:
            socket.close()
            raise
        self.zap_socket = socket
        self.log.debug("Starting")

    def stop(self) -> None:
        """Close `zap_socket`. Idempotent."""
        if self.zap_socket:
            self.zap_socket.close()
        self.zap_socket = None  # type: ignore[assignment]

    # -- the rules

    def allow(self, *addresses: str) -> None:
        """Deny all IP addresses but these. With NULL that is all that is asked.

        Not together with `deny`: ValueError.
        """
        if self._denied:
            raise ValueError("Only use allow or deny, not both")
        self.log.debug("Allowing %s", ",".join(addresses))
        self._allowed.update(addresses)

    def deny(self, *addresses: str) -> None:
        """Deny these IP addresses. Not together with `allow`: ValueError."""
        if self._allowed:
            raise ValueError("Only use allow or deny, not both")
        self.log.debug("Denying %s", ",".join(addresses))
        self._denied.update(addresses)

    def configure_plain(self, domain: str = "*", passwords: dict[str, str] | None = None) -> None:
        """PLAIN: the passwords, by user name, of a ZAP domain; "*": of sockets without one."""
        if passwords:
            self.passwords[domain] = passwords
        self.log.debug("Configure plain: %s", domain)

    def configure_curve(self, domain: str = "*", location: str | os.PathLike[str] = ".") -> None:
        """CURVE: the directory of the public certificates that are welcome in a ZAP domain.

        "*" is the domain of sockets without one. The directory is read now: call again when it
        changes. What goes wrong with it is logged, and nobody new is welcome. CURVE_ALLOW_ANY as
        location welcomes any key, in every domain.
        """
        self.log.debug("Configure curve: %s[%s]", domain, location)
        self.allow_any = location == CURVE_ALLOW_ANY
        if self.allow_any:
            return
        try:
            self.certs[domain] = load_certificates(location)
        except Exception as error:
            self.log.error("Failed to load CURVE certs from %s: %s", location, error)

    def configure_curve_callback(self, domain: str = "*", credentials_provider: Any = None) -> None:
        """CURVE: ask `credentials_provider.callback(domain, key)` whether a key is welcome.

        key: the client's public key in Z85. The callback may be a coroutine function. What it
        raises is logged, and denies.
        """
        self.allow_any = False
        if credentials_provider is None:
            self.log.error("None credentials_provider provided for domain:%s", domain)
        else:
            self.credentials_providers[domain] = credentials_provider

    def configure_gssapi(self, domain: str = "*", location: str | None = None) -> None:
        """Nothing: GSSAPI has been decided elsewhere."""

    def curve_user_id(self, client_public_key: bytes) -> str:
        """The User-Id of a CURVE client that is welcome: its key in Z85. To override."""
        return z85.encode(client_public_key).decode("ascii")

    # -- the dialogue

    async def handle_zap_message(self, msg: list[bytes]) -> None:
        """Decide on a request that was received from `zap_socket`, and answer it."""
        request_id = msg[1] if len(msg) > 1 else b""
        try:
            verdict = await self._judge(msg)
        except Exception:
            # an answer it must be: without one the REP would answer nobody any more
            self.log.exception("Error in ZAP authentication")
            verdict = _Verdict(b"500", b"Internal error")
        self._send_zap_reply(request_id, *verdict)

    async def _judge(self, msg: list[bytes]) -> _Verdict:
        if len(msg) < 6:
            self.log.error("Invalid ZAP message, not enough frames: %r", msg)
            return _denied(b"Not enough frames")
        version, request_id, raw_domain, raw_address, identity, mechanism, *credentials = msg
        domain, address = self._text(raw_domain), self._text(raw_address)
        if version != VERSION:
            self.log.error("Invalid ZAP version: %r", version)
            return _denied(b"Invalid version")
        self.log.debug(
            "ZAP request %r: domain=%r address=%r identity=%r mechanism=%r",
            *(request_id, domain, address, identity, mechanism),
        )
        if self._allowed and address not in self._allowed:
            verdict = _denied(b"Address not allowed")
        elif address in self._denied:
            verdict = _denied(b"Address denied")
        else:
            verdict = await self._judge_mechanism(mechanism, domain, credentials)
        self.log.debug(
            "%s (%s) address=%s domain=%s: %s",
            "ALLOWED" if verdict.code == b"200" else "DENIED",
            *(self._text(mechanism), address, domain, self._text(verdict.text)),
        )
        return verdict

    async def _judge_mechanism(
        self, mechanism: bytes, domain: str, credentials: list[bytes]
    ) -> _Verdict:
        match mechanism, credentials:
            case b"NULL", _:
                return _Verdict(b"200", b"OK")
            case b"PLAIN", [username, password]:
                return self._judge_plain(domain, self._text(username), self._text(password))
            case b"CURVE", [key] if len(key) == _CURVE_KEY_LENGTH:
                reason = await self._reason_against_key(domain or "*", key)
                return _denied(reason) if reason else self._welcome(self.curve_user_id(key))
            case b"GSSAPI", [principal]:
                return self._welcome(principal.decode("utf-8"))
            case ((b"PLAIN" | b"CURVE" | b"GSSAPI"), _):
                self.log.error("Invalid %s credentials", self._text(mechanism))
                return _denied(b"Invalid credentials")
        return _denied(b"NO ACCESS")

    def _welcome(self, user_id: str) -> _Verdict:
        return _Verdict(b"200", b"OK", user_id)

    def _judge_plain(self, domain: str, username: str, password: str) -> _Verdict:
        if not self.passwords:
            return _denied(b"No passwords defined")
        users = self.passwords.get(domain or "*")
        if users is None:
            return _denied(b"Invalid domain")
        if username not in users:
            return _denied(b"Invalid username")
        # how long it takes does not tell how much of it is right
        if not hmac.compare_digest(users[username].encode(), password.encode()):
            return _denied(b"Invalid password")
        return self._welcome(username)

    async def _reason_against_key(self, domain: str, key: bytes) -> bytes:
        """Why a CURVE key is not welcome; empty if it is."""
        if self.allow_any:
            return b""
        text = z85.encode(key)
        if self.credentials_providers:
            if domain not in self.credentials_providers:
                return b"Unknown domain"
            known = self.credentials_providers[domain].callback(domain, text)
            if isinstance(known, Awaitable):
                known = await known
        elif domain not in self.certs:
            return b"Unknown domain"
        else:
            known = self.certs[domain].get(text)
        return b"" if known else b"Unknown key"

    def _text(self, raw: bytes) -> str:
        return raw.decode(self.encoding, "replace")

    def _send_zap_reply(
        self,
        request_id: bytes,
        status_code: bytes,
        status_text: bytes,
        user_id: str = "anonymous",
    ) -> None:
        raw_id = user_id.encode(self.encoding, "replace") if status_code == b"200" else b""
        self.zap_socket.send_multipart([VERSION, request_id, status_code, status_text, raw_id, b""])


__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]
