"""An authenticator in a thread of its own: what programs without an event loop need."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import peromq as zmq
import peromq.asyncio

from .base import Authenticator

START_TIMEOUT = 10.0
"""Seconds that the thread has to start."""


class AuthenticationThread(threading.Thread):
    """Serves an authenticator until it reads TERMINATE from `pipe`, which it then closes.

    It runs an event loop, so that callbacks may be coroutine functions.
    """

    pipe: zmq.Socket[bytes]
    poller: peromq.asyncio.Poller | None = None

    def __init__(self, authenticator: Authenticator, pipe: zmq.Socket[bytes]) -> None:
        super().__init__(name="peromq-auth", daemon=True)
        self.authenticator = authenticator
        self.log = authenticator.log
        self.pipe = pipe
        self.started = threading.Event()

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self.pipe.close()

    async def _serve(self) -> None:
        zap_socket = self.authenticator.zap_socket
        self.poller = peromq.asyncio.Poller()
        self.poller.register(self.pipe, zmq.POLLIN)
        self.poller.register(zap_socket, zmq.POLLIN)
        self.started.set()
        while True:
            try:
                readable = dict(await self.poller.poll())
                if self.pipe in readable and self._is_end(self.pipe.recv()):
                    return
                if zap_socket in readable:
                    await self.authenticator.handle_zap_message(zap_socket.recv_multipart())
            except zmq.ZMQError as error:
                if error.errno in (zmq.ETERM, zmq.ENOTSOCK):
                    return  # the context ends, stopped or not
                raise

    def _is_end(self, command: bytes) -> bool:
        self.log.debug("auth received API command %r", command)
        if command == b"TERMINATE":
            return True
        self.log.error("Invalid auth command from API: %r", command)
        self.pipe.send(b"ERROR")
        return False


class ThreadAuthenticator(Authenticator):
    """An Authenticator that answers from a thread of its own, between `start` and `stop`.

    Rules may be changed meanwhile.
    """

    pipe: zmq.Socket[bytes] | None
    pipe_endpoint: str = ""
    thread: AuthenticationThread | None

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        encoding: str = "utf-8",
        log: Any = None,
    ) -> None:
        super().__init__(context=context, encoding=encoding, log=log)
        self.pipe = None
        self.pipe_endpoint = f"inproc://{id(self)}.inproc"
        self.thread = None

    def start(self) -> None:
        """Bind the ZAP socket and start the thread. RuntimeError if it does not start in 10 s."""
        super().start()
        self.pipe = self._make_pipe()
        self.pipe.bind(self.pipe_endpoint)
        far_end = self._make_pipe()
        far_end.connect(self.pipe_endpoint)
        self.thread = AuthenticationThread(self, far_end)
        self.thread.start()
        if not self.thread.started.wait(START_TIMEOUT):
            raise RuntimeError("Authenticator thread failed to start")

    def _make_pipe(self) -> zmq.Socket[bytes]:
        pipe: zmq.Socket[bytes] = self.context.socket(zmq.PAIR, socket_class=zmq.Socket)
        pipe.linger = 1
        return pipe

    def stop(self) -> None:
        """End the thread and close the sockets. Idempotent."""
        if self.pipe is not None:
            if self.thread is not None and self.thread.is_alive():
                try:
                    self.pipe.send(b"TERMINATE", zmq.DONTWAIT)
                except zmq.ZMQError:
                    pass  # the thread is ending already, or its context
                self.thread.join()
            self.thread = None
            self.pipe.close()
            self.pipe = None
        super().stop()

    def is_alive(self) -> bool:
        """Does the thread run?"""
        return self.thread is not None and self.thread.is_alive()

    def __del__(self) -> None:
        if "pipe" in self.__dict__:  # else __init__ has failed
            self.stop()


__all__ = ["ThreadAuthenticator"]
