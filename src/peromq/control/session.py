"""The handshake on one connection: `zmtp.Handshake`, a non-blocking socket and a deadline."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..constants import Event
from ..zmtp import Handshake, ProtocolError
from .loop import READ, WRITE, Loop, Owner

_READ_SIZE = 8192


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection, as a monitor event; `final` if trying again has no point."""

    event: Event
    value: int
    final: bool


class SessionOwner(Owner, Protocol):
    """Gets exactly one of these calls, and then owns `session.connection` again."""

    def handshake_done(self, session: Session) -> None: ...

    def handshake_failed(self, session: Session, failure: Failure) -> None: ...


class Session:
    """Shakes hands; between `start` and the owner's call, the connection is ours to close.

    timeout: option HANDSHAKE_IVL in ms; 0 for none. What a peer can make us keep is one incomplete
    command and one read: nothing is read while we are done and only have to finish writing.
    """

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        handshake: Handshake,
        timeout: int,
        owner: SessionOwner,
    ) -> None:
        self.connection = connection
        self.handshake = handshake
        self._loop = loop
        self._owner = owner
        self._unsent = b""
        self._watch = loop.watch(connection.fileno(), READ, self._ready, owner)
        self._deadline = loop.later(timeout / 1000, self._expire, owner) if timeout > 0 else None

    def start(self) -> None:
        """Say hello. May call the owner back at once."""
        self._step(self._write)

    def resume(self) -> None:
        """The mechanism may have something to say now: a verdict came from elsewhere."""
        self._step(self._write)

    def close(self) -> None:
        """Give up without telling the owner. Idempotent."""
        self._release()
        self.connection.close()

    def after_fork(self) -> None:
        """In a forked child: close its copy of the connection, without a word to the peer."""
        self.connection.close()

    def _ready(self) -> None:
        self._step(self._exchange)

    def _expire(self) -> None:
        self._fail(Failure(Event.HANDSHAKE_FAILED_NO_DETAIL, errno.ETIMEDOUT, final=False))

    def _step(self, action: Callable[[], None]) -> None:
        try:
            action()
        except ProtocolError as error:
            self._say_why()
            self._fail(_explain(error))
        except OSError as error:
            number = error.errno or errno.EIO
            self._fail(Failure(Event.HANDSHAKE_FAILED_NO_DETAIL, number, final=False))
        else:
            if self.handshake.done and not self._unsent:
                self._release()
                self._owner.handshake_done(self)

    def _exchange(self) -> None:
        if not self.handshake.done:
            self._read()
        self._write()

    def _read(self) -> None:
        try:
            data = self.connection.recv(_READ_SIZE)
        except BlockingIOError:
            return
        if data:
            self.handshake.receive_data(data)
        else:
            self.handshake.receive_eof()

    def _write(self) -> None:
        self._unsent += self.handshake.data_to_send()
        if self._unsent:
            try:
                self._unsent = self._unsent[self.connection.send(self._unsent) :]
            except BlockingIOError:
                pass
        wanted = WRITE if self._unsent else 0
        if not self.handshake.done:
            wanted |= READ
        if wanted:
            self._watch.want(wanted)

    def _say_why(self) -> None:
        """Send what the mechanism left for the peer, an ERROR command; as far as it goes."""
        try:
            self.connection.send(self._unsent + self.handshake.data_to_send())
        except OSError:
            pass

    def _fail(self, failure: Failure) -> None:
        self._release()
        self._owner.handshake_failed(self, failure)

    def _release(self) -> None:
        self._watch.cancel()
        if self._deadline is not None:
            self._deadline.cancel()


def _explain(error: ProtocolError) -> Failure:
    """libzmq's event for it. An EOF counts as EPIPE there."""
    if error.auth_status is not None:
        return Failure(Event.HANDSHAKE_FAILED_AUTH, error.auth_status, final=True)
    if error.retry:
        return Failure(Event.HANDSHAKE_FAILED_NO_DETAIL, errno.EPIPE, final=False)
    return Failure(Event.HANDSHAKE_FAILED_PROTOCOL, int(error.code), final=True)
