"""udp:// endpoints: `udp://[INTERFACE;]ADDRESS:PORT`, for datagrams to one host or to a group.

There is no connection: what comes from this file are sockets that the data plane sends from or
receives on. INTERFACE, by name or (IPv4) address, says where a multicast group is; without one, or
with `*`, the system's routes do.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Protocol

from ..constants import Errno, SecurityMechanism, SocketType
from ..error import ZMQError
from .base import Listening, StreamOptions, Target, error, from_oserror
from .sockets import bind_to_device, bind_to_first, closed_on_error, new_socket
from .tcp_address import (
    HostPort,
    interface_addresses,
    local_addresses,
    parse_bind,
    parse_connect,
    remote_addresses,
)

SCHEME = "udp"

_IP_MULTICAST_ALL = 49  # linux/in.h, linux/in6.h; Python does not export them
_IPV6_MULTICAST_ALL = 29
_IP_MREQN = struct.Struct("=4s4si")
_IPV6_MREQ = struct.Struct("=16sI")


class DatagramOptions(StreamOptions, Protocol):
    """The socket options read here, with libzmq's names and units."""

    mechanism: int
    multicast_hops: int
    multicast_loop: int


Outlet = tuple[socket.socket, str, int]
"""A socket to send from; the address everything goes to, `1.2.3.4:5` or `[::1]:5`; its scope."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A multicast address, and where it is."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    index: int  # 0: as the system's routes say

    @property
    def family(self) -> int:
        return socket.AF_INET if self.address.version == 4 else socket.AF_INET6


class UdpTransport:
    """RADIO sends to an address, DISH receives at one, DGRAM does both at its own."""

    scheme = SCHEME

    # What stream transports have: nobody is connected here.

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Never. Raises ZMQError(ENOCOMPATPROTO)."""
        raise self._no_streams(address)

    def target(self, address: str, options: StreamOptions) -> Target:
        """Never. Raises ZMQError(ENOCOMPATPROTO)."""
        raise self._no_streams(address)

    def endpoint_of(self, connection: socket.socket) -> str:
        """Nothing to tell."""
        return ""

    def peer_address(self, connection: socket.socket) -> str:
        """Nothing to tell."""
        return ""

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """Nobody comes."""
        return False

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:
        """Nothing to do."""

    def _no_streams(self, address: str) -> ZMQError:
        why = "udp is for RADIO, DISH and DGRAM"
        return error(Errno.ENOCOMPATPROTO, why, f"{SCHEME}://{address}")

    # What there is

    def check(self, kind: SocketType, bind: bool, address: str, options: DatagramOptions) -> None:
        """Raise ZMQError: ENOCOMPATPROTO for a socket type or direction that does not fit, ENOTSUP
        for a security mechanism: datagrams have none, and what is to be secret is not sent."""
        endpoint = f"{SCHEME}://{address}"
        if kind not in (SocketType.RADIO, SocketType.DISH, SocketType.DGRAM):
            raise self._no_streams(address)
        if bind == (kind is SocketType.RADIO):
            verb = "connects to" if kind is SocketType.RADIO else "binds to"
            raise error(Errno.ENOCOMPATPROTO, f"{kind.name} {verb} udp addresses", endpoint)
        if options.mechanism != SecurityMechanism.NULL:
            raise error(Errno.ENOTSUP, "udp has no security mechanisms", endpoint)

    def receive_at(self, address: str, options: DatagramOptions) -> tuple[socket.socket, str]:
        """A socket bound to `[INTERFACE;]ADDRESS:PORT`, member of the group if that is one, and its
        endpoint. ADDRESS may be `*`, or an interface's name; PORT `*` or 0 for any.

        Raises ZMQError: EINVAL, ENODEV, EADDRINUSE, or what the system says.
        """
        endpoint = f"{SCHEME}://{address}"
        interface, host = _split(address)
        where = parse_bind(host, endpoint)
        group = _group_of(where, interface, options, endpoint)
        try:
            if group is not None:
                sock = _join(group, options)
                prefix = f"{interface};" if interface else ""
                place = _text(str(group.address), sock.getsockname()[1])
                return sock, f"{SCHEME}://{prefix}{place}"
            sock = bind_to_first(
                local_addresses(where, bool(options.ipv6)),
                lambda family: _new_socket(family, options),
            )
        except OSError as failure:
            raise from_oserror(failure, endpoint) from None
        return sock, f"{SCHEME}://{_text(*sock.getsockname()[:2])}"

    def send_to(self, address: str, options: DatagramOptions) -> Outlet:
        """A socket for `[INTERFACE;]HOST:PORT`. A name is resolved now, which may block.

        Raises ZMQError: EINVAL, ENODEV, or what the system says.
        """
        endpoint = f"{SCHEME}://{address}"
        interface, host = _split(address)
        _, where = parse_connect(host, endpoint)
        group = _group_of(where, interface, options, endpoint)
        try:
            if group is not None:
                sock = _new_socket(group.family, options)
                with closed_on_error(sock):
                    _send_multicast(sock, group, options)
                return sock, _text(str(group.address), group.port), group.index
            family, remote = remote_addresses(where, bool(options.ipv6))[0]
            sock = _new_socket(family, options)
        except OSError as failure:
            raise from_oserror(failure, endpoint) from None
        scope = remote[3] if family == socket.AF_INET6 else 0
        return sock, _text(remote[0].partition("%")[0], remote[1]), scope


