"""tipc:// endpoints: services of a cluster, found by name (TIPC, the kernel's).

`tipc://{TYPE,LOWER,UPPER}` or `tipc://<*>` to bind, `tipc://{TYPE,INSTANCE}` or
`tipc://<Z.C.N:REF>` to connect.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Sequence

from .. import unpatched
from .base import (
    Listening,
    MakePreamble,
    MakeTransform,
    Route,
    SocketAddress,
    StreamOptions,
    WebPlace,
    adopt_listener,
    error,
    from_oserror,
    set_buffers,
)
from .vsock import without_kernel

# linux/tipc.h; Python exports them only where it was built with TIPC
_FAMILY = getattr(socket, "AF_TIPC", 30)
_ADDR_NAMESEQ, _ADDR_NAME, _ADDR_ID = 1, 2, 3
_ZONE_SCOPE = 1
_LOWEST_TYPE = 64  # TIPC_RESERVED_TYPES

_RANGE = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\}")
_NAME = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*\}(?:@(\d+)\.(\d+)\.(\d+))?")
_PORT_ID = re.compile(r"<\s*(\d+)\.(\d+)\.(\d+)\s*:\s*(\d+)\s*>")


class TipcTransport:
    """Names are TIPC's: a type of service and a range of instances."""

    scheme = "tipc"

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Raises ZMQError: EINVAL, EAFNOSUPPORT where the kernel has no TIPC."""
        endpoint = f"tipc://{address}"
        if options.use_fd >= 0:
            sock = adopt_listener(options.use_fd, (_FAMILY,), endpoint)
            return Listening(sock, self.endpoint_of(sock))
        service = parse_bind(address, endpoint)
        try:
            sock = _new_socket(options)
        except OSError as failure:
            raise without_kernel(failure, "tipc", endpoint) from None
        try:
            if service is not None:
                sock.bind(service)
            sock.listen(options.backlog)
            return Listening(sock, endpoint if service is not None else self.endpoint_of(sock))
        except OSError as failure:
            sock.close()
            raise from_oserror(failure, endpoint) from None

    def target(self, address: str, options: StreamOptions) -> TipcTarget:
        """Raises ZMQError: EINVAL, EAFNOSUPPORT where the kernel has no TIPC."""
        endpoint = f"tipc://{address}"
        peer = parse_connect(address, endpoint)
        try:
            _new_socket(options).close()
        except OSError as failure:
            raise without_kernel(failure, "tipc", endpoint) from None
        return TipcTarget(peer, options)

    def endpoint_of(self, connection: socket.socket) -> str:
        """tipc://<Z.C.N:REF> of our end."""
        return f"tipc://{_port_id(connection.getsockname())}"

    def peer_address(self, connection: socket.socket) -> str:
        """The peer's <Z.C.N:REF>."""
        try:
            return _port_id(connection.getpeername())
        except OSError:
            return ""

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """There are no filters."""
        return True

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:
        """There is nothing to tune."""


class TipcTarget:
    """A service, or one port of one node."""

    may_block = False
    preamble: MakePreamble | None = None
    transform: MakeTransform | None = None
    web: WebPlace | None = None

    def __init__(self, peer: SocketAddress, options: StreamOptions) -> None:
        self._peer = peer
        self._options = options

    def routes(self) -> Sequence[Route]:
        """The one; the kernel chooses among several that offer a name."""
        return [Route(_FAMILY, self._peer)]

    def dial(self, route: Route) -> tuple[socket.socket, int]:
        """A connection under way."""
        sock = _new_socket(self._options)
        try:
            return sock, sock.connect_ex(route.remote)
        except BaseException:
            sock.close()
            raise


def parse_bind(address: str, endpoint: str) -> SocketAddress | None:
    """What to bind to; None for `<*>`, a port of the kernel's choice. Raises ZMQError(EINVAL)."""
    if address == "<*>":
        return None
    found = _RANGE.fullmatch(address)
    if found is None:
        raise error(errno.EINVAL, "expected {TYPE,LOWER,UPPER} or <*>", endpoint)
    kind, lower, upper = _numbers(found.groups(), endpoint)
    if kind < _LOWEST_TYPE:
        raise error(errno.EINVAL, f"types below {_LOWEST_TYPE} are TIPC's own", endpoint)
    if upper < lower:
        raise error(errno.EINVAL, f"instances {lower} to {upper} are none", endpoint)
    return _ADDR_NAMESEQ, kind, lower, upper, _ZONE_SCOPE


def parse_connect(address: str, endpoint: str) -> SocketAddress:
    """Whom to connect to. Raises ZMQError(EINVAL)."""
    if found := _PORT_ID.fullmatch(address):
        zone, cluster, node, ref = _numbers(found.groups(), endpoint)
        return _ADDR_ID, _node(zone, cluster, node, endpoint), ref, 0
    found = _NAME.fullmatch(address)
    if found is None:
        raise error(errno.EINVAL, "expected {TYPE,INSTANCE} or <Z.C.N:REF>", endpoint)
    kind, instance = _numbers(found.groups()[:2], endpoint)
    if kind <= _LOWEST_TYPE:
        raise error(errno.EINVAL, f"types up to {_LOWEST_TYPE} are TIPC's own", endpoint)
    if found[3] is not None:
        zone, cluster, node = _numbers(found.groups()[2:], endpoint)
        if _node(zone, cluster, node, endpoint):
            raise error(
                errno.EINVAL,
                "Python's sockets look a name up in the whole cluster: only @0.0.0",
                endpoint,
            )
    return _ADDR_NAME, kind, instance, 0


def _numbers(texts: Sequence[str], endpoint: str) -> list[int]:
    found = [int(text[:11]) for text in texts]
    if max(found) >= 2**32:
        raise error(errno.EINVAL, "numbers have 32 bits", endpoint)
    return found


def _node(zone: int, cluster: int, node: int, endpoint: str) -> int:
    """<Z.C.N> as a number: 8, 12 and 12 bits."""
    if zone >= 1 << 8 or cluster >= 1 << 12 or node >= 1 << 12:
        raise error(errno.EINVAL, f"{zone}.{cluster}.{node} is no TIPC address", endpoint)
    return zone << 24 | cluster << 12 | node


def _port_id(address: SocketAddress) -> str:
    _, node, ref, *_ = address
    return f"<{node >> 24}.{node >> 12 & 0xFFF}.{node & 0xFFF}:{ref}>"


def _new_socket(options: StreamOptions) -> socket.socket:
    if not hasattr(socket, "AF_TIPC"):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    sock = unpatched.new_socket(_FAMILY, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        set_buffers(sock, options)
    except BaseException:
        sock.close()
        raise
    return sock
