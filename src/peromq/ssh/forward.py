"""Local port forwarding over an open ssh connection, as `ssh -L` does it, with paramiko."""

from __future__ import annotations

import logging
import select
import socketserver
from typing import Any

logger = logging.getLogger("ssh")

_CHUNK = 65536  # octets


class ForwardServer(socketserver.ThreadingTCPServer):
    """Listens on the local port; a thread per connection."""

    daemon_threads = True
    allow_reuse_address = True


class Handler(socketserver.BaseRequestHandler):
    """Carries one connection through the tunnel, until either side ends it."""

    ssh_transport: Any  # paramiko.Transport
    chain_host: str
    chain_port: int

    def handle(self) -> None:
        target = (self.chain_host, self.chain_port)
        origin = self.request.getpeername()
        try:
            channel = self.ssh_transport.open_channel("direct-tcpip", target, origin)
        except Exception as error:
            logger.debug("Incoming request to %s:%d failed: %r", *target, error)
            return
        if channel is None:
            logger.debug("Incoming request to %s:%d was rejected by the SSH server.", *target)
            return
        logger.debug("Tunnel open: %r -> %r", origin, target)
        try:
            self._carry(channel)
        finally:
            channel.close()
            self.request.close()
        logger.debug("Tunnel closed: %r -> %r", origin, target)

    def _carry(self, channel: Any) -> None:
        other = {self.request: channel, channel: self.request}
        while True:
            for source in select.select(list(other), [], [])[0]:
                data = source.recv(_CHUNK)
                if not data:
                    return
                other[source].sendall(data)


def forward_tunnel(local_port: int, remote_host: str, remote_port: int, transport: Any) -> None:
    """Forward connections to a local port to `remote_host`, as the ssh server sees it. For ever.

    transport: a paramiko.Transport, connected.
    """
    attributes = {
        "ssh_transport": transport,
        "chain_host": remote_host,
        "chain_port": remote_port,
    }
    handler = type("TunnelHandler", (Handler,), attributes)
    with ForwardServer(("127.0.0.1", local_port), handler) as server:
        server.serve_forever()


__all__ = ["forward_tunnel"]
