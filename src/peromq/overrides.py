"""Subclasses with a `send` or `recv` of their own: multipart messages go through it, part by part.

pyzmq does so for every socket, and programs rely on it to see, change or encrypt what is sent. It
costs such classes what parts sent together are: whole also among other threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._core.handles import checked_parts
from .constants import Flag, SocketOption


def follow_overrides(cls: Any) -> None:
    """Give a class that overrides `send` or `recv` a multipart call that uses it."""
    if _first(cls, "send") < _first(cls, "send_multipart"):
        cls.send_multipart = _send_multipart
    if _first(cls, "recv") < _first(cls, "recv_multipart"):
        cls.recv_multipart = _recv_multipart


def _first(cls: type, name: str) -> int:
    """How far up the class that defines a method is."""
    return next(place for place, base in enumerate(cls.__mro__) if name in vars(base))


def _send_multipart(
    self: Any,
    msg_parts: Sequence[Any],
    flags: int = 0,
    copy: bool = True,
    track: bool = False,
    **kwargs: Any,
) -> Any:
    """Send a sequence of parts as one message, each by this class's `send`."""
    *others, last = checked_parts(msg_parts)
    for part in others:
        self.send(part, flags | Flag.SNDMORE, copy=copy, track=track, **kwargs)
    return self.send(last, flags, copy=copy, track=track, **kwargs)


def _recv_multipart(self: Any, flags: int = 0, copy: bool = True, track: bool = False) -> list[Any]:
    """All parts of the next message, or the rest of the one begun, each by this class's `recv`."""
    parts = [self.recv(flags, copy=copy, track=track)]
    while self.get(SocketOption.RCVMORE):
        parts.append(self.recv(flags, copy=copy, track=track))
    return parts


__all__ = ["follow_overrides"]
