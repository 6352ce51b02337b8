"""One token: a peer's queue in the data plane, and its end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..constants import Event
from .facts import PROTOCOL_ERRORS, PeerFacts, reason_of
from .loop import Timer
from .record import SocketRecord
from .settings import Settings


class Peer:
    """What peers of every kind have in common. Lives in the control thread.

    The data plane has the descriptor, or the queue for one that is to come, and reports by
    `disconnected` or `flushed`. `close` and `abort` end it from our side, `finish` is the end of
    every path.
    """

    bound = False
    """Accepted, not dialed."""

    def __init__(self, record: SocketRecord, settings: Settings, endpoint: str, token: int) -> None:
        self.record = record
        self.hub = record.hub
        self.settings = settings
        self.endpoint = endpoint
        self.token = token
        self.has_queue = False  # the data plane knows the token
        self.attached = False  # and has a connection for it
        self.closing = False
        self.aborted = False
        self.finished = False
        self.reason = ""  # why the last attempt or connection ended
        self.retries = 0
        self._descriptor = -1  # of the present or last connection, as monitors report it
        self._linger: Timer | None = None
        self._linger_end: float | None = None  # on the monotonic clock; None: no limit
        self._other = ""  # the endpoint at the end of the connection that `endpoint` does not name
        self._who: dict[str, str] = {}  # what is known of the peer, once hands are shaken
        self._connections = 0  # that were established
        self._handshake: float | None = None  # seconds, of the last one

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.endpoint} token={self.token}>"

    @property
    def dies_with_connection(self) -> bool:
        """The queue goes with the connection: accepted ones, and all under option IMMEDIATE."""
        return self.bound or bool(self.settings.options.immediate)

    # -- for subclasses

    def lost(self, final: bool, failed_handshake: bool) -> None:
        """The connection is gone, reported and closed. `final`: trying again has no point."""
        raise NotImplementedError

    def forget(self) -> None:
        """Leave the tables of whoever made this peer."""

    def hurry(self) -> None:
        """Its end is to wait for nothing but the data plane."""

    # -- what is told of it

    def emit(self, event: int, value: int, details: Mapping[str, str] | None = None) -> None:
        """Tell the monitor something about this peer."""
        self.record.emit(
            event, value, self.endpoint, details, other=self._other, accepted=self.bound
        )

    def why(self) -> dict[str, str] | None:
        """The reason, as details of an event."""
        return {"Reason": self.reason} if self.reason else None

    def facts(self) -> PeerFacts:
        """For statistics. From any thread."""
        return PeerFacts(
            endpoint=self.endpoint,
            other=self._other,
            accepted=self.bound,
            mechanism=self._who.get("Mechanism", ""),
            connections=self._connections,
            retries=self.retries,
            handshake_time=self._handshake,
        )

    def pair(self) -> tuple[str, str]:
        """The local and the remote endpoint."""
        here, there = self.endpoint, self._other
        return (here, there) if self.bound else (there, here)

    def who(self) -> dict[str, str]:
        """What is known of the peer, for events."""
        return self._who

    def describe(self) -> str:
        """For `Control.pending`."""
        limit = "as long as it takes" if self._linger is None else "until LINGER runs out"
        return f"{self.settings.type.name} {self.endpoint}: unsent messages, {limit}"

    # -- news

    def disconnected(self, value: int) -> None:
        """EV_DISCONNECTED: the data plane has closed the connection."""
        if not self.attached:
            return
        self.attached = False
        if self.aborted or (self.closing and self.dies_with_connection):
            self.finish()
        elif self.closing and not self.has_pending():
            self.abort()  # it is flushed, as we asked
        else:
            if value > PROTOCOL_ERRORS:  # CURVE's, in traffic: libzmq's event, whatever its name
                self.emit(Event.HANDSHAKE_FAILED_PROTOCOL, value)
            self.reason = reason_of(value)
            self.emit(Event.DISCONNECTED, self._descriptor, self._who | {"Reason": self.reason})
            self.lost(final=value >= PROTOCOL_ERRORS, failed_handshake=False)

    def flushed(self) -> None:
        """EV_FLUSHED: the queue is gone, and the connection with it."""
        self.finish()

    def has_pending(self) -> bool:
        """Something is queued for this peer."""
        core = self.record.core()
        return self.has_queue and core is not None and core.has_pending(self.token)

    def _renew_token(self) -> None:
        """The queue went with its connection; the next connection makes a new one."""
        self.has_queue = False
        self.record.forget_token(self.token)
        self.token = self.hub.new_token()
        self.record.add(self)

    # -- the end

    def close(self, linger: int, connecting: bool = True) -> None:
        """End it when its queue is written, but after `linger` ms at the latest (-1: no limit).

        `connecting`: without a connection, go on trying to get one meanwhile. A second call with a
        shorter linger shortens it.
        """
        if self.finished or self.aborted:
            return
        core = self.record.core()
        if not self.has_queue or core is None:
            self.finish()
            return
        hopeless = not self.attached and not (connecting and self.has_pending())
        if linger == 0 or hopeless:
            self.hurry()
            self.abort()
            return
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if linger > 0:
            self._linger_end = time.monotonic() + linger / 1000
            self._linger = self.hub.loop.later(linger / 1000, self._linger_over, self)
        if not self.closing:
            self.closing = True
            core.close_pipe(self.token)

    def _linger_over(self) -> None:
        self.hurry()
        self.abort()

    def abort(self) -> None:
        """End it now. The data plane still has to let go of the queue, if there is one."""
        if self.finished or self.aborted:
            return
        self.release()
        core = self.record.core()
        if self.has_queue and core is not None:
            self.closing = self.aborted = True
            core.abort_pipe(self.token)
        else:
            self.finish()

    def fail(self) -> None:
        """A callback of ours raised: there may be no news to wait for."""
        self.hurry()
        self.abort()
        self.finish()

    def finish(self) -> None:
        """Forget it: nothing of it is left in the data plane. Idempotent."""
        self.release()
        if not self.finished:
            self.finished = True
            self.forget()
            self.record.remove(self)

    def release(self) -> None:
        """Close what the control plane holds: timers, and a connection not handed over."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def after_fork(self) -> None:
        """In a forked child: close its copies of what `release` closes, and nothing more."""
