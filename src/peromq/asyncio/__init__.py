"""PeroMQ for asyncio: `import peromq.asyncio`, or `zmq.asyncio` to programs written for pyzmq.

The same sockets, awaited. They work in any loop that has `add_reader`: asyncio's own, uvloop.

    context = peromq.asyncio.Context()
    socket = context.socket(peromq.PULL)
    socket.bind("tcp://127.0.0.1:5555")
    async for message in socket:
        ...
"""

from __future__ import annotations

import selectors
from asyncio import SelectorEventLoop
from warnings import warn

from .poller import Poller
from .socket import Context, Socket


class ProactorSelectorThreadWarning(RuntimeWarning):
    """For Windows: the loop needs a thread besides it. Never given here."""


class ZMQEventLoop(SelectorEventLoop):
    """Deprecated: any loop will do."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        _warn_deprecated()
        super().__init__(selector)


def install() -> None:
    """Deprecated: there is nothing to install."""
    _warn_deprecated()


def _warn_deprecated() -> None:
    warn(
        "ZMQEventLoop and install() are deprecated: sockets work in any event loop",
        DeprecationWarning,
        stacklevel=3,
    )


__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]
