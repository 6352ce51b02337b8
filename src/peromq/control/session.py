"""The handshake on one connection: `zmtp.Handshake`, a non-blocking socket and a deadline.

A peer that ZAP refuses is told so, where the mechanism has words for it, and then kept in silence
until it goes or its time is up (libzmq): who is hung up on comes back at once, and asks again.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from .._core import handles_octets as octets
from ..constants import Event
from ..zmtp import Handshake, NullMechanism, PeerInfo, ProtocolError, ZapNeeded
from .loop import READ, WRITE, Loop, Owner, Timer

_COURTESY = 0.2  # seconds for which a side that should hear the peer's READY first keeps its own
_REFUSED_TIME = 30.0  # seconds a refused peer is kept if HANDSHAKE_IVL sets no limit


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection, as a monitor event and in words; `final` if trying again has no
    point."""

    event: Event
    value: int
    final: bool
    reason: str

    @property
    def errno(self) -> int:
        """`value`, or what comes next to it."""
        if self.event is Event.HANDSHAKE_FAILED_NO_DETAIL:
            return self.value
        return errno.EACCES if self.event is Event.HANDSHAKE_FAILED_AUTH else errno.EPROTO

    @property
    def level(self) -> int:
        """For the log. What time may mend is no news for a person: strangers, restarts."""
        told = self.value in (errno.EFAULT, errno.EADDRINUSE)
        trifle = self.event is Event.HANDSHAKE_FAILED_NO_DETAIL and not told
        return logging.INFO if trifle else logging.WARNING


class SessionOwner(Owner, Protocol):
    """Gets exactly one of the first two calls, and then owns `session.connection` again."""

    def handshake_done(self, session: Session) -> None: ...

    def handshake_failed(self, session: Session, failure: Failure | None) -> None:
        """`failure`: None if it is the one that was reported already."""

    def handshake_refused(self, session: Session, failure: Failure) -> None:
        """It has failed; only the connection is still there for a while."""

    def objection(self, peer: PeerInfo) -> Failure | None:
        """Asked before the peer is told that it is let in: why it is not."""

    def slow_work(self, session: Session, work: Callable[[], None]) -> Callable[[], None]:
        """Call `work` where it may take seconds, then `session.resume` here; returns what takes it
        back while it has not begun."""

    def zap_needed(self, session: Session, question: ZapNeeded) -> Callable[[], None] | None:
        """Ask ZAP for the session; returns what takes the question back. None: nobody is there."""

    def keeps(self, octets: int) -> None:
        """Told meanwhile: how much the peer makes us keep just now."""


