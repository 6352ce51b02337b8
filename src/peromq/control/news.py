"""What the data plane has to tell monitors: drops, full queues, subscriptions."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Protocol

from ..constants import Event
from .loop import Loop, log
from .peer import Peer

NEWS_SUBSCRIBED = 1  # as in _core/types.pxd
NEWS_FULL = 2
NEWS_STOPPED = 4
NEWS_DROPPED = 8
NEWS_LOOK = 32  # as in _core/news.pxd

_REST = 0.1  # seconds in which more of the same is gathered

_BITS = {
    Event.SUBSCRIPTION_ACTIVE: NEWS_SUBSCRIBED,
    Event.SEND_HWM_REACHED: NEWS_FULL,
    Event.RECEIVE_HWM_REACHED: NEWS_STOPPED,
    Event.MESSAGES_DROPPED: NEWS_DROPPED,
}


def news_wanted(events: int) -> int:
    """The NEWS_* of these monitor events."""
    return sum(bit for event, bit in _BITS.items() if events & event)


class Watched(Protocol):
    """A socket with a monitor."""

    number: int
    subscribes: bool

    def watch_core(self, wanted: int, number: int) -> None: ...

    def news_core(self, token: int) -> tuple[int, int, int, int, int, list[tuple[int, bytes]]]: ...

    def tell(
        self, event: int, values: list[int], token: int, peer: Peer | None, **details: str
    ) -> None:
        """Emit an event about a peer, or, for token 0, about the socket."""

    def subscribed(self, topic: bytes | None) -> int:
        """How many peers have subscribed to the topic; or how many topics we have."""


class NewsDesk:
    """Lives in the control thread, but for `watch`.

    However much happens to a peer, the monitor hears of it at once and then ten times a second.
    """

    def __init__(self, loop: Loop, find_peer: Callable[[int], Peer | None]) -> None:
        self._loop = loop
        self._find_peer = find_peer
        self._watched: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def watch(self, sock: Watched, events: int) -> None:
        """Any thread: have its monitor told of these events; 0 ends that."""
        self._watched[sock.number] = sock
        sock.watch_core(news_wanted(events), sock.number)

    def come(self, number: int, token: int) -> None:
        """EV_NEWS: something happened to a peer of a socket."""
        sock: Watched | None = self._watched.get(number)
        if sock is None:
            return
        try:
            while (bits := self._tell(sock, token)) == NEWS_LOOK:
                pass  # nothing to tell, and nothing to wait for
        except Exception:  # the socket is closed, or its context ends
            log.debug("news of a socket that is gone", exc_info=True)
            return
        if bits:
            self._loop.later(_REST, lambda: self.come(number, token), None)

    def _tell(self, sock: Watched, token: int) -> int:
        bits, fresh, total, send_mark, receive_mark, topics = sock.news_core(token)
        peer = self._find_peer(token)
        if bits & NEWS_FULL:
            sock.tell(Event.SEND_HWM_REACHED, [send_mark], token, peer)
        if bits & NEWS_STOPPED:
            sock.tell(Event.RECEIVE_HWM_REACHED, [receive_mark], token, peer)
        if bits & NEWS_DROPPED and fresh:
            reason = "the send queue was full" if token else "there was no such peer"
            sock.tell(Event.MESSAGES_DROPPED, [fresh, total], token, peer, Reason=reason)
        for owner, topic in topics:
            who, values = self._find_peer(owner), [sock.subscribed(topic)]
            text = topic.decode("latin-1")
            sock.tell(Event.SUBSCRIPTION_ACTIVE, values, owner, who, Topic=text)
        if bits & NEWS_SUBSCRIBED and sock.subscribes:
            sock.tell(Event.SUBSCRIPTION_ACTIVE, [sock.subscribed(None)], token, peer)
        return bits
