"""`MessageTracker`: is the library done with the buffers of a zero-copy send?"""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING, Final

from .error import NotDone

if TYPE_CHECKING:
    from typing import Protocol

    class _Tracked(Protocol):
        @property
        def tracker(self) -> MessageTracker | None: ...


class MessageTracker:
    """Watches any number of messages, by their events, trackers or frames.

    Raises ValueError for a frame that is not tracked, TypeError for anything else.
    """

    events: set[Event]
    peers: set[MessageTracker]

    def __init__(self, *towatch: MessageTracker | Event | _Tracked) -> None:
        self.events = set()
        self.peers = set()
        for item in towatch:
            if isinstance(item, Event):
                self.events.add(item)
            elif isinstance(item, MessageTracker):
                self.peers.add(item)
            elif hasattr(item, "tracker"):
                if not item.tracker:
                    raise ValueError("Not a tracked message")
                self.peers.add(item.tracker)
            else:
                raise TypeError(f"Require Events or Message Frames, not {type(item)}")

    @property
    def done(self) -> bool:
        """True when none of the messages is in use any more."""
        return all(event.is_set() for event in self.events) and all(
            peer.done for peer in self.peers
        )

    def wait(self, timeout: float = -1) -> None:
        """Block until done, at most `timeout` seconds; negative waits for ever.

        Raises NotDone when the time is over.
        """
        forever = timeout is False or timeout < 0
        deadline = None if forever else time.monotonic() + timeout
        for event in self._all_events():
            remaining = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not event.wait(remaining):
                raise NotDone

    def _all_events(self) -> set[Event]:
        return self.events.union(*(peer._all_events() for peer in self.peers))


_FINISHED_TRACKER: Final = MessageTracker()

__all__ = ["_FINISHED_TRACKER", "MessageTracker"]
