"""Waiting until subscriptions are active, on either side: the cure for the slow joiner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .constants import Errno
from .error import Again, ZMQError
from .steps import Steps, run

if TYPE_CHECKING:
    from .socket_state import SocketState

_T = TypeVar("_T")

NO_WORD = "no word from all publishers"

LOOK_AGAIN = 1.0
"""Seconds after which a publisher that has not answered is asked again."""


def encoded(topic: str | bytes | None) -> bytes | None:
    """A topic as it goes over the wire."""
    if topic is None or isinstance(topic, bytes):
        return topic
    if not isinstance(topic, str):
        raise TypeError(f"a topic is str or bytes, not {type(topic).__name__}")
    return topic.encode()


def confirmed(state: SocketState, topic: bytes | None, count: int | None) -> tuple[int, float]:
    """How many publishers have all subscriptions, and in how many seconds they are sure to heed
    them. Again if there are not enough of them yet. ZMQError: EINVAL, ENOTSUP."""
    core = state.open_core()
    try:
        known, there, awaited, mute, deaf, settling = core.confirmed_core(topic)
    except ZMQError as error:
        raise _for(error, "wait_subscribed", "SUB, XSUB and DISH") from None
    if not known:
        raise ZMQError(Errno.EINVAL, f"Invalid argument (not subscribed to {topic!r})")
    if count is None:
        if mute:
            raise ZMQError(
                Errno.ENOTSUP,
                "Operation not supported (a publisher speaks ZMTP 3.0 or older and cannot tell)",
            )
        if deaf and not there and not awaited:
            raise ZMQError(
                Errno.ENOTSUP, "Operation not supported (multicast has no handshake to tell)"
            )
    if there < (1 if count is None else count) or (count is None and awaited):
        raise Again
    return there, settling


def subscribed(state: SocketState, topic: bytes | None, count: int) -> int:
    """How many peers have subscribed to the topic, if there are `count`. Again otherwise."""
    core = state.open_core()
    try:
        found = core.subscribers_core(topic)
    except ZMQError as error:
        raise _for(error, "wait_subscribers", "PUB, XPUB and RADIO") from None
    if found < count:
        raise Again
    return found


def _for(error: ZMQError, call: str, types: str) -> ZMQError:
    if error.errno == Errno.ENOTSUP:
        error.strerror = f"Operation not supported ({call} is for {types})"
    return error


def turns(timeout: float | None) -> Iterator[float]:
    """Seconds to wait before publishers are looked at again, until time is over."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = LOOK_AGAIN if deadline is None else max(deadline - time.monotonic(), 0.0)
        yield min(left, LOOK_AGAIN)
        if deadline is not None and time.monotonic() >= deadline:
            return


def late(what: str, timeout: float | None) -> TimeoutError:
    """What a wait raises when its time is over."""
    return TimeoutError(f"{what} within {timeout} s")


def subscribed_steps(
    socket: Any, topic: str | bytes | None, timeout: float | None, count: int | None
) -> Steps[int]:
    """What `wait_subscribed` does, for any kind of socket: by its `_wait_until` and `_sleep`."""
    found: int
    attempt = partial(confirmed, socket._state, encoded(topic), count)
    for seconds in turns(timeout):
        try:
            found, settling = yield partial(socket._wait_until, attempt, seconds, NO_WORD)
        except TimeoutError:
            continue
        yield partial(socket._sleep, settling)
        return found
    raise late(NO_WORD, timeout)


class WaitMixin:
    """`wait_subscribed` and `wait_subscribers` for sockets whose calls block."""

    _state: SocketState

    def wait_subscribed(
        self,
        topic: str | bytes | None = None,
        timeout: float | None = None,
        *,
        count: int | None = None,
    ) -> int:
        """SUB, XSUB, DISH: wait until publishers have our subscriptions. How many have them.

        What a publisher sends after this returns, and that is subscribed to, will come: nothing is
        lost because it was sent too early. All subscriptions made so far are waited for.

        topic: must be subscribed to, or covered by what is; or, for DISH, a group that was joined.
        timeout: seconds; None: no limit.
        count: of publishers; None: all that are connected or to be connected, at least one.

        A publisher is asked by a ZMTP 3.1 PING behind the subscriptions: docs/monitoring.md has the
        reasons why its answer is proof enough. What it has sent before is received first, so this
        does not end while the receive queue is full (RCVHWM).

        Raises TimeoutError; ZMQError: EINVAL for a topic not subscribed to; ENOTSUP for other
        types, and without `count` if a publisher is too old to tell (ZMTP 3.0 and before) or all
        are multicast addresses; ENOTSOCK, ETERM. Thread-safe.
        """
        return run(subscribed_steps(self, topic, timeout, count))

    def wait_subscribers(
        self,
        topic: str | bytes | None = None,
        count: int = 1,
        timeout: float | None = None,
    ) -> int:
        """PUB, XPUB, RADIO: wait until peers have subscribed to a topic. How many have.

        topic: a message that begins with it would go to them; None: they have subscribed to
        anything. For RADIO, a group. timeout: seconds; None: no limit.

        Peers that multicast reaches are not counted: nobody knows them. With XPUB_MANUAL, what the
        application has accepted counts.

        Raises TimeoutError; ZMQError: ENOTSUP for other types, ENOTSOCK, ETERM. Thread-safe.
        """
        attempt = partial(subscribed, self._state, encoded(topic), count)
        return self._wait_until(attempt, timeout, f"fewer than {count} subscribers")

    def subscriber_count(self, topic: str | bytes | None = None) -> int:
        """PUB, XPUB, RADIO: how many peers have subscribed, as in `wait_subscribers`."""
        return subscribed(self._state, encoded(topic), 0)

    @staticmethod
    def _sleep(seconds: float) -> Any:
        time.sleep(seconds)

    def _wait_until(self, attempt: Callable[[], _T], timeout: float | None, what: str) -> _T:
        """What `attempt` returns, once it does not raise Again."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            core: Any = self._state.open_core()
            seen = core.wakes_core()
            try:
                return attempt()
            except Again:
                left = -1.0 if deadline is None else deadline - time.monotonic()
                if deadline is not None and left <= 0:
                    raise late(what, timeout) from None
            core.wait_core(seen, left)


__all__ = ["WaitMixin", "encoded", "late", "subscribed", "subscribed_steps"]
