"""What the suites of ROUTER share."""

from __future__ import annotations

from typing import Any

from tests.helpers import last_endpoint


def router_and_dealer(
    sock: Any, endpoints: Any, transport: str, name: bytes = b"dealer", **options: int
) -> tuple[Any, Any]:
    """Connected, and the router knows it."""
    router = sock("ROUTER", bind=endpoints.any(transport), **options)
    dealer = sock("DEALER", routing_id=name, rcvbuf=8192, connect=last_endpoint(router))
    dealer.send(b"hello")
    assert router.recv_multipart() == [name, b"hello"]
    return router, dealer
