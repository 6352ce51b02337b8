"""ws:// and wss:// endpoints: `ws://HOST:PORT[/PATH]`, tcp's (and TLS's) with a path (RFC 45)."""

from __future__ import annotations

import errno
import re

from .base import Listening, StreamOptions, WebPlace, error
from .tcp import TcpTarget, TcpTransport
from .tcp_address import parse_bind, parse_connect
from .tls import TlsTransport

_PATH = re.compile(r"/[!-~]*")  # visible ASCII (RFC 3986); what it means is the server's


class WsTransport(TcpTransport):
    """To bind, the path is part of the endpoint and nothing else: a peer may ask for any."""

    scheme = "ws"

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """As tcp. Raises ZMQError."""
        endpoint = f"{self.scheme}://{address}"
        place, path = self._split(address)
        if options.use_fd < 0:
            parse_bind(place, endpoint)  # so that an error names all of it
        listening = super().listen(place, options)
        listening.endpoint += path
        listening.web = WebPlace("", path)
        return listening

    def target(self, address: str, options: StreamOptions) -> TcpTarget:
        """As tcp. Raises ZMQError."""
        place, path = self._split(address)
        _, peer = parse_connect(place, f"{self.scheme}://{address}")
        target = super().target(place, options)
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        target.web = WebPlace(f"{host}:{peer.port}", path)
        return target

    def tcp_part(self, address: str) -> str:
        """Without the path."""
        return self._split(address)[0]

    def _split(self, address: str) -> tuple[str, str]:
        place, slash, path = address.partition("/")
        path = slash + path
        if path and not _PATH.fullmatch(path):
            raise error(
                errno.EINVAL,
                f"path {path!r} is not all visible ASCII",
                f"{self.scheme}://{address}",
            )
        return place, path


class WssTransport(TlsTransport, WsTransport):
    """WebSocket inside TLS, 1.2 or later; certificates as for tls."""

    scheme = "wss"
    oldest = "1.2"
