"""pgm:// and epgm://: the sockets of a multicast endpoint. PGM itself is spoken by the data plane.

RFC 3208 over IP protocol 113 (`pgm`), or in UDP datagrams as OpenPGM and libzmq send them (`epgm`).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .. import unpatched
from ..error import ZMQError
from .base import error, from_oserror
from .pgm_address import (
    Address,
    Interface,
    MulticastAddress,
    find_interface,
    interface_trouble,
    parse,
)
from .sockets import closed_on_error

_IPPROTO_PGM = 113
_IP_MULTICAST_ALL = 49  # linux/in.h; Python does not export these
_IPV6_MULTICAST_ALL = 29
_EXPEDITED = 0xB8  # DSCP EF, as OpenPGM marks its packets

_PGM_OVERHEAD = 24 + 20  # headers of ODATA, and the room OpenPGM leaves for OPT_FRAGMENT
_LEAST_APDU = 16
_MAX_TPDU = 65535
_MAX_WINDOW = 1 << 22  # packets

_LEAST_RCVBUF, _MOST_RCVBUF = 1 << 18, 1 << 22


class MulticastOptions(Protocol):
    """The socket options read here, with libzmq's names and units."""

    maxmsgsize: int
    multicast_hops: int
    multicast_loop: int
    multicast_maxtpdu: int
    rate: int
    rcvbuf: int
    recovery_ivl: int
    sndbuf: int


@dataclass
class MulticastLink:
    """The open sockets of one endpoint, and the numbers PGM needs. `close` unless handed on."""

    address: MulticastAddress
    interface: Interface
    raw: bool
    sending: bool
    max_tpdu: int  # octets, IP header included
    rate: int  # octets per second
    window: int  # packets
    out: socket.socket | None = None
    nets: list[socket.socket] = field(default_factory=list)

    @property
    def overhead(self) -> int:
        """Octets of IP and UDP headers on each packet."""
        return (20 if self.address.family == socket.AF_INET else 40) + (0 if self.raw else 8)

    @property
    def groups(self) -> Sequence[Address]:
        """Where a source sends, what a receiver has joined."""
        return (self.address.send_group,) if self.sending else self.address.groups

    def trouble(self) -> int:
        """Why nothing goes by its interface now: ENODEV, ENETDOWN, EADDRNOTAVAIL; 0 if it does."""
        return interface_trouble(self.interface)

    def release(self) -> tuple[int, list[int]]:
        """The descriptors, `out` and `nets`, which are the caller's from now on."""
        assert self.out is not None
        out, self.out = self.out, None
        nets, self.nets = self.nets, []
        return out.detach(), [sock.detach() for sock in nets]

    def close(self) -> None:
        """Idempotent."""
        for sock in (self.out, *self.nets):
            if sock is not None:
                sock.close()


