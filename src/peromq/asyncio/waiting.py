"""The future of a call that has to wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from ..error import Again

if TYPE_CHECKING:
    from .serving import Serving

_T = TypeVar("_T")


class Waiting(asyncio.Future[_T]):
    """A call in the line of those that wait on a socket.

    One that a task awaits does its work when that task runs, not when the socket is found ready:
    a task that is cancelled in between has not taken a message with it. Where callbacks wait, or
    nobody (asyncio.wait, gather, a call that is not awaited), the work is done at once, and a
    future that is done owns its message.
    """

    __slots__ = ("_attempt", "_owner", "_timer", "_waker", "_watched", "iterating", "line")

    def __init__(
        self,
        owner: Serving,
        line: deque[Waiting[Any]],
        attempt: Callable[[], _T],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(loop=loop)
        self.line = line
        self.iterating = False  # for `async for`
        self._owner = owner
        self._attempt: Callable[[], Any] | None = attempt
        self._timer: asyncio.TimerHandle | None = None
        self._waker: asyncio.Future[None] | None = None
        self._watched = False

    # -- for those who serve

    @property
    def asleep(self) -> bool:
        """Does a task wait for this, and nobody else?"""
        return self._waker is not None and not self._watched

    @property
    def woken(self) -> bool:
        """Is that task about to run?"""
        return self._waker is not None and self._waker.done()

    def wake(self) -> None:
        """Have the task run that awaits this."""
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def try_once(self) -> bool:
        """Do the work. False if it would block."""
        assert self._attempt is not None
        try:
            result = self._attempt()
        except Again:
            return False
        except Exception as error:
            self.set_exception(error)
        else:
            self.set_result(result)
        self._settled()
        return True

    def then(self, change: Callable[[Any], Any]) -> None:
        """Let the result be what `change` makes of it."""
        attempt = self._attempt
        assert attempt is not None
        self._attempt = lambda: change(attempt())

    def give_up_after(self, seconds: float, answer: Callable[[], _T]) -> None:
        """If it takes longer, the result is that of `answer`, or what it raises."""
        self._timer = self.get_loop().call_later(seconds, self._give_up, answer)

    def _give_up(self, answer: Callable[[], _T]) -> None:
        if self.done():
            return
        try:
            result = answer()
        except Exception as error:
            self.set_exception(error)
        else:
            self.set_result(result)
        self._settled()
        self._owner._leave(self)

    def abandon(self) -> None:
        """The socket is closed: cancelled; an iteration just ends."""
        try:
            if not self.iterating:
                self.cancel()
            elif not self.done():
                self.set_exception(StopAsyncIteration())
                self._settled()
        except RuntimeError:
            pass  # the loop is closed, and with it those who would hear of it

    def _settled(self) -> None:
        self._attempt = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.wake()

    # -- asyncio.Future

    def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
        self._watched = True
        super().add_done_callback(*args, **kwargs)

    def cancel(self, msg: Any | None = None) -> bool:
        if not super().cancel(msg):
            return False
        self._settled()
        self._owner._leave(self)
        return True

    def __await__(self) -> Generator[Any, None, _T]:
        if self._waker is not None:  # another task awaits it as well
            return (yield from super().__await__())
        try:
            while not self.done():
                self._waker = self.get_loop().create_future()
                yield from self._waker
                if not self.done():
                    self._owner._take(self)
        except BaseException:
            self.cancel()
            raise
        finally:
            self._waker = None
        return self.result()

    __iter__ = __await__
