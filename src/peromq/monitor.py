"""Monitor events on their way out: from the control plane to an inproc PAIR socket."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import unpatched
from .constants import Errno, Event, Flag, SocketOption, SocketType
from .error import Again, ZMQError

if TYPE_CHECKING:
    from .context_state import ContextState
    from .socket_state import SocketState

_V1 = struct.Struct("=HI")  # event, value: host order, packed (zmq_socket_monitor)
_BACKLOG = 1000  # events kept while nobody has connected to the monitor


class MonitorFeed:
    """One socket's monitor. Thread-safe; `emit` never blocks and never raises."""

    def __init__(self, context: ContextState) -> None:
        self._context = context
        self._lock = unpatched.RLock()
        self._pair: SocketState | None = None
        self._events = 0
        self._backlog: deque[list[bytes]] = deque(maxlen=_BACKLOG)

    def start(self, endpoint: str, events: int) -> None:
        """Publish `events` at an inproc endpoint; a monitor that runs already is replaced.

        Raises ZMQError: EPROTONOSUPPORT unless inproc, EADDRINUSE.
        """
        if not endpoint.startswith("inproc://"):
            raise ZMQError(
                Errno.EPROTONOSUPPORT,
                f"Protocol not supported (monitors are inproc, not {endpoint})",
            )
        with self._lock:
            self.stop()
            pair = self._context.new_socket(SocketType.PAIR, internal=True)
            try:
                pair.set(SocketOption.LINGER, 0)
                pair.bind(endpoint)
            except BaseException:
                pair.close()
                raise
            self._pair, self._events = pair, events
            pair.on_peer = self._flush

    def emit(
        self, event: int, value: int, endpoint: str, details: Mapping[str, str] | None = None
    ) -> None:
        """Send one event in the v1 format, if it is asked for. See zmq_socket_monitor(3).

        details go into a third frame, as a JSON object, for those who want it (EVENT_DETAILS).
        """
        if not self._events or not event & self._events:
            return
        where = endpoint.encode(errors="surrogateescape")
        message = [_V1.pack(event & 0xFFFF, value & 0xFFFFFFFF), where]
        if details is not None and self._events & Event.DETAILS:
            import json  # few want it, and it is slow to load

            message.append(json.dumps(dict(details)).encode())
        with self._lock:
            if self._pair is not None:
                self._backlog.append(message)
                self._flush()

    def stop(self) -> None:
        """Send MONITOR_STOPPED and close. Idempotent."""
        with self._lock:
            self.emit(Event.MONITOR_STOPPED, 0, "")
            pair, self._pair, self._events = self._pair, None, 0
            self._backlog.clear()
            if pair is not None:
                pair.close()

    def _flush(self) -> None:
        with self._lock:
            if self._pair is None or self._pair.core is None:
                return
            try:
                while self._backlog:
                    self._pair.core.send_multipart(self._backlog[0], Flag.DONTWAIT)
                    self._backlog.popleft()
            except Again:
                pass  # nobody has connected yet, or reads too slowly: the oldest go first
            except ZMQError:
                self._backlog.clear()  # the context is being terminated
