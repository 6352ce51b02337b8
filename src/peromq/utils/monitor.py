"""Monitor events on their way in: from a monitor socket's messages to dicts."""

from __future__ import annotations

import json
import struct
from collections.abc import Awaitable, Sequence
from typing import Any, NotRequired, TypedDict

from ..constants import Event
from ..socket import Socket

_V1 = struct.Struct("=hi")


class MonitorMessage(TypedDict):
    """One event of a socket monitor. What `value` means depends on the event."""

    event: Event
    value: Event
    endpoint: bytes
    details: NotRequired[dict[str, str]]


def parse_monitor_message(msg: Sequence[bytes]) -> MonitorMessage:
    """The event in a monitor socket's message: two frames, v1 format. RuntimeError otherwise.

    Where they were asked for with EVENT_DETAILS, events of handshakes have "details" as well: what
    is known of a peer that was let in (Socket-Type, Peer-Address, Mechanism, User-Id, ZAP's
    metadata), or Mechanism, Reason and Peer-Address of one that was not.
    """
    if len(msg) not in (2, 3) or len(msg[0]) != _V1.size:
        raise RuntimeError(f"Invalid event message format: {msg}")
    event, value = _V1.unpack(msg[0])
    parsed: MonitorMessage = {"event": Event(event), "value": Event(value), "endpoint": msg[1]}
    if len(msg) == 3:
        try:
            parsed["details"] = json.loads(msg[2])
        except ValueError:
            raise RuntimeError(f"Invalid event message format: {msg}") from None
    return parsed


def recv_monitor_message(socket: Socket[Any], flags: int = 0) -> Any:
    """Receive an event from a monitor socket, as `parse_monitor_message` has it.

    With an asynchronous socket: an awaitable of it.
    """
    received: Any = socket.recv_multipart(flags)
    if isinstance(received, Awaitable):
        return _parse_later(received)
    return parse_monitor_message(received)


async def _parse_later(received: Awaitable[Sequence[bytes]]) -> MonitorMessage:
    return parse_monitor_message(await received)


__all__ = ["parse_monitor_message", "recv_monitor_message"]
