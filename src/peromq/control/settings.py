"""What the control plane needs of a socket: its core, and its options at bind or connect."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .._core.handles_codec import Codec
from .._core.handles_control import Terms
from ..constants import Errno, SecurityMechanism, SocketType
from ..error import ZMQError
from ..transports import StreamOptions, WebPlace
from ..zmtp import Handshake, NullMechanism
from .security import SecurityOptions, mechanism_maker
from .web import web_handshake


class SocketOptions(StreamOptions, SecurityOptions, Protocol):
    """The options read here, with libzmq's names, units (ms) and defaults."""

    affinity: int
    connect_routing_id: bytes
    connect_timeout: int
    half_open_max: int
    handshake_ivl: int
    immediate: int
    linger: int
    maxmsgsize: int
    metadata: Sequence[tuple[str, bytes]]
    reconnect_ivl: int
    reconnect_ivl_max: int
    reconnect_stop: int
    router_handover: int
    router_raw: int
    routing_id: bytes
    type: int


class LinkBook(Protocol):
    """Where it is written down what became of each connect, for those who wait. Thread-safe."""

    def begin(self, number: int, endpoint: str, *, up: bool = False) -> None:
        """There is a new one. up: and it needs no connection."""

    def up(self, number: int) -> None:
        """Hands are shaken."""

    def down(self, number: int, errno: int = 0, reason: str = "", mechanism: str = "") -> None:
        """There is no connection any more, or there still is none, and this is why."""

    def over(self, number: int) -> None:
        """There will be no further attempt."""


class Core(Protocol):
    """A socket as the control plane sees it: `SocketCore`, options and the way to its monitor."""

    options: Any

    @property
    def links(self) -> LinkBook: ...

    def emit(
        self,
        event: int,
        value: int,
        endpoint: str,
        details: Mapping[str, str] | None = None,
        *,
        other: str = "",
        accepted: bool = True,
    ) -> None:
        """`endpoint` was bound, or connected unless `accepted`; `other` is the other end's."""

    def name_core(self, token: int) -> tuple[bytes, int]: ...

    def open_pipe(self, token: int, routing_id: bytes = b"") -> None: ...

    def retire_pipe(self, token: int) -> None: ...

    def attach(
        self,
        token: int,
        fd: int,
        leftover: bytes,
        *,
        routing_id: bytes,
        peer_type: str,
        minor: int,
        bound: bool,
        properties: dict[str, str],
        thread: int = -1,
        codec: Codec | None = None,
        multicast: bool = False,
        terms: Terms | None = None,
    ) -> int: ...

    def terms(self) -> Terms: ...

    def attach_datagrams(
        self,
        token: int,
        fd: int,
        *,
        receives: bool,
        to: str = "",
        scope: int = 0,
        thread: int = -1,
    ) -> int: ...

    def close_pipe(self, token: int) -> None: ...

    def abort_pipe(self, token: int) -> None: ...

    def has_pending(self, token: int) -> bool: ...

    def token_of_name(self, routing_id: bytes) -> int: ...


type_of = functools.cache(SocketType)
"""The type of a number; `SocketType` itself takes its time."""


class Settings:
    """A socket's type and options as they were at one bind or connect.

    web: they are for WebSocket. Raises ZMQError: ENOCOMPATPROTO for a socket that does not speak
    that, or no stream at all; ENOTSUP for a mechanism that does not go by it, or is not there;
    EINVAL for security options that do not go together.
    """

    def __init__(self, sock: Core, datagrams: bool = False, web: bool = False) -> None:
        self.options: SocketOptions = copy.copy(sock.options)
        self.terms = sock.terms()  # what the data plane itself needs of them
        self._live: SocketOptions = sock.options
        self.type = type_of(self.options.type)
        if web:
            self._require_zws()
        if self.type is SocketType.DGRAM and not datagrams:
            raise ZMQError(Errno.ENOCOMPATPROTO)
        self._make_mechanism = mechanism_maker(self.options)
        self._first: Handshake | None = None
        if not self.raw and not datagrams:
            first = self.handshake()  # what it does not like is better said at once
            if self.options.mechanism != SecurityMechanism.GSSAPI:  # tickets grow old
                self._first = first

    @property
    def raw(self) -> bool:
        """No ZMTP: the data plane gets the connection as it is."""
        return self.type is SocketType.STREAM or (
            self.type is SocketType.ROUTER and bool(self.options.router_raw)
        )

    @property
    def keeps_names(self) -> bool:
        """A routing id is its first owner's, as long as that is connected. Live, as in libzmq."""
        return self.type is SocketType.ROUTER and not self._live.router_handover

    def handshake(self, web: WebPlace | None = None, bound: bool = False) -> Handshake:
        """A handshake of this socket, not begun. web, bound: by WebSocket, and as which side."""
        first, self._first = self._first, None
        if first is not None and web is None:
            return self._polite(first, bound)
        arguments: dict[str, Any] = {
            "socket_type": self.type.name,
            "mechanism": self._make_mechanism(),
            "routing_id": self.options.routing_id,
            "max_msg_size": self.options.maxmsgsize,
            "metadata": self.options.metadata,
        }
        if web is not None:
            return self._polite(web_handshake(web, bound, **arguments), bound)
        return self._polite(Handshake(**arguments), bound)

    def _polite(self, handshake: Handshake, bound: bool) -> Handshake:
        """Who brings another's routing id is not to think himself connected: he speaks first."""
        mechanism = handshake.mechanism
        if bound and self.keeps_names and isinstance(mechanism, NullMechanism):
            mechanism.waits = True
        return handshake

    def _require_zws(self) -> None:
        if self.raw:
            raise ZMQError(
                Errno.ENOCOMPATPROTO, f"{self.type.name} sockets have no messages for ws to carry"
            )
        if self.options.mechanism == SecurityMechanism.GSSAPI:
            raise ZMQError(Errno.ENOTSUP, "GSSAPI does not go by WebSocket: use CURVE, wss, or tcp")

    def thread_for(self, token: int) -> int:
        """An I/O thread that AFFINITY allows, in turn; -1 leaves the choice to the data plane."""
        if not self.options.affinity:
            return -1
        allowed = [bit for bit in range(64) if self.options.affinity >> bit & 1]
        return allowed[token % len(allowed)]
