"""Monitor events on their way in: from a monitor socket's messages to dicts."""

from __future__ import annotations

import json
import struct
from collections.abc import Awaitable, Sequence
from typing import Any, NotRequired, TypedDict

from ..constants import Event
from ..socket import Socket

_V1 = struct.Struct("=hi")
_V2 = struct.Struct("=Q")
_FRAMES_V2 = 4  # event, number of values, and the two endpoints; the values besides


_CONNECTING = (Event.CONNECTED, Event.CONNECT_DELAYED, Event.CONNECT_RETRIED)


class MonitorMessage(TypedDict):
    """One event of a socket monitor. What `value` means depends on the event.

    With version 2: `values`, of which `value` is the first, and both endpoints. `endpoint` is the
    one that was bound or connected with EVENT_DETAILS and while connecting; else the local one.

    With EVENT_DETAILS: `details`, and of these `routing_id`, `user_id`, `reason` and `topic`, each
    where it is known.
    """

    event: Event
    value: Event
    endpoint: bytes
    values: NotRequired[list[int]]
    local: NotRequired[bytes]
    remote: NotRequired[bytes]
    details: NotRequired[dict[str, str]]
    routing_id: NotRequired[bytes]
    user_id: NotRequired[str]
    reason: NotRequired[str]
    topic: NotRequired[bytes]


def parse_monitor_message(msg: Sequence[bytes]) -> MonitorMessage:
    """The event in a monitor socket's message, of either version. RuntimeError for anything else.

    Where they were asked for with EVENT_DETAILS, events have "details" as well: what is known of a
    peer that was let in (Socket-Type, Peer-Address, Mechanism, User-Id, ZAP's metadata) or is gone
    again, or Mechanism, Reason and Peer-Address of one that was not.
    """
    if len(msg) in (2, 3) and len(msg[0]) == _V1.size:
        event, value = _V1.unpack(msg[0])
        parsed: MonitorMessage = {"event": Event(event), "value": Event(value), "endpoint": msg[1]}
        return _with_details(parsed, msg[2:])
    count = _count(msg)
    if count is None:
        raise RuntimeError(f"Invalid event message format: {msg}")
    event, _, *values = (_V2.unpack(frame)[0] for frame in msg[: 2 + count])
    local, remote = msg[2 + count : _FRAMES_V2 + count]
    parsed = {
        "event": Event(event),
        "value": Event(values[0]) if values else Event(0),
        "endpoint": remote if event in _CONNECTING else local or remote,
        "values": values,
        "local": local,
        "remote": remote,
    }
    return _with_details(parsed, msg[_FRAMES_V2 + count :])


def _count(msg: Sequence[bytes]) -> int | None:
    """How many values there are; None if this is no event of version 2."""
    if len(msg) < _FRAMES_V2 or any(len(frame) != _V2.size for frame in msg[:2]):
        return None
    count: int = _V2.unpack(msg[1])[0]
    if len(msg) - _FRAMES_V2 - count not in (0, 1):
        return None
    if any(len(frame) != _V2.size for frame in msg[2 : 2 + count]):
        return None
    return count


def _with_details(parsed: MonitorMessage, frames: Sequence[bytes]) -> MonitorMessage:
    if not frames:
        return parsed
    try:
        details = json.loads(frames[0])
        if not isinstance(details, dict):
            raise TypeError
        parsed["details"] = details
        if "Endpoint" in details:
            parsed["endpoint"] = details["Endpoint"].encode(errors="surrogateescape")
        if "Routing-Id" in details:
            parsed["routing_id"] = details["Routing-Id"].encode("latin-1")
        if "User-Id" in details:
            parsed["user_id"] = details["User-Id"]
        if "Reason" in details:
            parsed["reason"] = details["Reason"]
        if "Topic" in details:
            parsed["topic"] = details["Topic"].encode("latin-1")
    except (ValueError, TypeError, AttributeError):
        raise RuntimeError(f"Invalid event message format: {list(frames)}") from None
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
