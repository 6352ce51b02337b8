"""What is said on a fresh connection before ZMTP: a `transports.Preamble` and a deadline."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from ..transports import Preamble
from .loop import READ, WRITE, Loop, Owner


class PreambleTalk:
    """Speaks it on a non-blocking connection, which stays its owner's.

    timeout: in ms, 0 for none. `ended` is called once, and not from here: with what went wrong, or
    with None when the connection is the peer's. `cancel` before the connection is closed.
    """

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        preamble: Preamble,
        timeout: int,
        ended: Callable[[OSError | None], None],
        owner: Owner,
    ) -> None:
        self._connection = connection
        self._preamble = preamble
        self._ended = ended
        self._unsent = b""
        self._watch = loop.watch(connection.fileno(), WRITE, self._step, owner)
        self._deadline = loop.later(timeout / 1000, self._expire, owner) if timeout > 0 else None

    def cancel(self) -> None:
        """Say no more. Idempotent."""
        self._watch.cancel()
        if self._deadline is not None:
            self._deadline.cancel()

    def _step(self) -> None:
        try:
            if self._watch.events & READ:
                self._preamble.receive_data(self._connection.recv(self._preamble.wanted))
            self._write()
        except BlockingIOError:
            return  # level-triggered: we are called again
        except OSError as failure:
            self._end(failure)
            return
        if self._preamble.done:
            self._end(None)
        else:
            self._watch.want(WRITE if self._unsent else READ)

    def _write(self) -> None:
        self._unsent += self._preamble.data_to_send()
        if self._unsent:
            self._unsent = self._unsent[self._connection.send(self._unsent) :]

    def _expire(self) -> None:
        self._end(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))

    def _end(self, failure: OSError | None) -> None:
        self.cancel()
        self._ended(failure)
