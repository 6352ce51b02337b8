"""A socket's security options, made into the mechanism of one connection."""

from __future__ import annotations

from typing import Protocol

from ..constants import Errno, SecurityMechanism
from ..error import ZMQError
from ..zmtp import Mechanism, NullMechanism, ZapGate


class SecurityOptions(Protocol):
    """The options read here. Client and server are roles of the security options, whoever binds."""

    as_server: bool
    mechanism: int
    zap_domain: str
    zap_enforce_domain: int


def make_mechanism(options: SecurityOptions) -> Mechanism:
    """The security mechanism of one connection, by the socket's options.

    Raises ZMQError(ENOTSUP) for one that is not there: never fall back to less security.
    """
    enforce = bool(options.zap_enforce_domain)
    if options.mechanism == SecurityMechanism.NULL:
        return NullMechanism(ZapGate(ask=bool(options.zap_domain), required=enforce))
    name = SecurityMechanism(options.mechanism).name
    raise ZMQError(Errno.ENOTSUP, f"security mechanism {name} is not available")
