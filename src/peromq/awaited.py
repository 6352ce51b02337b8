"""The calls that wait several times, awaited: of asyncio's, anyio's and trio's sockets."""

from __future__ import annotations

from typing import Any

from .connected import connected_steps
from .requests import request_steps
from .steps import run_awaited


class AwaitedMixin:
    """See `peromq.Socket` for what they do."""

    async def wait_connected(
        self,
        endpoint: str | bytes | None = None,
        timeout: float | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Wait until a `connect` has led to a connection: see `peromq.Socket.wait_connected`."""
        await run_awaited(connected_steps(self, endpoint, timeout, patient))

    async def request(self, message: Any, *, timeout: float | None = None, retries: int = 0) -> Any:
        """REQ: send a request, return its reply, retry: see `peromq.Socket.request`."""
        return await run_awaited(request_steps(self, message, timeout, retries))


__all__ = ["AwaitedMixin"]
