"""What became of each `connect`: is there a connection, and if not, why."""

from __future__ import annotations

import os

from . import unpatched
from .error import ConnectError, ConnectTimeout, HandshakeError

_REMEMBERED = 64
"""Connects that have ended by themselves, for those who ask why."""


class LinkFailure:
    """Why an attempt to connect failed. mechanism: of a handshake that failed, else empty."""

    __slots__ = ("errno", "mechanism", "reason")

    def __init__(self, errno: int, reason: str, mechanism: str) -> None:
        self.errno = errno
        self.reason = reason
        self.mechanism = mechanism

    def error(self, endpoint: str) -> ConnectError:
        """The exception for it."""
        if self.mechanism:
            return HandshakeError(self.errno, endpoint, self.reason, self.mechanism)
        return ConnectError(self.errno, endpoint, self.reason)


class Link:
    """One `connect`. up: hands are shaken. failure: the last attempt's. over: there is no next."""

    __slots__ = ("endpoint", "failure", "over", "up")

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.up = False
        self.over = False
        self.failure: LinkFailure | None = None


class Links:
    """The connects of one socket. Every method may be called from any thread.

    The control plane tells what happens; who waits has a descriptor that becomes readable then.
    """

    def __init__(self) -> None:
        self._lock = unpatched.RLock()
        self._links: dict[int, Link] = {}
        self._watchers: list[int] = []

    # -- the control plane

    def begin(self, number: int, endpoint: str, *, up: bool = False) -> None:
        """There is a new connect, by the number of its dialer. up: one that needs no connection."""
        with self._lock:
            before = self._links.items()
            for old in [n for n, link in before if link.over and link.endpoint == endpoint]:
                del self._links[old]
            link = self._links[number] = Link(endpoint)
            link.up = up
            self._tell()

    def up(self, number: int) -> None:
        """There is a connection, and hands are shaken."""
        with self._lock:
            link = self._links.get(number)
            if link is not None:
                link.up, link.failure = True, None
                self._tell()

    def down(self, number: int, errno: int = 0, reason: str = "", mechanism: str = "") -> None:
        """There is none any more, or there is still none, and this is why."""
        with self._lock:
            link = self._links.get(number)
            if link is not None:
                link.up = False
                if reason:
                    link.failure = LinkFailure(errno, reason, mechanism)
                self._tell()

    def over(self, number: int) -> None:
        """There will be no further attempt; the reason is kept."""
        with self._lock:
            link = self._links.get(number)
            if link is not None:
                link.up, link.over = False, True
                ended = [n for n, link in self._links.items() if link.over]
                for old in ended[:-_REMEMBERED]:
                    del self._links[old]
                self._tell()

    def end(self, endpoint: str) -> None:
        """Somebody has undone the connects to this endpoint."""
        with self._lock:
            for number in [n for n, link in self._links.items() if link.endpoint == endpoint]:
                del self._links[number]
            self._tell()

    # -- who waits

    def state(self, endpoint: str | None, patient: bool) -> bool | ConnectError | None:
        """Of that endpoint, or of all: True if there is a connection, or what is wrong.

        None: wait. `patient`: also after attempts that failed, as long as there will be another.
        KeyError: there is no such connect.
        """
        with self._lock:
            links = [link for link in self._links.values() if endpoint in (None, link.endpoint)]
        if not links:
            raise KeyError(endpoint)
        for link in links:
            if link.failure is not None and not link.up and (link.over or not patient):
                return link.failure.error(link.endpoint)
        return True if all(link.up for link in links) else None

    def late(self, endpoint: str | None, seconds: float) -> ConnectTimeout:
        """The exception for who has waited so long."""
        with self._lock:
            missing = [
                link
                for link in self._links.values()
                if endpoint in (None, link.endpoint) and not link.up
            ]
        first = missing[0] if missing else Link(endpoint or "")
        reason = f"no connection within {seconds:g} s"
        if first.failure is not None:
            reason += f"; last: {first.failure.reason}"
        return ConnectTimeout(first.endpoint, reason)

    def watch(self) -> int:
        """A descriptor that is readable once something has changed; give it back to `unwatch`."""
        with self._lock:
            descriptor = os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._watchers.append(descriptor)
            return descriptor

    def unwatch(self, descriptor: int) -> None:
        """The last one to use it does."""
        with self._lock:
            self._watchers.remove(descriptor)
            os.close(descriptor)

    def closed(self) -> None:
        """The socket is closed: whoever waits shall see."""
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        for descriptor in self._watchers:
            os.eventfd_write(descriptor, 1)


__all__ = ["Link", "LinkFailure", "Links"]
