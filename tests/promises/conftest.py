from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import last_endpoint
from tests.promises.strangers import Server
from tests.sharedfixtures import ctx, endpoints, monitor, raw, raw_listener, sock, spawn

__all__ = ["ctx", "endpoints", "monitor", "raw", "raw_listener", "sock", "spawn"]


@pytest.fixture
def server(request: pytest.FixtureRequest, sock: Any, monitor: Any) -> Iterator[Server]:
    """Indirectly parametrized: the milliseconds a handshake may take."""
    pull = sock("PULL", handshake_ivl=getattr(request, "param", 2000), maxmsgsize=100_000)
    watch = monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    push = sock("PUSH", connect=last_endpoint(pull))
    made = Server(pull, push, watch)
    made.goes_on()
    yield made
    made.goes_on()
