"""NULL: both sides send READY at once and wait for the other's (RFC 37, the NULL mechanism).

A side with a ZAP domain asks ZAP first, and withholds its READY until the peer's address is let in.
"""

from collections.abc import Mapping

from ..commands import ERROR, READY, build_error, build_ready, parse_error, unexpected
from ..zap import TEMPORARY, ZapGate


class NullMechanism:
    """No encryption, and no authentication unless ZAP judges by the address."""

    name = "NULL"

    def __init__(self, gate: ZapGate | None = None) -> None:
        self.gate = gate or ZapGate(ask=False, required=False)
        self._metadata = b""
        self._answered = False
        self._ready_received = False

    @property
    def done(self) -> bool:
        return self.gate.passed and self._answered and self._ready_received

    @property
    def properties(self) -> Mapping[str, str]:
        return self.gate.properties

    def take_traffic(self) -> None:
        return None

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata
        self.gate.present(self.name, [])

    def next_command(self) -> bytes | None:
        if self._answered:
            return None
        if self.gate.passed:
            self._answered = True
            return build_ready(self._metadata)
        if self.gate.refused is not None:
            self._answered = True
            if self.gate.refused != TEMPORARY:
                return build_error(str(self.gate.refused))
        return None

    def receive_command(self, body: bytes) -> bytes | None:
        if body.startswith(READY) and not self._ready_received:
            self._ready_received = True
            return body[len(READY) :]
        if body.startswith(ERROR):
            raise parse_error(body)
        raise unexpected("READY", body)
