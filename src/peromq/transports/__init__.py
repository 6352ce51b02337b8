"""Stream transports: what an endpoint string means, and sockets made from it.

A transport parses endpoints, resolves them and makes listening or connecting sockets. It starts no
threads, waits for nothing but (where a name is to be resolved) the system's resolver, and does not
know what will be said on the connection. One file per transport; `base` has what they share.
"""

import errno

from ..constants import Errno, SocketType
from .base import (
    Listening,
    MakePreamble,
    MakeTransform,
    Preamble,
    Route,
    StreamOptions,
    Target,
    Transform,
    TransformError,
    Transport,
    WebPlace,
    error,
)
from .ipc import IpcTransport
from .pgm import MulticastTransport
from .sockets import finish_connect, stands
from .tcp import TcpTransport
from .tipc import TipcTransport
from .tls import TlsTransport
from .udp import UdpTransport
from .vsock import VsockTransport
from .ws import WssTransport, WsTransport

__all__ = [
    "MULTICAST",
    "TRANSPORTS",
    "Listening",
    "MakePreamble",
    "MakeTransform",
    "Preamble",
    "Route",
    "StreamOptions",
    "Target",
    "Transform",
    "TransformError",
    "Transport",
    "UdpTransport",
    "WebPlace",
    "check_endpoint",
    "finish_connect",
    "same_endpoints",
    "split_endpoint",
    "stands",
]

TRANSPORTS: dict[str, Transport] = {
    transport.scheme: transport
    for transport in (
        TcpTransport(),
        IpcTransport(),
        TlsTransport(),
        WsTransport(),
        WssTransport(),
        UdpTransport(),
        TipcTransport(),
        VsockTransport(),
    )
}

MULTICAST = {
    transport.scheme: transport
    for transport in (MulticastTransport("pgm", raw=True), MulticastTransport("epgm", raw=False))
}
"""These are no stream transports: see `pgm`."""


INSTEAD = {
    "norm": "PeroMQ's reliable multicast is epgm:// (or pgm://)",
    "vmci": "VMware's own sockets are gone from new hosts; vsock:// does the same everywhere",
}
"""Transports of libzmq that are not here, and what to use."""


_PUBLISHING = {SocketType.PUB, SocketType.XPUB, SocketType.SUB, SocketType.XSUB}
_ONLY_FOR = {
    "udp": {SocketType.RADIO, SocketType.DISH, SocketType.DGRAM},
    "pgm": _PUBLISHING,
    "epgm": _PUBLISHING,
}


def check_endpoint(endpoint: str, kind: SocketType) -> None:
    """Has it a scheme that such a socket can go by, and an address?

    Raises ZMQError: as below, and ENOCOMPATPROTO.
    """
    scheme, separator, address = endpoint.partition("://")
    if not (separator and address and scheme in MULTICAST):
        split_endpoint(endpoint)
    if scheme in _ONLY_FOR and kind not in _ONLY_FOR[scheme]:
        raise error(Errno.ENOCOMPATPROTO, f"{scheme} is not for {kind.name}", endpoint)


def same_endpoints(endpoint: str, options: StreamOptions) -> list[str]:
    """By what other texts what is bound there may be known; see `TcpTransport.bound_as`."""
    scheme, _, address = endpoint.partition("://")
    transport = TRANSPORTS.get(scheme)
    return transport.bound_as(address, options) if isinstance(transport, TcpTransport) else []


def split_endpoint(endpoint: str) -> tuple[Transport, str]:
    """The transport of "scheme://address", and the address.

    Raises ZMQError: EINVAL if there is no scheme or no address, EPROTONOSUPPORT for a scheme that
    is not in TRANSPORTS.
    """
    scheme, separator, address = endpoint.partition("://")
    if not separator or not scheme or not address:
        raise error(errno.EINVAL, "expected transport://address", endpoint)
    transport = TRANSPORTS.get(scheme)
    if transport is None:
        hint = f": {INSTEAD[scheme]}" if scheme in INSTEAD else ""
        raise error(errno.EPROTONOSUPPORT, f"no transport {scheme!r}{hint}", endpoint)
    return transport, address
