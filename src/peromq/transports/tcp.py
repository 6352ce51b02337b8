"""tcp:// endpoints: `tcp://INTERFACE:PORT` to bind, `tcp://[SOURCE:PORT;]HOST:PORT` to connect."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Sequence

from ..error import ZMQError
from .base import (
    Listening,
    MakePreamble,
    MakeTransform,
    Route,
    SocketAddress,
    StreamOptions,
    WebPlace,
    error,
    from_oserror,
)
from .sockets import (
    adopt_listener,
    bind_to_device,
    bind_to_first,
    closed_on_error,
    listen_queue,
    new_socket,
)
from .socks import socks_preamble
from .tcp_address import HostPort, local_addresses, parse_bind, parse_connect, remote_addresses

_SO_BUSY_POLL = 46  # asm-generic/socket.h; Python does not export it
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class TcpTransport:
    """IPv4 and, with the IPV6 option, IPv6 by dual-stack sockets."""

    scheme = "tcp"

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Bind to `*`, an address, an interface or a name; port `*` or 0 for an ephemeral one."""
        endpoint = f"{self.scheme}://{address}"
        if options.use_fd >= 0:
            sock = adopt_listener(options.use_fd, _FAMILIES, endpoint)
            return Listening(sock, self.endpoint_of(sock))
        where = parse_bind(address, endpoint)
        _require_family(where, options, endpoint)
        try:
            sock = bind_to_first(
                local_addresses(where, bool(options.ipv6)),
                lambda family: _new_listener(family, options),
            )
            with closed_on_error(sock):
                sock.listen(listen_queue(options))
        except OSError as failure:
            raise from_oserror(failure, endpoint) from None
        return Listening(sock, self.endpoint_of(sock))

    def target(self, address: str, options: StreamOptions) -> TcpTarget:
        """Check `[SOURCE:PORT;]HOST:PORT`; the peer's port must be a number.

        With SOCKS_PROXY, the way leads to the proxy, and whether there is a peer is its business.
        """
        endpoint = f"{self.scheme}://{address}"
        source, peer = parse_connect(address, endpoint)
        preamble: MakePreamble | None = None
        if options.socks_proxy:
            preamble = socks_preamble(peer, options, endpoint)
            proxy_source, peer = parse_connect(
                options.socks_proxy, f"{endpoint}, SOCKS_PROXY={options.socks_proxy}"
            )
            source = source or proxy_source
        for where in (source, peer):
            if where is not None:
                _require_family(where, options, endpoint)
        return TcpTarget(peer, source, options, preamble)

    def tcp_part(self, address: str) -> str:
        """What of an address says where the peer is, for transports on top that say more."""
        return address

    def bound_as(self, address: str, options: StreamOptions) -> list[str]:
        """The endpoints that a listener bound to this address may have; none for wildcards.

        A name is resolved, which may block.
        """
        place = self.tcp_part(address)
        try:
            where = parse_bind(place, address)
            found = [] if where.host == "*" else local_addresses(where, bool(options.ipv6))
        except (ZMQError, OSError):
            return []
        return [self._endpoint(each) + address[len(place) :] for _, each in found]

    def endpoint_of(self, connection: socket.socket) -> str:
        """tcp://ADDRESS:PORT of our end."""
        return self._endpoint(connection.getsockname())

    def _endpoint(self, address: SocketAddress) -> str:
        host = _host(address)
        return (
            f"{self.scheme}://[{host}]:{address[1]}"
            if ":" in host
            else f"{self.scheme}://{host}:{address[1]}"
        )

    def peer_address(self, connection: socket.socket) -> str:
        """The peer's address without the port; IPv4 in IPv4 form on dual-stack sockets too."""
        try:
            return _host(connection.getpeername()).removeprefix("::ffff:")
        except OSError:
            return ""

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """TCP_ACCEPT_FILTER: the peer is in one of the networks, if there are any."""
        if not options.tcp_accept_filter:
            return True
        address = self.peer_address(connection).partition("%")[0]
        if not address:
            return False  # gone already
        peer = ipaddress.ip_address(address)
        return any(
            peer in ipaddress.ip_network(network, strict=False)
            for network in options.tcp_accept_filter
        )

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:
        """TCP_NODELAY always; keep-alive, TCP_MAXRT, TOS and PRIORITY as the options say."""
        _tune(connection, options)


class TcpTarget:
    """A tcp peer, or the proxy on the way to it, by address or name."""

    def __init__(
        self,
        peer: HostPort,
        source: HostPort | None,
        options: StreamOptions,
        preamble: MakePreamble | None = None,
    ) -> None:
        self.preamble = preamble
        self.transform: MakeTransform | None = None
        self.web: WebPlace | None = None
        self._peer = peer
        self._source = source
        self._options = options

    @property
    def may_block(self) -> bool:
        """A name is to be resolved."""
        return any(
            where is not None and where.literal is None and where.host != "*"
            for where in (self._peer, self._source)
        )

    def routes(self) -> Sequence[Route]:
        """One per address of the peer for which the source, if one is given, has its like."""
        ipv6 = bool(self._options.ipv6)
        peers = remote_addresses(self._peer, ipv6)
        if self._source is None:
            return [Route(family, remote) for family, remote in peers]
        sources: dict[int, SocketAddress] = {}
        for family, local in local_addresses(self._source, ipv6):
            sources.setdefault(family, local)
        routes = [
            Route(family, remote, sources[family]) for family, remote in peers if family in sources
        ]
        if not routes:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return routes

    def dial(self, route: Route) -> tuple[socket.socket, int]:
        """Options are set before connect(): some matter for the first segment."""
        sock = _new_socket(route.family, self._options)
        with closed_on_error(sock):
            _tune(sock, self._options)
            if route.local is not None:
                # So that one source port may serve connections to several peers.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(route.local)
            return sock, sock.connect_ex(route.remote)


def _new_listener(family: int, options: StreamOptions) -> socket.socket:
    sock = _new_socket(family, options)
    with closed_on_error(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


def _new_socket(family: int, options: StreamOptions) -> socket.socket:
    """With the options that listeners and connections share."""
    sock = new_socket(family, socket.SOCK_STREAM, options)
    with closed_on_error(sock):
        _set_class(sock, options)
        bind_to_device(sock, options)
        if options.busy_poll > 0:
            sock.setsockopt(socket.SOL_SOCKET, _SO_BUSY_POLL, options.busy_poll)
    return sock


def _tune(sock: socket.socket, options: StreamOptions) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _set_class(sock, options)
    if options.tcp_maxrt > 0:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, options.tcp_maxrt)
    if options.tcp_keepalive < 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, options.tcp_keepalive)
    for name, value in (
        (socket.TCP_KEEPCNT, options.tcp_keepalive_cnt),
        (socket.TCP_KEEPIDLE, options.tcp_keepalive_idle),
        (socket.TCP_KEEPINTVL, options.tcp_keepalive_intvl),
    ):
        if value > 0:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)


def _set_class(sock: socket.socket, options: StreamOptions) -> None:
    """TOS and PRIORITY."""
    if options.tos > 0:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, options.tos)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, options.tos)
    if options.priority > 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, options.priority)


def _require_family(where: HostPort, options: StreamOptions, endpoint: str) -> None:
    literal = where.literal
    if literal is not None and literal.version == 6 and not options.ipv6:
        raise error(errno.ENODEV, "an IPv6 address needs the IPV6 option", endpoint)


def _host(address: SocketAddress) -> str:
    if len(address) == 2:  # IPv4: the text of the numbers already
        return str(address[0])
    flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    return socket.getnameinfo(address, flags)[0]
