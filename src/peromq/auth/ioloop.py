"""Deprecated: tornado runs on asyncio, so AsyncioAuthenticator does what is needed."""

from __future__ import annotations

from typing import Any
from warnings import warn

import peromq as zmq

from .asyncio import AsyncioAuthenticator

warn(
    "auth.ioloop.IOLoopAuthenticator is deprecated. Use auth.asyncio.AsyncioAuthenticator",
    DeprecationWarning,
    stacklevel=2,
)


class IOLoopAuthenticator(AsyncioAuthenticator):
    """Deprecated: AsyncioAuthenticator. io_loop: deprecated and ignored, too."""

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        encoding: str = "utf-8",
        log: Any = None,
        io_loop: Any = None,
    ) -> None:
        super().__init__(context=context, encoding=encoding, log=log)
        if io_loop is not None:
            warn(
                f"{type(self).__name__}(io_loop) is deprecated and ignored",
                DeprecationWarning,
                stacklevel=2,
            )


__all__ = ["IOLoopAuthenticator"]
