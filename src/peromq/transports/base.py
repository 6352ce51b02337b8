"""What all stream transports share: the contract, the options they read, and error texts.

The sockets themselves are made in `sockets`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..error import ZMQError, strerror

SocketAddress = Any
"""What `socket.bind` takes: its shape depends on the address family."""


class StreamOptions(Protocol):
    """The socket options transports read, with libzmq's names and units."""

    backlog: int
    bindtodevice: str
    busy_poll: int
    ipc_filter_gid: Collection[int]
    ipc_filter_pid: Collection[int]
    ipc_filter_uid: Collection[int]
    ipv6: int
    priority: int
    rcvbuf: int
    sndbuf: int
    socks_password: str
    socks_proxy: str
    socks_username: str
    tcp_accept_filter: Collection[str]
    tcp_keepalive: int
    tcp_keepalive_cnt: int
    tcp_keepalive_idle: int
    tcp_keepalive_intvl: int
    tcp_maxrt: int
    tls_verify_client: int
    tos: int
    use_fd: int
    wss_cert_pem: str
    wss_hostname: str
    wss_key_pem: str
    wss_trust_pem: str
    wss_trust_system: int


@dataclass(frozen=True, slots=True)
class Route:
    """One way to reach a peer: an address, and perhaps the address to leave from."""

    family: int
    remote: SocketAddress
    local: SocketAddress | None = None


class TransformError(Exception):
    """The peer broke the protocol of a `Transform`, or was refused by it. The text says how."""


class Transform(Protocol):
    """What changes the octets of one connection on their way, such as TLS. No I/O of its own.

    The relay (`control.relay`) calls it from one thread. Any call may raise TransformError, except
    `to_net`; nothing but `to_net` is called afterwards.
    """

    @property
    def ready(self) -> bool:
        """The opening exchange, if there is one, is over: feed_app may be called."""

    @property
    def ended(self) -> bool:
        """The peer has said its last word."""

    def feed_net(self, data: bytes) -> bytes:
        """Take octets from the network; return what of it is for the data plane.

        Called with b"" at the start, for a side that speaks first.
        """

    def feed_app(self, data: bytes) -> bytes:
        """Take octets from the data plane; return what goes to the network."""

    def to_net(self) -> bytes:
        """Drain what it has to say to the peer of its own accord. Called after each feed_net."""

    def close_app(self) -> bytes:
        """The data plane has closed: the last octets for the network."""


MakeTransform = Callable[[], Transform]
"""A new one for each connection. Raises OSError."""


class Preamble(Protocol):
    """What is said on a fresh connection before it is the peer's, such as SOCKS. No I/O."""

    @property
    def done(self) -> bool:
        """It is over: what comes next on the connection is the peer's."""

    @property
    def wanted(self) -> int:
        """How many octets to read, at most."""

    def data_to_send(self) -> bytes:
        """Drain what is to be written. Called first, and after each receive_data."""

    def receive_data(self, data: bytes) -> None:
        """Take what was read; b"" for the end. Raises OSError if there will be no connection."""


MakePreamble = Callable[[], Preamble]
"""A new one for each connection."""


@dataclass(frozen=True, slots=True)
class WebPlace:
    """What a WebSocket's opening handshake is about: a host, with its port, and a path.

    To bind, the host is empty. An empty path is "/" to the peer.
    """

    host: str
    path: str


class Target(Protocol):
    """A connect endpoint, parsed. Used again for each attempt: names may move."""

    web: WebPlace | None
    """ZMTP goes by WebSocket, if it does."""

    transform: MakeTransform | None
    """What stands between the network and the data plane, if anything does."""

    preamble: MakePreamble | None
    """What is to be said before the connection is the peer's, if anything is."""

    @property
    def may_block(self) -> bool:
        """`routes` asks a resolver and may take seconds; call it from a helper thread."""

    def routes(self) -> Sequence[Route]:
        """Ways to try, best first. Raises OSError when there is none now."""

    def dial(self, route: Route) -> tuple[socket.socket, int]:
        """A non-blocking socket, and what connect() said: 0, EINPROGRESS or why it failed.

        Raises OSError if not even a socket could be made.
        """


class Transport(Protocol):
    """One address scheme."""

    scheme: str

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Bind and listen. Raises ZMQError with the endpoint in its text."""

    def target(self, address: str, options: StreamOptions) -> Target:
        """Check the address of a connect. Raises ZMQError; resolves nothing."""

    def endpoint_of(self, connection: socket.socket) -> str:
        """The endpoint of this end, for monitor events of accepted connections."""

    def peer_address(self, connection: socket.socket) -> str:
        """The message property Peer-Address; empty if the peer is gone already."""

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """Whether the filter options let this accepted connection in. Raises OSError."""

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:
        """Apply the options of an accepted connection. Raises OSError."""


class Listening:
    """A listening, non-blocking socket and its endpoint, wildcards resolved.

    transform, web: as of a `Target`, for each connection accepted.
    """

    def __init__(
        self,
        sock: socket.socket,
        endpoint: str,
        remove_name: Callable[[], None] | None = None,
        transform: MakeTransform | None = None,
        web: WebPlace | None = None,
    ) -> None:
        self.web = web
        self.sock = sock
        self.endpoint = endpoint
        self.transform = transform
        self._remove_name = remove_name

    def close(self) -> None:
        """Stop listening, and remove what the endpoint left in the file system. Idempotent."""
        remove_name, self._remove_name = self._remove_name, None
        try:
            if remove_name is not None:
                remove_name()  # first: while we still listen, nobody takes the name for stale
        finally:
            self.sock.close()


def error(number: int, why: str, endpoint: str) -> ZMQError:
    """A ZMQError whose text says what is wrong with which endpoint."""
    return ZMQError(number, f"{strerror(number)}: {why} (addr={endpoint!r})")


def from_oserror(failure: OSError, endpoint: str) -> ZMQError:
    """The ZMQError for a failed system call on behalf of `endpoint`."""
    number = failure.errno or 0
    return ZMQError(number, f"{failure.strerror or failure} (addr={endpoint!r})")
