"""Sockets for anyio, and so for trio, asyncio and uvloop.

Use it for `Context`, `Socket` and `Poller`, with everything else from `peromq`::

    context = peromq.anyio.Context()
    async with context.socket(peromq.PULL) as socket:
        socket.bind("tcp://127.0.0.1:5555")
        async for message in socket:
            ...

`send`, `recv`, their relatives and `poll` are coroutines here; `arecv` and the like are other
names of them, for programs written for zmq-anyio. Unlike there, a socket needs no task group and
need not be entered or started, and calls begin when they are awaited.
"""

from .poll import Poller
from .sockets import ClosedSocketError, Context, Socket

__all__ = ["ClosedSocketError", "Context", "Poller", "Socket"]
