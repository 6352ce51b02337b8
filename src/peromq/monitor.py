"""Monitor events on their way out: from the control plane to an inproc socket."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from . import unpatched
from .constants import Errno, Event, Flag, SocketOption, SocketType
from .error import Again, ZMQError

if TYPE_CHECKING:
    from .context_state import ContextState
    from .socket_state import SocketState

_BACKLOG = 1000  # events kept while nobody has connected to the monitor

_TYPES = (SocketType.PAIR, SocketType.PUB, SocketType.PUSH)


class MonitorFeed:
    """One socket's monitor. Thread-safe; `emit` never blocks and never raises."""

    def __init__(self, context: ContextState) -> None:
        self._context = context
        self._lock = unpatched.RLock()
        self._out: SocketState | None = None
        self._version = 1
        self._backlog: deque[list[bytes]] = deque(maxlen=_BACKLOG)
        self.events = 0
        """What is asked for; 0 without a monitor."""

    def start(
        self,
        endpoint: str,
        events: int,
        version: int = 1,
        socket_type: int = SocketType.PAIR,
    ) -> None:
        """Publish `events` at an inproc endpoint; a monitor that runs already is replaced.

        Raises ZMQError: EINVAL for events that the version does not have, a version but 1 and 2, or
        a type but PAIR, PUB and PUSH; EPROTONOSUPPORT unless inproc, EADDRINUSE.
        """
        if version not in (1, 2):
            raise ZMQError(Errno.EINVAL, f"Invalid argument (there is no version {version})")
        if version == 1 and (events & ~Event.DETAILS) >> 16:
            raise ZMQError(Errno.EINVAL, "Invalid argument (version 1 has the first 16 events)")
        if not endpoint.startswith("inproc://"):
            raise ZMQError(
                Errno.EPROTONOSUPPORT,
                f"Protocol not supported (monitors are inproc, not {endpoint})",
            )
        with self._lock:
            self.stop()
            if socket_type not in _TYPES:
                raise ZMQError(Errno.EINVAL, "Invalid argument (monitors are PAIR, PUB or PUSH)")
            out = self._context.new_socket(socket_type, internal=True)
            try:
                out.set(SocketOption.LINGER, 0)
                out.bind(endpoint)
            except BaseException:
                out.close()
                raise
            self._out, self.events, self._version = out, events, version
            out.on_peer = self._flush

    def emit(
        self,
        event: int,
        values: Sequence[int],
        pair: tuple[str, str],
        *,
        accepted: bool,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Send one event, if it is asked for. See zmq_socket_monitor_versioned(3).

        pair: the local and the remote endpoint; version 1 has the one that names what was bound or
        connected. details go into one more frame, as a JSON object, for those who want them
        (EVENT_DETAILS); with version 2 each event has some.
        """
        if not event & self.events:
            return
        if self._version == 1:
            head = _number(event, 2) + _number(values[0], 4)
            message = [head, _octets(pair[0 if accepted else 1])]
        else:
            numbers = [_number(each, 8) for each in (event, len(values), *values)]
            message = [*numbers, _octets(pair[0]), _octets(pair[1])]
        if self._version == 2 and self.events & Event.DETAILS:
            details = {"Endpoint": pair[0 if accepted else 1], **(details or {})}
        if details is not None and self.events & Event.DETAILS:
            import json  # few want it, and it is slow to load

            message.append(json.dumps(dict(details)).encode())
        with self._lock:
            if self._out is not None:
                self._backlog.append(message)
                self._flush()

    def stop(self) -> None:
        """Send MONITOR_STOPPED and close. Idempotent."""
        if self._out is None:
            return
        with self._lock:
            self.emit(Event.MONITOR_STOPPED, [0], ("", ""), accepted=False)
            out, self._out, self.events = self._out, None, 0
            self._backlog.clear()
            if out is not None:
                out.close()

    def _flush(self) -> None:
        with self._lock:
            if self._out is None or self._out.core is None:
                return
            try:
                while self._backlog:
                    self._out.core.send_multipart(self._backlog[0], Flag.DONTWAIT)
                    self._backlog.popleft()
            except Again:
                pass  # nobody has connected yet, or reads too slowly: the oldest go first
            except ZMQError:
                self._backlog.clear()  # the context is being terminated


def _number(value: int, octets: int) -> bytes:
    """As zmq_socket_monitor has it, in the host's order."""
    return (value & ((1 << 8 * octets) - 1)).to_bytes(octets, sys.byteorder)


def _octets(endpoint: str) -> bytes:
    """A path may have octets that are no text."""
    return endpoint.encode(errors="surrogateescape")
