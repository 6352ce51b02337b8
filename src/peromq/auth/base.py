"""The rules of who may connect, and the ZAP dialogue (RFC 27)."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from typing import Any

import peromq as zmq
from peromq import z85

from .certs import load_certificates
from .keys import KeyDirectory
from .request import Request, Verdict, verdict_of

CURVE_ALLOW_ANY = "*"
"""As `location` of `configure_curve`: any key will do."""

VERSION = b"1.0"
ENDPOINT = "inproc://zeromq.zap.01"

_CURVE_KEY_LENGTH = 32


Answer = bool | str | Verdict | None
"""Of a callback: yes, no, yes and who it is, or everything."""


def _denied(reason: str) -> Verdict:
    return Verdict(400, reason)


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
        self._directories: dict[str, KeyDirectory] = {}
        self._callbacks: dict[str, Callable[[Request], Answer | Awaitable[Answer]]] = {}
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
        self._directories.pop(domain, None)
        try:
            self.certs[domain] = load_certificates(location)
        except Exception as error:
            self.log.error("Failed to load CURVE certs from %s: %s", location, error)

    def configure_curve_directory(
        self, domain: str = "*", location: str | os.PathLike[str] = "."
    ) -> None:
        """CURVE: as `configure_curve`, but keys come and go with their files (our addition).

        The directory is looked at for every client. Who is connected stays connected.
        """
        self.allow_any = False
        directory = KeyDirectory(location, self.log)
        directory.keys()  # what is wrong with it is better logged now
        self._directories[domain] = directory

    def configure_curve_keys(self, domain: str = "*", keys: Iterable[bytes | str] = ()) -> None:
        """CURVE: these public keys, in Z85, are welcome in a ZAP domain, no others (our addition).

        They replace those of an earlier call at once and together; who is connected stays
        connected. ValueError for what is no key.
        """
        known = [key.encode() if isinstance(key, str) else bytes(key) for key in keys]
        if any(len(z85.decode(key)) != _CURVE_KEY_LENGTH for key in known):
            raise ValueError("a CURVE key has 40 characters")
        self.allow_any = False
        self._directories.pop(domain, None)
        self.certs[domain] = dict.fromkeys(known, True)

    def configure_callback(
        self,
        callback: Callable[[Request], Answer | Awaitable[Answer]] | None,
        domain: str = "*",
    ) -> None:
        """Ask `callback` about every client of a ZAP domain, whatever the mechanism (our addition).

        "*" is for all domains that have no callback of their own. `allow` and `deny` come first,
        the rules for PLAIN and CURVE are not asked. The callback gets a Request, and answers True,
        False, a user id (yes), or a Verdict. What it raises is logged, and the client refused with
        500. None takes a callback away.

        It runs in the thread that serves `zap_socket`: that of the event loop with
        AsyncioAuthenticator, a thread of the authenticator's own with ThreadAuthenticator. It may
        be a coroutine function. Clients are decided on one after another: while it takes its time,
        the next ones wait, each for HANDSHAKE_IVL at the longest.
        """
        if callback is None:
            self._callbacks.pop(domain, None)
        else:
            self._callbacks[domain] = callback

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
            verdict = Verdict(500, "Internal error")
        self._send_zap_reply(
            request_id,
            b"%d" % verdict.code,
            verdict.text.encode(self.encoding, "replace"),
            verdict.user_id,
            verdict.encoded_metadata(),
        )

    async def _judge(self, msg: list[bytes]) -> Verdict:
        if len(msg) < 6:
            self.log.error("Invalid ZAP message, not enough frames: %r", msg)
            return _denied("Not enough frames")
        version, request_id, raw_domain, raw_address, identity, mechanism, *credentials = msg
        domain, address = self._text(raw_domain), self._text(raw_address)
        if version != VERSION:
            self.log.error("Invalid ZAP version: %r", version)
            return _denied("Invalid version")
        self.log.debug(
            "ZAP request %r: domain=%r address=%r identity=%r mechanism=%r",
            *(request_id, domain, address, identity, mechanism),
        )
        if self._allowed and address not in self._allowed:
            verdict = _denied("Address not allowed")
        elif address in self._denied:
            verdict = _denied("Address denied")
        elif (callback := self._callbacks.get(domain) or self._callbacks.get("*")) is not None:
            request = Request(domain, address, identity, self._text(mechanism), tuple(credentials))
            answer = callback(request)
            verdict = verdict_of(await answer if isinstance(answer, Awaitable) else answer)
        else:
            verdict = await self._judge_mechanism(mechanism, domain, credentials)
        self.log.debug(
            "%s (%s) address=%s domain=%s: %s",
            "ALLOWED" if verdict.code == 200 else "DENIED",
            *(self._text(mechanism), address, domain, verdict.text),
        )
        return verdict

    async def _judge_mechanism(
        self, mechanism: bytes, domain: str, credentials: list[bytes]
    ) -> Verdict:
        match mechanism, credentials:
            case b"NULL", _:
                return Verdict(200, "OK", "anonymous")
            case b"PLAIN", [username, password]:
                name = self._text(username)
                allowed, why = self._authenticate_plain(domain, name, self._text(password))
                return self._verdict(allowed, why, lambda: name)
            case b"CURVE", [key] if len(key) == _CURVE_KEY_LENGTH:
                decision = self._authenticate_curve(domain, key)
                allowed, why = await decision if isinstance(decision, Awaitable) else decision
                return self._verdict(allowed, why, lambda: self.curve_user_id(key))
            case b"GSSAPI", [principal]:
                name = principal.decode("utf-8")
                allowed, why = self._authenticate_gssapi(domain, principal)
                return self._verdict(allowed, why, lambda: name)
            case ((b"PLAIN" | b"CURVE" | b"GSSAPI"), _):
                self.log.error("Invalid %s credentials", self._text(mechanism))
                return _denied("Invalid credentials")
        return _denied("NO ACCESS")

    def _verdict(self, allowed: bool, why: bytes, user_id: Callable[[], str]) -> Verdict:
        return Verdict(200, "OK", user_id()) if allowed else _denied(self._text(why))

    # The rules of each mechanism, by the names that subclasses of pyzmq's override: whether, and
    # why not. The domain is as it was asked for, empty for sockets without one.

    def _authenticate_plain(self, domain: str, username: str, password: str) -> tuple[bool, bytes]:
        if not self.passwords:
            return False, b"No passwords defined"
        users = self.passwords.get(domain or "*")
        if users is None:
            return False, b"Invalid domain"
        # how long it takes tells neither who is known nor how much, or how long, a password is
        known, given = users.get(username, "").encode(), password.encode()
        right = hmac.compare_digest(sha256(known).digest(), sha256(given).digest())
        if username not in users:
            return False, b"Invalid username"
        return right, b"OK" if right else b"Invalid password"

    async def _authenticate_curve(self, domain: str, client_key: bytes) -> tuple[bool, bytes]:
        if self.allow_any:
            return True, b"OK"
        domain, text = domain or "*", z85.encode(client_key)
        if self.credentials_providers:
            if domain not in self.credentials_providers:
                return False, b"Unknown domain"
            known = self.credentials_providers[domain].callback(domain, text)
            if isinstance(known, Awaitable):
                known = await known
        elif domain in self._directories:
            known = text in self._directories[domain]
        elif domain not in self.certs:
            return False, b"Unknown domain"
        else:
            known = self.certs[domain].get(text)
        return (True, b"OK") if known else (False, b"Unknown key")

    def _authenticate_gssapi(self, domain: str, principal: bytes) -> tuple[bool, bytes]:
        return True, b"OK"

    def _text(self, raw: bytes) -> str:
        return raw.decode(self.encoding, "replace")

    def _send_zap_reply(
        self,
        request_id: bytes,
        status_code: bytes,
        status_text: bytes,
        user_id: str | bytes = "anonymous",
        metadata: bytes = b"",
    ) -> None:
        raw_id = user_id if status_code == b"200" else b""
        if isinstance(raw_id, str):  # else a subclass's `curve_user_id` has octets
            raw_id = raw_id.encode(self.encoding, "replace")
        self.zap_socket.send_multipart(
            [VERSION, request_id, status_code, status_text, raw_id, metadata]
        )


__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]
