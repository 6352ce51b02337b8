from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import TIMEOUT, zmq
from tests.sharedfixtures import ctx, endpoints, sock

__all__ = ["background", "ctx", "endpoints", "sock"]


class Background:
    """Runs proxies in threads. Their sockets come from `socket`, and are closed by those threads.

    So this works with libzmq as well, whose sockets must not be closed by others.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.outcomes: list[Any] = []
        self.threads: list[threading.Thread] = []

    def socket(self, kind: str, bind: str | None = None, **options: Any) -> Any:
        made = self.context.socket(getattr(zmq, kind))
        for name, value in ({"linger": 0} | options).items():
            made.setsockopt(getattr(zmq, name.upper()), value)
        if bind is not None:
            made.bind(bind)
        return made

    def run(self, function: Callable[..., Any], *args: Any) -> threading.Thread:
        """Call function(*args) in a thread; what it returns or raises goes to `outcomes`."""

        def target() -> None:
            try:
                self.outcomes.append(function(*args))
            except zmq.ZMQError as error:
                self.outcomes.append(error)
            for arg in args:
                if isinstance(arg, zmq.Socket):
                    arg.close()

        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def end(self) -> None:
        """Terminate the context; the proxies end by it."""
        ender = threading.Thread(target=self.context.term, daemon=True)
        ender.start()
        for thread in (*self.threads, ender):
            thread.join(TIMEOUT)
            assert not thread.is_alive()


@pytest.fixture
def background(ctx: Any, sock: Any) -> Iterator[Background]:
    running = Background(ctx)
    yield running
    sock.close()
    running.end()
