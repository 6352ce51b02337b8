"""Text, JSON, pickles and custom formats, awaited."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..payloads import PayloadMixin

if TYPE_CHECKING:
    from .. import MessageTracker

_T = TypeVar("_T")
_R = TypeVar("_R")


class AsyncPayloads(PayloadMixin):
    """`PayloadMixin` over a `send` and `recv` that are awaited: all it does is to await, too."""

    async def send_string(  # type: ignore[override]
        self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
    ) -> MessageTracker | None:
        """Send text, encoded. TypeError unless str."""
        return await _awaited(super().send_string(u, flags, copy, encoding, **kwargs))

    async def recv_string(  # type: ignore[override]
        self, flags: int = 0, encoding: str = "utf-8"
    ) -> str:
        """Receive text, as `send_string` sends it."""
        return await _awaited(super().recv_string(flags, encoding))

    async def send_json(  # type: ignore[override]
        self, obj: Any, flags: int = 0, **kwargs: Any
    ) -> MessageTracker | None:
        """Send an object as JSON. routing_id and group go to `send`, other kwargs to json.dumps."""
        return await _awaited(super().send_json(obj, flags, **kwargs))

    async def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive an object sent as JSON. `kwargs` go to json.loads."""
        return await super().recv_json(flags, **kwargs)

    async def send_pyobj(  # type: ignore[override]
        self, obj: Any, flags: int = 0, protocol: int = pickle.DEFAULT_PROTOCOL, **kwargs: Any
    ) -> MessageTracker | None:
        """Send an object as a pickle, to receivers that trust this program."""
        return await _awaited(super().send_pyobj(obj, flags, protocol, **kwargs))

    async def recv_pyobj(self, flags: int = 0) -> Any:
        """Receive a pickle. Unpickling runs what the sender wants: only if it is trusted."""
        return await super().recv_pyobj(flags)

    async def send_serialized(  # type: ignore[override]
        self,
        msg: _T,
        serialize: Callable[[_T], Sequence[Any]],
        flags: int = 0,
        copy: bool = True,
        **kwargs: Any,
    ) -> MessageTracker | None:
        """Send the parts that `serialize` makes of an object."""
        return await _awaited(super().send_serialized(msg, serialize, flags, copy, **kwargs))

    async def recv_serialized(  # type: ignore[override]
        self, deserialize: Callable[[list[Any]], _R], flags: int = 0, copy: bool = True
    ) -> _R:
        """Receive what `deserialize` makes of the parts of a message."""
        return await _awaited(super().recv_serialized(deserialize, flags, copy))

    send_unicode = asend_string = send_string  # type: ignore[assignment]
    recv_unicode = arecv_string = recv_string  # type: ignore[assignment]
    asend_json, arecv_json = send_json, recv_json
    asend_pyobj, arecv_pyobj = send_pyobj, recv_pyobj
    asend_serialized, arecv_serialized = send_serialized, recv_serialized


def _awaited(promised: _T) -> Awaitable[_T]:
    """What by the mixin's types is a result, is a promise of it here."""
    return cast("Awaitable[_T]", promised)


__all__ = ["AsyncPayloads"]
