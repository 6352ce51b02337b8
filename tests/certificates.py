"""Certificates for tests of TLS, made by `trustme` once a run."""

from __future__ import annotations

import functools
from typing import Any

import pytest


@functools.cache
def authority() -> Any:
    """An authority that signs what `identity` makes."""
    return pytest.importorskip("trustme").CA()


@functools.cache
def stranger() -> Any:
    """An authority nobody trusts."""
    return pytest.importorskip("trustme").CA()


@functools.cache
def identity(*names: str, by: Any = None) -> dict[str, bytes]:
    """The options of somebody who has these names: certificate chain and key."""
    issued = (by or authority()).issue_cert(*names)
    return {
        "tls_cert_pem": b"".join(pem.bytes() for pem in issued.cert_chain_pems),
        "tls_key_pem": issued.private_key_pem.bytes(),
    }


def server(**options: Any) -> dict[str, Any]:
    """The options of a server on this host."""
    return identity("127.0.0.1", "::1", "localhost") | options


def client(**options: Any) -> dict[str, Any]:
    """The options of a client that trusts the authority."""
    return {"tls_trust_pem": authority().cert_pem.bytes()} | options