class MulticastTransport:
    """One of the two carriers. Not a stream transport: there is nothing to listen to or dial."""

    def __init__(self, scheme: str, raw: bool) -> None:
        self.scheme = scheme
        self.raw = raw

    def open(self, text: str, sending: bool, options: MulticastOptions) -> MulticastLink:
        """Sockets for an endpoint of this host.

        Raises ZMQError: EINVAL for an endpoint or a MULTICAST_MAXTPDU that cannot be, ENODEV for
        an interface that is not there, EPERM without CAP_NET_RAW (pgm), or what the system says.
        """
        endpoint = f"{self.scheme}://{text}"
        where = parse(text, endpoint)
        link = MulticastLink(
            where,
            find_interface(where, endpoint),
            self.raw,
            sending,
            max_tpdu=options.multicast_maxtpdu,
            rate=max(1, options.rate * 1000 // 8),
            window=window_size(options),
        )
        least = link.overhead + _PGM_OVERHEAD + _LEAST_APDU
        if not least <= link.max_tpdu <= _MAX_TPDU:
            why = f"MULTICAST_MAXTPDU {link.max_tpdu} is not of {least}..{_MAX_TPDU}"
            raise error(errno.EINVAL, why, endpoint)
        try:
            link.out = self._sender(link, options)
            if not sending:
                for group in where.groups:
                    link.nets.append(self._listener(link, group, options))
        except OSError as failure:
            link.close()
            raise self._explained(failure, endpoint) from None
        except BaseException:
            link.close()
            raise
        return link

    def _socket(self, link: MulticastLink, options: MulticastOptions) -> socket.socket:
        kind, protocol = (socket.SOCK_RAW, _IPPROTO_PGM) if self.raw else (socket.SOCK_DGRAM, 0)
        sock = unpatched.new_socket(link.address.family, kind, protocol)
        with closed_on_error(sock):
            sock.setblocking(False)
            # several processes of a host may send to and hear one group, those with libzmq included
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if options.sndbuf >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.sndbuf)
            room = options.rcvbuf
            if room < 0:
                # A tenth of a second at full rate: what the kernel holds need not be repaired.
                room = min(max(link.rate // 10, _LEAST_RCVBUF), _MOST_RCVBUF)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        return sock

    def _sender(self, link: MulticastLink, options: MulticastOptions) -> socket.socket:
        """Datagrams leave here. A source hears its receivers here, too: bound to the very address
        its SPMs name, so that a receiver on the same host does not get NAKs meant for it."""
        sock = self._socket(link, options)
        own, index = link.interface.address, link.interface.index
        hops = options.multicast_hops if link.sending else 1  # SPMRs are for the link
        port = 0 if self.raw or not link.sending else link.address.port
        with closed_on_error(sock):
            if own.version == 4:
                ip = socket.IPPROTO_IP
                sock.bind((str(own), port))
                sock.setsockopt(ip, socket.IP_MULTICAST_IF, _mreqn(None, own, index))
                sock.setsockopt(ip, socket.IP_MULTICAST_TTL, min(hops, 255))
                sock.setsockopt(ip, socket.IP_MULTICAST_LOOP, options.multicast_loop)
                sock.setsockopt(ip, socket.IP_TOS, _EXPEDITED)
            else:
                ip = socket.IPPROTO_IPV6
                sock.bind((str(own), port, 0, index))
                sock.setsockopt(ip, socket.IPV6_MULTICAST_IF, index)
                sock.setsockopt(ip, socket.IPV6_MULTICAST_HOPS, min(hops, 255))
                sock.setsockopt(ip, socket.IPV6_MULTICAST_LOOP, options.multicast_loop)
        return sock

    def _listener(
        self, link: MulticastLink, group: Address, options: MulticastOptions
    ) -> socket.socket:
        """Bound to the group: what goes to other groups or to this host is none of its business."""
        sock = self._socket(link, options)
        own, index = link.interface.address, link.interface.index
        port = 0 if self.raw else link.address.port
        with closed_on_error(sock):
            if own.version == 4:
                ip = socket.IPPROTO_IP
                sock.bind((str(group), port))
                sock.setsockopt(ip, _IP_MULTICAST_ALL, 0)
                sock.setsockopt(ip, socket.IP_ADD_MEMBERSHIP, _mreqn(group, own, index))
            else:
                ip = socket.IPPROTO_IPV6
                sock.bind((str(group), port, 0, index))
                sock.setsockopt(ip, _IPV6_MULTICAST_ALL, 0)
                membership = group.packed + struct.pack("=I", index)
                sock.setsockopt(ip, socket.IPV6_JOIN_GROUP, membership)
        return sock

    def _explained(self, failure: OSError, endpoint: str) -> ZMQError:
        if self.raw and failure.errno in (errno.EPERM, errno.EACCES):
            why = (
                "raw IP needs the capability CAP_NET_RAW: run as root, or grant it with "
                "`setcap cap_net_raw+ep` to the Python interpreter, or use epgm://"
            )
            return error(errno.EPERM, why, endpoint)
        return from_oserror(failure, endpoint)


def window_size(options: MulticastOptions) -> int:
    """Packets of RECOVERY_IVL at RATE, as libzmq reckons (TXW_SQNS, RXW_SQNS)."""
    packets = options.recovery_ivl * (options.rate // 8) // max(1, options.multicast_maxtpdu)
    return min(max(1, packets), _MAX_WINDOW)


def new_identity(dport: int) -> tuple[bytes, int]:
    """A GSI (6 octets) and a source port that is not `dport`: together, the session's name."""
    octets = os.urandom(8)
    port = int.from_bytes(octets[6:], "big")
    while port in (0, dport):
        port = (port + 1) & 0xFFFF
    return octets[:6], port


def _mreqn(group: Address | None, own: Address, index: int) -> bytes:
    """struct ip_mreqn."""
    to = group if group is not None else ipaddress.IPv4Address(0)
    return to.packed + own.packed + struct.pack("=i", index)
