"""What the control plane knows of a peer, for statistics and for the details of events."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..constants import Event
from ..zmtp import PeerInfo

PROTOCOL_ERRORS = 0x10000000
"""The lowest ZMQ_PROTOCOL_ERROR_*; errno values are below."""


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """One peer's connection, or the lack of one."""

    endpoint: str
    """The one that was bound or connected."""
    other: str
    """The other end's, empty without a connection."""
    accepted: bool
    mechanism: str
    connections: int
    """How many were established."""
    retries: int
    """How often it was tried again."""
    handshake_time: float | None
    """Seconds from the beginning of the last connection until hands were shaken."""
    multicast: Mapping[str, int] | None = None
    """A multicast endpoint's counters."""


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """What the control plane knows of a socket."""

    peers: Mapping[int, PeerFacts]
    """By token."""
    events: Mapping[int, int]
    """How often each monitor event happened."""
    reconnects: int
    """Connections after the first one, of all peers that are or were."""


def far_end(connection: socket.socket, accepted: bool) -> Any:
    """The end of a connection that the peer's endpoint does not name, as if it were ours."""
    return _Named(connection.getpeername) if accepted else connection


class _Named:
    """As much of a socket as `Transport.endpoint_of` asks."""

    def __init__(self, getsockname: Callable[[], Any]) -> None:
        self.getsockname = getsockname


def routing_id_of(name: tuple[bytes, int], peer: PeerInfo) -> dict[str, str]:
    """What the peer is called here: by a ROUTER or a SERVER, or by itself."""
    text, number = name
    if number:
        return {"Routing-Id": str(number)}
    text = text or peer.routing_id
    return {"Routing-Id": text.decode("latin-1")} if text else {}


def reason_of(value: int) -> str:
    """Why the data plane closed a connection."""
    if value == 0:
        return "the connection was closed"
    if value == errno.ETIMEDOUT:
        return "the peer was silent for too long (heartbeats, or the system's time limit)"
    if value < PROTOCOL_ERRORS:
        return os.strerror(value)
    return f"protocol error {Event(value).name or hex(value)}"
