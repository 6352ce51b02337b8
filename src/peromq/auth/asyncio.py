"""An authenticator on the running event loop."""

from __future__ import annotations

import asyncio
from typing import Any
from warnings import warn

import peromq as zmq
from peromq.asyncio import Poller

from .base import Authenticator


class AsyncioAuthenticator(Authenticator):
    """An Authenticator that answers from a task of the event loop, between `start` and `stop`.

    loop: deprecated and ignored; it is the one running when `start` is called.
    """

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        loop: Any = None,
        encoding: str = "utf-8",
        log: Any = None,
    ) -> None:
        super().__init__(context, encoding, log)
        if loop is not None:
            warn(
                f"{type(self).__name__}(loop) is deprecated and ignored",
                DeprecationWarning,
                stacklevel=2,
            )
        self._task: asyncio.Future[None] | None = None

    async def _serve(self) -> None:
        socket = self.zap_socket
        poller = Poller()
        poller.register(socket, zmq.POLLIN)
        while True:
            await poller.poll()
            await self.handle_zap_message(socket.recv_multipart())

    def start(self) -> None:
        """Bind the ZAP socket and start the task."""
        super().start()
        self._task = asyncio.ensure_future(self._serve())

    def stop(self) -> None:
        """Cancel the task and close the ZAP socket. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        super().stop()


__all__ = ["AsyncioAuthenticator"]
