"""Text, JSON, pickles and custom formats on top of send and recv."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .tracker import MessageTracker

_T = TypeVar("_T")
_R = TypeVar("_R")

# `json` and `pickle` are imported where they are used: `import peromq` shall be quick.

DEFAULT_PROTOCOL = 5 if sys.version_info >= (3, 14) else 4
"""pickle.DEFAULT_PROTOCOL"""


class PayloadMixin:
    """The conveniences of `Socket`.

    Everything goes through `self.send`, `self.recv` and their multipart forms, and everything
    received through `_deserialize`, so an asynchronous socket overrides only these.
    """

    if TYPE_CHECKING:
        # of SocketCore
        send: Callable[..., MessageTracker | None]
        recv: Callable[..., Any]
        send_multipart: Callable[..., MessageTracker | None]
        recv_multipart: Callable[..., Any]

    def _deserialize(self, recvd: _T, load: Callable[[_T], _R]) -> _R:
        """Apply `load` to what was received; where that comes later, return a promise of it."""
        return load(recvd)

    def send_string(
        self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
    ) -> MessageTracker | None:
        """Send text, encoded. TypeError unless str; otherwise as `send`."""
        if not isinstance(u, str):
            raise TypeError("str objects only")
        return self.send(u.encode(encoding), flags=flags, copy=copy, **kwargs)

    send_unicode = send_string

    def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> str:
        """Receive text, as `send_string` sends it."""
        return self._deserialize(self.recv(flags=flags), lambda data: str(data, encoding))

    recv_unicode = recv_string

    def send_json(self, obj: Any, flags: int = 0, **kwargs: Any) -> MessageTracker | None:
        """Send an object as JSON. routing_id and group go to `send`, other kwargs to json.dumps."""
        import json

        to_send = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        return self.send(json.dumps(obj, **kwargs).encode(), flags=flags, **to_send)

    def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive an object sent as JSON. `kwargs` go to json.loads."""
        import json

        return self._deserialize(self.recv(flags), lambda data: json.loads(data, **kwargs))

    def send_pyobj(
        self, obj: Any, flags: int = 0, protocol: int = DEFAULT_PROTOCOL, **kwargs: Any
    ) -> MessageTracker | None:
        """Send an object as a pickle.

        Unpickling runs what the sender wants: only between programs that trust each other.
        """
        import pickle

        return self.send(pickle.dumps(obj, protocol), flags=flags, **kwargs)

    def recv_pyobj(self, flags: int = 0) -> Any:
        """Receive a pickled object. Unpickling runs what the sender wants: see `send_pyobj`."""
        import pickle

        return self._deserialize(self.recv(flags), pickle.loads)

    def send_serialized(
        self,
        msg: _T,
        serialize: Callable[[_T], Sequence[Any]],
        flags: int = 0,
        copy: bool = True,
        **kwargs: Any,
    ) -> MessageTracker | None:
        """Send the parts that `serialize` makes of an object."""
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    def recv_serialized(
        self, deserialize: Callable[[list[Any]], _R], flags: int = 0, copy: bool = True
    ) -> _R:
        """Receive what `deserialize` makes of the parts of a message."""
        return self._deserialize(self.recv_multipart(flags=flags, copy=copy), deserialize)
