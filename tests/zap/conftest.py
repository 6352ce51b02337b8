from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.helpers import Monitor, Sock, Sockets, last_endpoint
from tests.kerberos import realm, realm_if_wanted
from tests.sharedfixtures import ctx, endpoints, monitor, raw, sock
from tests.zap.handler import DOMAIN, Handler
from tests.zap.peers import MECHANISMS, NEEDS_KDC, SECURED

__all__ = ["ctx", "endpoints", "monitor", "raw", "realm", "realm_if_wanted", "sock"]


@pytest.fixture
def handler(sock: Sockets) -> Callable[..., Handler]:
    """`handler("ROUTER")`: bound, and answered for by the test."""
    return lambda kind="REP": Handler(sock(kind))


@dataclass
class Pair:
    """A server that is watched, and what makes clients for it."""

    mechanism: str
    server: Sock
    watch: Monitor
    client: Callable[..., Sock]


@pytest.fixture(params=[*MECHANISMS, NEEDS_KDC])
def mechanism(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def pair(sock: Sockets, monitor: Any, mechanism: str) -> Callable[..., Pair]:
    """`pair(…options of the server)`: bound over tcp, with a ZAP domain."""

    def make(**options: Any) -> Pair:
        theirs, ours = SECURED[mechanism]()
        server = sock("PULL", **({"zap_domain": DOMAIN, "handshake_ivl": 5000} | theirs | options))
        watch = monitor(server)
        server.bind("tcp://127.0.0.1:*")

        def client(**more: Any) -> Sock:
            return sock("PUSH", connect=last_endpoint(server), **(ours | more))

        return Pair(mechanism, server, watch, client)

    return make