class Session:
    """Shakes hands; between `start` and the owner's call, the connection is ours to close.

    timeout: option HANDSHAKE_IVL in ms; 0 for none (but a refused peer's time ends). What a peer
    can make us keep is one incomplete command and one read: nothing is read while we are done and
    only have to finish writing.
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
        self._refused = False
        self._known = False
        self._ended = False
        self._cancel_zap: Callable[[], None] | None = None
        self._cancel_work: Callable[[], None] | None = None
        self._watch = loop.watch(connection.fileno(), READ, self._ready, owner)
        self._deadline = loop.later(timeout / 1000, self._expire, owner) if timeout > 0 else None
        self._courtesy: Timer | None = None
        if getattr(handshake.mechanism, "waits", False):
            self._courtesy = loop.later(_COURTESY, self._hurry, owner)

    def start(self, *, spoken: bool = False) -> None:
        """Say hello. May call the owner back at once. spoken: the peer may have said something."""
        self._step(self._exchange if spoken else self._write)

    def zap_reply(
        self, status_code: int, status_text: str, user_id: str, metadata: Mapping[bytes, bytes]
    ) -> None:
        """The answer to what the owner was given to ask."""
        self._cancel_zap = None

        def go_on() -> None:
            self.handshake.zap_reply(status_code, status_text, user_id, metadata)
            self._write()

        self._step(go_on)

    def zap_missing(self) -> None:
        """Nobody is there to be asked."""
        self._cancel_zap = None

        def go_on() -> None:
            self.handshake.zap_missing()
            self._write()

        self._step(go_on)

    def resume(self) -> None:
        """What the owner was given to call has returned."""
        self._cancel_work = None
        self._step(self._write)
        if not self._ended:
            self._owner.keeps(self.handshake.kept)

    def zap_failed(self, error: ProtocolError) -> None:
        """There is no valid answer."""
        self._cancel_zap = None
        self._step(lambda: self.handshake.zap_failed(error))

    def give_up(self, failure: Failure) -> None:
        """End it, for a reason that is not the peer's octets."""
        self._fail(failure)

    def close(self) -> None:
        """Give up without telling the owner. Idempotent."""
        self._release()
        self.handshake.forget()
        self.connection.close()

    def fail(self) -> None:
        """A call to us raised."""
        self._owner.fail()

    def after_fork(self) -> None:
        """In a forked child: close its copy of the connection, without a word to the peer."""
        self.connection.close()

    def _ready(self) -> None:
        self._step(self._exchange)

    def _hurry(self) -> None:
        """The peer has not said READY: perhaps it waits for ours (RFC 37: both say it at once)."""
        mechanism = self.handshake.mechanism
        assert isinstance(mechanism, NullMechanism)
        mechanism.hurry()
        self._step(self._write)

    def _expire(self) -> None:
        self.give_up(_no_detail(errno.ETIMEDOUT, "it did not end in time (HANDSHAKE_IVL)"))

    def _step(self, action: Callable[[], None]) -> None:
        if self._ended:
            return
        try:
            action()
        except ProtocolError as error:
            self._say_why()
            self._fail(_explain(error))
        except OSError as error:
            self._fail(_no_detail(error.errno or errno.EIO, error.strerror or str(error)))
        else:
            self._look()

    def _look(self) -> None:
        """What has the step led to?"""
        if self._ended:
            return
        work = self.handshake.next_work()
        question = self.handshake.next_zap_question()
        if work is not None:
            self._cancel_work = self._owner.slow_work(self, work)
        elif question is not None:
            self._cancel_zap = self._owner.zap_needed(self, question)
            if self._cancel_zap is None:
                self.zap_missing()
        elif self.handshake.refused is not None:
            self._refuse(self.handshake.refused)
        elif self.handshake.done and not self._unsent:
            self._release()
            self._owner.handshake_done(self)

    def _refuse(self, status: int) -> None:
        if self._refused:
            return
        self._refused = True
        if self._deadline is None:
            self._deadline = self._loop.later(_REFUSED_TIME, self._expire, self._owner)
        reason = f"ZAP refused the peer with status {status}"
        self._owner.handshake_refused(
            self,
            Failure(Event.HANDSHAKE_FAILED_AUTH, status, final=True, reason=reason),
        )

    def _exchange(self) -> None:
        if not self.handshake.done:
            self._read()
        if not self._ended:  # else the owner has closed us
            self._write()

    def _read(self) -> None:
        try:
            data = octets.receive(self.connection.fileno())
        except BlockingIOError:
            return
        if data:
            self.handshake.receive_data(data)
            self._owner.keeps(self.handshake.kept)
        else:
            self.handshake.receive_eof()

    def _write(self) -> None:
        self._unsent += self.handshake.data_to_send()
        if self.handshake.done and not self._known:
            self._known = True  # who the peer is; our last words to it are yet to be sent
            objection = self._owner.objection(self.handshake.peer)
            if objection is not None:
                self._fail(objection)
                return
        if self._unsent:
            try:
                sent = octets.send(self.connection.fileno(), self._unsent)
                self._unsent = self._unsent[sent:]
            except BlockingIOError:
                pass
        wanted = WRITE if self._unsent else 0
        if not self.handshake.done:
            wanted |= READ
        if wanted:
            self._watch.want(wanted)
            self.handshake.work_ahead()

    def _say_why(self) -> None:
        """Send what the mechanism left for the peer, an ERROR command; as far as it goes."""
        try:
            last = self._unsent + self.handshake.data_to_send()
            octets.send(self.connection.fileno(), last)
        except OSError:
            pass

    def _fail(self, failure: Failure) -> None:
        self._release()
        self.handshake.forget()
        self._owner.handshake_failed(self, None if self._refused else failure)

    def _release(self) -> None:
        self._ended = True
        self._watch.cancel()
        for timer in (self._deadline, self._courtesy):
            if timer is not None:
                timer.cancel()
        if self._cancel_zap is not None:
            self._cancel_zap()
            self._cancel_zap = None
        if self._cancel_work is not None:
            self._cancel_work()
            self._cancel_work = None


def _explain(error: ProtocolError) -> Failure:
    """libzmq's event for it. An EOF counts as EPIPE there, a missing ZAP handler as EFAULT."""
    reason = str(error)
    if error.auth_status is not None:
        return Failure(Event.HANDSHAKE_FAILED_AUTH, error.auth_status, final=True, reason=reason)
    if error.retry:
        return _no_detail(errno.EPIPE, reason)
    if error.local:
        return _no_detail(errno.EFAULT, reason)
    return Failure(Event.HANDSHAKE_FAILED_PROTOCOL, int(error.code), final=True, reason=reason)


def _no_detail(number: int, reason: str) -> Failure:
    return Failure(Event.HANDSHAKE_FAILED_NO_DETAIL, number, final=False, reason=reason)
