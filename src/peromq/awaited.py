"""The calls that wait several times, awaited: of asyncio's, anyio's and trio's sockets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .connected import connected_steps
from .requests import request_steps
from .steps import run_awaited
from .waits import encoded, subscribed, subscribed_steps

if TYPE_CHECKING:
    from .socket_state import SocketState


class AwaitedMixin:
    """See `peromq.Socket` for what they do.

    The socket has a `_wait_until` and a `_sleep` like those of `WaitMixin`, to be awaited.
    """

    _state: SocketState
    _wait_until: Any

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

    async def wait_subscribed(
        self,
        topic: str | bytes | None = None,
        timeout: float | None = None,
        *,
        count: int | None = None,
    ) -> int:
        """As `peromq.Socket.wait_subscribed`, but only this task waits."""
        return await run_awaited(subscribed_steps(self, topic, timeout, count))

    async def wait_subscribers(
        self,
        topic: str | bytes | None = None,
        count: int = 1,
        timeout: float | None = None,
    ) -> int:
        """As `peromq.Socket.wait_subscribers`, but only this task waits."""
        attempt = partial(subscribed, self._state, encoded(topic), count)
        found: int = await self._wait_until(attempt, timeout, f"fewer than {count} subscribers")
        return found


__all__ = ["AwaitedMixin"]
