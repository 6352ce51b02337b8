"""NULL: both sides send READY at once and wait for the other's (RFC 37, the NULL mechanism).

A side with a ZAP domain asks ZAP first, and withholds its READY until the peer's address is let in.
One that may have to turn the peer away for its name can wait for the peer's READY first.
"""

from ..commands import ERROR, READY, build_ready, parse_error, unexpected
from ..zap import ZapGate
from .side import Server, State


class NullMechanism(Server):
    """No encryption, and no authentication unless ZAP judges by the address."""

    name = "NULL"

    waits = False
    """Say READY after the peer, not at once, unless `hurry` is called. For one side at the most."""

    def __init__(self, gate: ZapGate | None = None) -> None:
        super().__init__(gate or ZapGate(ask=False, required=False))
        self._ready_received = False

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._present([])

    def _let_in(self) -> None:
        self._state = State.DONE if self._ready_received else State.READY
        if self._ready_received or not self.waits:
            self._outgoing.append(build_ready(self._metadata))

    def hurry(self) -> None:
        """Wait no longer: the peer may be one that waits, too."""
        waited, self.waits = self.waits, False
        if waited and self._state is State.READY:
            self._outgoing.append(build_ready(self._metadata))

    def receive_command(self, body: bytes) -> bytes | None:
        if body.startswith(READY) and not self._ready_received:
            self._ready_received = True
            if self._state is State.READY:
                self._state = State.DONE
                if self.waits:
                    self._outgoing.append(build_ready(self._metadata))
            return body[len(READY) :]
        if body.startswith(ERROR):
            raise parse_error(body)
        raise unexpected("READY", body)