def _split(address: str) -> tuple[str, str]:
    interface, _, host = address.rpartition(";")
    return interface, host


def _text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _group_of(
    where: HostPort, interface: str, options: DatagramOptions, endpoint: str
) -> _Group | None:
    """The multicast group that an endpoint names; None if it names something else."""
    literal = where.literal
    if literal is not None and literal.version == 6 and not options.ipv6:
        raise error(errno.ENODEV, "an IPv6 address needs the IPV6 option", endpoint)
    if literal is None or not literal.is_multicast:
        if interface or ";" in endpoint:
            raise error(errno.EINVAL, "only a multicast address takes an interface", endpoint)
        return None
    text, _, zone = str(literal).partition("%")
    place = zone if interface in ("", "*") else interface  # zmq_udp(7): `*` is any
    index = _index_of(place) if place else 0
    if index < 0:
        raise error(errno.ENODEV, f"no network interface {place!r}", endpoint)
    return _Group(ipaddress.ip_address(text), where.port, index)


def _index_of(interface: str) -> int:
    """The interface's index by its name or one of its IPv4 addresses; -1 if there is none."""
    for index, name in socket.if_nameindex():
        if interface == name or interface in interface_addresses(name, ipv6=False):
            return index
    return -1


def _join(group: _Group, options: DatagramOptions) -> socket.socket:
    """Bound to the port on all addresses, as others on this host may be too; only this group."""
    sock = _new_socket(group.family, options)
    with closed_on_error(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if group.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            sock.bind(("0.0.0.0", group.port))
            member = _IP_MREQN.pack(group.address.packed, bytes(4), group.index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
            except OSError:
                pass  # before Linux 4.20
            sock.bind(("::", group.port))
            member = _IPV6_MREQ.pack(group.address.packed, group.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
        _send_multicast(sock, group, options)  # a DGRAM answers from here
    return sock


def _send_multicast(sock: socket.socket, group: _Group, options: DatagramOptions) -> None:
    """MULTICAST_LOOP, MULTICAST_HOPS, and the interface to leave by."""
    loop, hops = int(bool(options.multicast_loop)), min(options.multicast_hops, 255)
    if group.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, loop)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
        if group.index:
            where = _IP_MREQN.pack(bytes(4), bytes(4), group.index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, where)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, loop)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
        if group.index:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, group.index)


def _new_socket(family: int, options: DatagramOptions) -> socket.socket:
    sock = new_socket(family, socket.SOCK_DGRAM, options)
    with closed_on_error(sock):
        bind_to_device(sock, options)
    return sock
