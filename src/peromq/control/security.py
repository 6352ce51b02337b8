"""A socket's security options, made into the mechanism of one connection."""

from __future__ import annotations

from typing import Protocol

from ..constants import Errno, SecurityMechanism
from ..error import ZMQError
from ..zmtp import Mechanism, NullMechanism, PlainClient, PlainServer, ZapGate


class SecurityOptions(Protocol):
    """The options read here. Client and server are roles of the security options, whoever binds."""

    as_server: bool
    mechanism: int
    plain_password: str
    plain_username: str
    zap_domain: str
    zap_enforce_domain: int


def make_mechanism(options: SecurityOptions) -> Mechanism:
    """The security mechanism of one connection, by the socket's options.

    Raises ZMQError: ENOTSUP for one that is not there (never fall back to less security), EINVAL
    for options that do not go together.
    """
    domain, enforce = bool(options.zap_domain), bool(options.zap_enforce_domain)
    match SecurityMechanism(options.mechanism):
        case SecurityMechanism.NULL:
            return NullMechanism(ZapGate(ask=domain, required=enforce))
        case SecurityMechanism.PLAIN if options.as_server:
            if enforce and not domain:
                raise ZMQError(  # libzmq aborts the process
                    Errno.EINVAL,
                    "Invalid argument (a PLAIN server with ZAP_ENFORCE_DOMAIN needs a ZAP_DOMAIN)",
                )
            # Passwords that nobody looks at protect nothing: there must be a handler.
            return PlainServer(ZapGate(ask=True, required=True))
        case SecurityMechanism.PLAIN:
            return PlainClient(_octets(options.plain_username), _octets(options.plain_password))
        case other:
            raise ZMQError(Errno.ENOTSUP, f"security mechanism {other.name} is not available")


def _octets(text: str) -> bytes:
    """As it was set."""
    return text.encode(errors="surrogateescape")
