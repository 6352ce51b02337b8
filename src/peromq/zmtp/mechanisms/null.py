"""NULL: both sides send READY at once and wait for the other's (RFC 37, the NULL mechanism)."""

from collections.abc import Mapping
from types import MappingProxyType

from ..commands import ERROR, READY, build_ready, parse_error
from ..errors import ProtocolError, ProtocolErrorCode


class NullMechanism:
    """No authentication, no encryption."""

    name = "NULL"
    properties: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        self._ready: bytes | None = None
        self._ready_sent = False
        self._ready_received = False

    @property
    def done(self) -> bool:
        return self._ready_sent and self._ready_received

    def start(self, metadata: bytes) -> None:
        self._ready = build_ready(metadata)

    def next_command(self) -> bytes | None:
        ready, self._ready = self._ready, None
        if ready is not None:
            self._ready_sent = True
        return ready

    def receive_command(self, body: bytes) -> bytes | None:
        if body.startswith(READY) and not self._ready_received:
            self._ready_received = True
            return body[len(READY) :]
        if body.startswith(ERROR):
            raise parse_error(body)
        raise ProtocolError(
            f"expected READY, got {body[:16]!r}", ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND
        )
