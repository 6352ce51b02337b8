"""A socket's security options, made into the mechanisms of its connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .._core import handles_sodium
from .._core.handles_codec import CurveCodec
from ..constants import Errno, SecurityMechanism
from ..error import ZMQError
from ..zmtp import (
    CurveClient,
    CurveServer,
    CurveTraffic,
    GssapiClient,
    GssapiServer,
    Mechanism,
    NullMechanism,
    PlainClient,
    PlainServer,
    ZapGate,
)
from .kerberos import GssapiOptions, client_contexts, server_contexts


class SecurityOptions(GssapiOptions, Protocol):
    """The options read here. Client and server are roles of the security options, whoever binds."""

    as_server: bool
    curve_publickey: bytes
    curve_secretkey: bytes
    curve_serverkey: bytes
    mechanism: int
    plain_password: str
    plain_username: str
    zap_domain: str
    zap_enforce_domain: int


def mechanism_maker(options: SecurityOptions) -> Callable[[], Mechanism]:
    """What makes the mechanism of each new connection, by the socket's options as they are now.

    Raises ZMQError: ENOTSUP for a mechanism that is not there (never fall back to less security),
    EINVAL for options that are missing or do not go together.
    """
    server, client = _MAKERS[options.mechanism]
    try:
        return server(options) if options.as_server else client(options)
    except ImportError:
        raise ZMQError(
            Errno.ENOTSUP, "Not supported (CURVE needs PyNaCl: pip install pynacl)"
        ) from None


def make_codec(traffic: CurveTraffic) -> CurveCodec:
    """What encrypts traffic in the data plane, which alone has the key from now on."""
    codec = CurveCodec(**traffic._asdict())
    handles_sodium.wipe(traffic.key)
    return codec


def _gate(options: SecurityOptions, *, ask: bool) -> ZapGate:
    """ZAP_ENFORCE_DOMAIN: whoever asks must get an answer."""
    return ZapGate(ask=ask, required=bool(options.zap_enforce_domain))


def _null(options: SecurityOptions) -> Callable[[], Mechanism]:
    return lambda: NullMechanism(_gate(options, ask=bool(options.zap_domain)))


def _plain_client(options: SecurityOptions) -> Callable[[], Mechanism]:
    username, password = _octets(options.plain_username), _octets(options.plain_password)
    return lambda: PlainClient(username, password)


def _plain_server(options: SecurityOptions) -> Callable[[], Mechanism]:
    if options.zap_enforce_domain and not options.zap_domain:  # libzmq aborts the process
        raise _invalid("a PLAIN server with ZAP_ENFORCE_DOMAIN needs a ZAP_DOMAIN")
    # Passwords that nobody looks at protect nothing: there must be a handler.
    return lambda: PlainServer(ZapGate(ask=True, required=True))


def _curve_client(options: SecurityOptions) -> Callable[[], Mechanism]:
    for name in ("CURVE_SERVERKEY", "CURVE_PUBLICKEY", "CURVE_SECRETKEY"):
        if not getattr(options, name.lower()):
            raise _invalid(f"a CURVE client needs {name}")
    if not _belong_together(options.curve_publickey, options.curve_secretkey):
        raise _invalid("CURVE_PUBLICKEY is not the one that belongs to CURVE_SECRETKEY")

    def make() -> CurveClient:
        return CurveClient(
            server_key=options.curve_serverkey,
            public_key=options.curve_publickey,
            secret_key=options.curve_secretkey,
            transient_secret=handles_sodium.random(32),  # each is wiped when it has served
            vouch_nonce=handles_sodium.random(16),
            sodium=handles_sodium,
        )

    return make


def _curve_server(options: SecurityOptions) -> Callable[[], Mechanism]:
    if not options.curve_secretkey:
        raise _invalid("a CURVE server needs CURVE_SECRETKEY")
    public_key = handles_sodium.public_key(options.curve_secretkey)
    # Without a domain RFC 27 has nobody asked; libzmq asks, unless told to hold to it.
    ask = bool(options.zap_domain) or not options.zap_enforce_domain

    def make() -> CurveServer:
        nonces = handles_sodium.random(32)
        return CurveServer(
            _gate(options, ask=ask),
            public_key=public_key,
            secret_key=options.curve_secretkey,
            transient_secret=handles_sodium.random(32),
            cookie_key=handles_sodium.random(32),
            welcome_nonce=nonces[:16],
            cookie_nonce=nonces[16:],
            sodium=handles_sodium,
        )

    return make


_pairs: set[int] = set()
_PAIRS_MAX = 256


def _belong_together(public_key: bytes, secret_key: bytes) -> bool:
    """Is it that secret key's public one? Who connects a thousand times is not kept waiting.

    Of pairs that were found good their hash is kept: SipHash, under a secret of the process.
    """
    pair = hash((public_key, secret_key))
    if pair not in _pairs:
        if handles_sodium.public_key(secret_key) != public_key:
            return False
        if len(_pairs) >= _PAIRS_MAX:
            _pairs.clear()
        _pairs.add(pair)
    return True


def _gssapi_client(options: SecurityOptions) -> Callable[[], Mechanism]:
    contexts = client_contexts(options)
    return lambda: GssapiClient(contexts(), encrypt=not options.gssapi_plaintext)


def _gssapi_server(options: SecurityOptions) -> Callable[[], Mechanism]:
    contexts = server_contexts(options)
    return lambda: GssapiServer(
        _gate(options, ask=True), contexts(), encrypt=not options.gssapi_plaintext
    )


MECHANISM_NAMES = {int(each): each.name for each in SecurityMechanism}

_Maker = Callable[[SecurityOptions], Callable[[], Mechanism]]
_MAKERS: dict[int, tuple[_Maker, _Maker]] = {
    SecurityMechanism.NULL: (_null, _null),
    SecurityMechanism.PLAIN: (_plain_server, _plain_client),
    SecurityMechanism.CURVE: (_curve_server, _curve_client),
    SecurityMechanism.GSSAPI: (_gssapi_server, _gssapi_client),
}
"""Of the server and of the client."""


def _octets(text: str) -> bytes:
    """As it was set."""
    return text.encode(errors="surrogateescape")


def _invalid(why: str) -> ZMQError:
    return ZMQError(Errno.EINVAL, f"Invalid argument ({why})")
