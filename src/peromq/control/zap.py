"""Who carries a mechanism's questions to the ZAP handler of this context, and back the answers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Protocol

from ..error import ZMQError
from ..zmtp import ProtocolError, ZapRequest, parse_zap_reply
from .loop import READ, Loop, Timer, Watch

ORPHANS_MAX = 256
"""Questions that a handler may have unread and nobody wants answered any more."""

_LOOK_AGAIN = 0.05  # seconds between looks at whether he has read some


class ZapAsker(Protocol):
    """Who gets the answer: a `Session`. To be called in the control thread.

    Exactly one of the first three calls, unless the asker has cancelled, or was told by `Zap.ask`
    that there is no handler.
    """

    def zap_reply(
        self, status_code: int, status_text: str, user_id: str, metadata: Mapping[bytes, bytes]
    ) -> None:
        """What the handler said."""

    def zap_missing(self) -> None:
        """There is no handler."""

    def zap_failed(self, error: ProtocolError) -> None:
        """The handler's answer is no ZAP, or it is gone."""

    def fail(self) -> None:
        """One of these calls has raised."""


class Zap(Protocol):
    """The way to the handler. Everything happens in the control thread."""

    def ask(self, request: ZapRequest, asker: ZapAsker) -> Callable[[], None] | None:
        """Ask. The answer comes later, never from within this call, unless the returned function
        is called first. A handler that never answers is the asker's to time. None: there is no
        handler.
        """

    def close(self) -> None:
        """Nobody asks any more. Idempotent."""


class NoHandler:
    """A `Zap` for a context in which nobody can be asked."""

    def ask(self, request: ZapRequest, asker: ZapAsker) -> None:
        return None

    def close(self) -> None:
        pass


class ZapDoor(Protocol):
    """The context's end of all conversations with the handler, each a pipe of its own. Nothing here
    blocks. Raises ZMQError when the context is going down."""

    @property
    def descriptor(self) -> int:
        """Readable (edge-triggered) when there may be something to receive."""

    def open(self, name: bytes) -> bool:
        """A pipe to the handler that is bound now; False if there is none."""

    def send(self, name: bytes, frames: list[bytes]) -> None:
        """Down that pipe. ZMQError if the handler is gone."""

    def is_unread(self, name: bytes) -> bool:
        """The handler has not taken what was sent down that pipe."""

    def receive(self) -> list[bytes] | None:
        """What came next: a pipe's name and frames; no frames if the handler is gone."""

    def hang_up(self, name: bytes) -> None:
        """Drop the pipe, with all that is in it. Idempotent."""

    def close(self) -> None:
        """All of them. Idempotent."""


class ZapClient:
    """A `Zap` that asks the handler bound at inproc://zeromq.zap.01, if there is one.

    One pipe for each question, as in libzmq: an answer cannot be taken for another's, whatever the
    handler mixes up. A question whose asker went stays with the handler if he has not read it;
    when there are ORPHANS_MAX of those, questions wait here, where they can be taken back: a
    handler slower than a flood of strangers costs no memory. open_door: called at the first
    question.
    """

    def __init__(self, loop: Loop, open_door: Callable[[], ZapDoor]) -> None:
        self._loop = loop
        self._open_door = open_door
        self._door: ZapDoor | None = None
        self._watch: Watch | None = None
        self._asking: dict[bytes, ZapAsker] = {}
        self._waiting: dict[bytes, ZapRequest] = {}  # asked for, and not yet sent
        self._orphans: set[bytes] = set()
        self._timer: Timer | None = None
        self._numbers = itertools.count(1)

    def ask(self, request: ZapRequest, asker: ZapAsker) -> Callable[[], None] | None:
        name = b"%d" % next(self._numbers)
        self._asking[name] = asker
        if self._waiting or not self._has_room():
            self._waiting[name] = request
            self._look_again_later()
        elif not self._send(name, request):
            del self._asking[name]
            return None
        return functools.partial(self._take_back, name)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._door is not None:
            self._door.close()
        for pending in (self._asking, self._waiting, self._orphans):
            pending.clear()

    def _send(self, name: bytes, request: ZapRequest) -> bool:
        """False if there is no handler."""
        try:
            door = self._open()
            if not door.open(name):
                return False
            door.send(name, request.frames())
        except ZMQError as problem:
            error = ProtocolError(f"ZAP cannot be asked: {problem}", local=True)
            end = functools.partial(self._end, name, lambda asker: asker.zap_failed(error))
            self._loop.later(0, end)
        return True

    def _open(self) -> ZapDoor:
        if self._door is None:
            self._door = self._open_door()
            self._watch = self._loop.watch(self._door.descriptor, READ, self._receive)
        return self._door

    def _receive(self) -> None:
        while self._door is not None:
            try:
                received = self._door.receive()
            except ZMQError:
                self.close()  # the context ends, and with it whoever waits
                return
            if received is None:
                break
            name, *frames = received
            self._end(name, functools.partial(_tell, frames))
        self._send_waiting()

    def _end(self, name: bytes, call: Callable[[ZapAsker], None]) -> None:
        """The question is answered, whether or not somebody still wants to know."""
        self._orphans.discard(name)
        if self._door is not None:
            self._door.hang_up(name)
        asker = self._asking.pop(name, None)
        if asker is not None:
            self._loop.guard(functools.partial(call, asker), asker)

    def _take_back(self, name: bytes) -> None:
        self._asking.pop(name, None)
        if self._waiting.pop(name, None) is None and self._door is not None:
            if self._door.is_unread(name):
                self._orphans.add(name)
            else:
                self._door.hang_up(name)

    # -- a handler that reads too slowly

    def _has_room(self) -> bool:
        if len(self._orphans) >= ORPHANS_MAX and self._door is not None:
            for name in [name for name in self._orphans if not self._door.is_unread(name)]:
                self._orphans.discard(name)
                self._door.hang_up(name)  # read and not answered
        return len(self._orphans) < ORPHANS_MAX

    def _send_waiting(self) -> None:
        self._timer = None
        while self._waiting and self._has_room():
            name = next(iter(self._waiting))
            if not self._send(name, self._waiting.pop(name)):
                self._end(name, lambda asker: asker.zap_missing())
        if self._waiting:
            self._look_again_later()

    def _look_again_later(self) -> None:
        if self._timer is None:
            self._timer = self._loop.later(_LOOK_AGAIN, self._send_waiting)


def _tell(frames: list[bytes], asker: ZapAsker) -> None:
    if not frames:
        asker.zap_failed(ProtocolError("the ZAP handler went before it answered", retry=True))
        return
    try:
        reply = parse_zap_reply(frames)
    except ProtocolError as error:
        asker.zap_failed(error)
    else:
        asker.zap_reply(reply.status_code, reply.status_text, reply.user_id, reply.metadata)
