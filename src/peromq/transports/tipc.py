"""tipc:// endpoints: services of a cluster, found by name (TIPC, the kernel's).

`tipc://{TYPE,LOWER,UPPER}` or `tipc://<*>` to bind, `tipc://{TYPE,INSTANCE}` or
`tipc://<Z.C.N:REF>` to connect.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Sequence

from .base import SocketAddress, error
from .kernel_family import FamilyTransport

# linux/tipc.h; Python exports them only where it was built with TIPC
_FAMILY = getattr(socket, "AF_TIPC", 30)
_ADDR_NAMESEQ, _ADDR_NAME, _ADDR_ID = 1, 2, 3
_ZONE_SCOPE = 1
_LOWEST_TYPE = 64  # TIPC_RESERVED_TYPES

_RANGE = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\}")
_NAME = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*\}(?:@(\d+)\.(\d+)\.(\d+))?")
_PORT_ID = re.compile(r"<\s*(\d+)\.(\d+)\.(\d+)\s*:\s*(\d+)\s*>")


class TipcTransport(FamilyTransport):
    """Names are TIPC's: a type of service and a range of instances."""

    scheme = "tipc"
    family = _FAMILY

    def local(self, address: str, endpoint: str) -> SocketAddress | None:
        return parse_bind(address, endpoint)

    def remote(self, address: str, endpoint: str) -> SocketAddress:
        return parse_connect(address, endpoint)

    def endpoint_of(self, connection: socket.socket) -> str:
        """tipc://<Z.C.N:REF> of our end."""
        return f"tipc://{_port_id(connection.getsockname())}"

    def bound_endpoint(self, sock: socket.socket, endpoint: str) -> str:
        """A service is known by its name, not by who offers it."""
        return self.endpoint_of(sock) if endpoint == "tipc://<*>" else endpoint

    def peer_address(self, connection: socket.socket) -> str:
        """The peer's <Z.C.N:REF>."""
        try:
            return _port_id(connection.getpeername())
        except OSError:
            return ""


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
