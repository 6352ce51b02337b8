"""Who carries a mechanism's questions to the ZAP handler of this context, and back the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..zmtp import ProtocolError
from .loop import Loop


@dataclass(frozen=True, slots=True)
class ZapRequest:
    """The frames of a request (RFC 27) behind its version and id."""

    domain: str
    address: str
    identity: bytes
    mechanism: str
    credentials: list[bytes] = field(repr=False)


class ZapAsker(Protocol):
    """Who gets the answer: a `Session`. To be called in the control thread.

    Exactly one of the first three calls, unless the asker has cancelled.
    """

    def zap_reply(
        self, status_code: int, status_text: str, user_id: str, metadata: Mapping[bytes, bytes]
    ) -> None:
        """What the handler said."""

    def zap_missing(self) -> None:
        """There is no handler."""

    def zap_failed(self, error: ProtocolError) -> None:
        """The handler's answer is no ZAP, or it is gone."""


class Zap(Protocol):
    """The way to the handler. Everything happens in the control thread."""

    def ask(self, request: ZapRequest, asker: ZapAsker) -> Callable[[], None]:
        """Ask. The answer comes later, never from within this call, unless the returned function
        is called first. A handler that never answers is the asker's to time.
        """


class NoHandler:
    """A `Zap` for a context in which nobody can be asked."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def ask(self, request: ZapRequest, asker: ZapAsker) -> Callable[[], None]:
        return self._loop.later(0, asker.zap_missing).cancel
