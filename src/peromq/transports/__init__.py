"""Stream transports: what an endpoint string means, and sockets made from it.

A transport parses endpoints, resolves them and makes listening or connecting sockets. It starts no
threads, waits for nothing but (where a name is to be resolved) the system's resolver, and does not
know what will be said on the connection. One file per transport; `base` has what they share.
"""

import errno

from .base import (
    Listening,
    MakeTransform,
    Route,
    StreamOptions,
    Target,
    Transform,
    TransformError,
    Transport,
    error,
    finish_connect,
)
from .ipc import IpcTransport
from .tcp import TcpTransport
from .tls import TlsTransport
from .udp import UdpTransport

__all__ = [
    "TRANSPORTS",
    "Listening",
    "MakeTransform",
    "Route",
    "StreamOptions",
    "Target",
    "Transform",
    "TransformError",
    "Transport",
    "UdpTransport",
    "finish_connect",
    "split_endpoint",
]

TRANSPORTS: dict[str, Transport] = {
    transport.scheme: transport
    for transport in (TcpTransport(), IpcTransport(), TlsTransport(), UdpTransport())
}


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
        raise error(errno.EPROTONOSUPPORT, f"no transport {scheme!r}", endpoint)
    return transport, address
