"""What all sockets of a context share in the control thread."""

from __future__ import annotations

import itertools
from random import Random
from typing import TYPE_CHECKING

from .endwatch import EndWatch
from .loop import Loop
from .resolver import Resolver
from .zap import NoHandler, Zap

if TYPE_CHECKING:
    from .peer import Peer


class Hub:
    """The loop, its helpers, and the table that finds a peer by the data plane's token."""

    def __init__(self) -> None:
        self.loop = Loop("peromq/control")
        self.ends = EndWatch(self.loop)
        self.resolver = Resolver()
        self.random = Random()
        self.zap: Zap = NoHandler(self.loop)
        self.peers: dict[int, Peer] = {}
        self._tokens = itertools.count(1)

    def new_token(self) -> int:
        """Never given before in this context. From any thread."""
        return next(self._tokens)

    def stop(self) -> None:
        """Join the thread and close the hub's own descriptors. Idempotent."""
        self.resolver.clear()
        self.loop.stop()
        self.ends.close()

    def after_fork(self) -> None:
        """In a forked child: close its copies of the hub's own descriptors."""
        self.loop.after_fork()
        self.ends.close()
