"""The address part of pgm and epgm endpoints, and the interface it stands for. No sockets kept."""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass

from .. import unpatched
from .base import error
from .tcp_address import interface_addresses

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_GROUP = ipaddress.IPv4Address("239.192.0.1")
"""Where an endpoint without a group goes; OpenPGM's."""

MAX_GROUPS = 16
_MAX_NETWORK = 254  # characters before the port that libzmq takes

_SIOCGIFFLAGS = 0x8913  # linux/sockios.h
_IFF_UP, _IFF_LOOPBACK, _IFF_MULTICAST = 1, 8, 0x1000


@dataclass(frozen=True, slots=True)
class MulticastAddress:
    """`interface;groups;send_group:port`, read."""

    interface: str
    groups: tuple[Address, ...]
    send_group: Address
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """Of the groups, which all have the same."""
        return socket.AF_INET if self.send_group.version == 4 else socket.AF_INET6


@dataclass(frozen=True, slots=True)
class Interface:
    """Where packets leave and are expected: an address of ours, and the interface's index.

    Index 0 (IPv4 only): the kernel finds the interface by its address.
    """

    address: Address
    index: int


def parse(text: str, endpoint: str) -> MulticastAddress:
    """As OpenPGM reads it. Raises ZMQError(EINVAL).

    `interface;group[,group...][;send-group]:port`; the interface may be left out (`;group:port`, or
    just `group:port`), and so may the groups (`interface:port`). IPv6 may stand in brackets.
    """
    network, separator, port = text.rpartition(":")
    if not separator:
        raise error(errno.EINVAL, "expected interface;group:port", endpoint)
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise error(errno.EINVAL, f"{port!r} is no port of 1..65535", endpoint)
    if len(network) > _MAX_NETWORK:
        raise error(errno.EINVAL, f"more than {_MAX_NETWORK} characters", endpoint)
    parts = network.split(";")
    if len(parts) == 1 and _multicast(parts[0]) is not None:
        parts = ["", *parts]
    if len(parts) > 3:
        raise error(errno.EINVAL, "expected interface;groups;send-group:port", endpoint)
    groups = tuple(_group(name, endpoint) for name in (parts[1:2] or [""])[0].split(","))
    send = _group(parts[2], endpoint) if len(parts) == 3 else groups[0]
    if len({group.version for group in (*groups, send)}) > 1:
        raise error(errno.EINVAL, "IPv4 and IPv6 groups in one endpoint", endpoint)
    if len(groups) > MAX_GROUPS:
        raise error(errno.EINVAL, f"more than {MAX_GROUPS} groups", endpoint)
    return MulticastAddress(parts[0].strip("[]"), groups, send, int(port))


def find_interface(where: MulticastAddress, endpoint: str) -> Interface:
    """What the interface part stands for on this host. Raises ZMQError(ENODEV)."""
    if not where.interface:
        return _default_interface(where, endpoint)
    literal = _literal(where.interface.partition("%")[0])
    if literal is not None:
        return _interface_of(literal, where, endpoint)
    try:
        index = socket.if_nametoindex(where.interface)
    except OSError:
        known = ", ".join(name for _, name in socket.if_nameindex())
        why = f"no interface {where.interface!r}; there are: {known}"
        raise error(errno.ENODEV, why, endpoint) from None
    address = _address_on(where.interface, where.send_group)
    if address is None:
        version = where.send_group.version
        why = f"interface {where.interface!r} has no IPv{version} address"
        raise error(errno.ENODEV, why, endpoint)
    return Interface(address, index)


def interface_trouble(interface: Interface) -> int:
    """Why nothing goes by it now: ENODEV, ENETDOWN or EADDRNOTAVAIL; 0 if something may."""
    if interface.index:
        try:
            name = socket.if_indextoname(interface.index)
        except OSError:
            return errno.ENODEV
        if not _flags(name) & _IFF_UP:
            return errno.ENETDOWN
        # the kernel may use addresses that are not listed by interface: a second one of it
        if interface.address in _addresses(name, interface.address.version):
            return 0
    return 0 if _is_ours(interface.address) else errno.EADDRNOTAVAIL


def _is_ours(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with unpatched.new_socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((str(address), 0))
        except OSError:
            return False
    return True


def _interface_of(literal: Address, where: MulticastAddress, endpoint: str) -> Interface:
    """The interface that has this address of ours."""
    if literal.version != where.send_group.version:
        why = f"group and interface address {literal} are of different families"
        raise error(errno.EINVAL, why, endpoint)
    for index, name in socket.if_nameindex():
        if literal in _addresses(name, literal.version):
            return Interface(literal, index)
    if not _is_ours(literal):
        raise error(errno.ENODEV, f"{literal} is no address of this host", endpoint)
    if literal.version == 6:
        raise error(errno.ENODEV, "give the interface by its name", endpoint)
    return Interface(literal, 0)  # a second address of an interface: the kernel finds it


def _default_interface(where: MulticastAddress, endpoint: str) -> Interface:
    """Where the kernel would send it, or else the first interface that can multicast."""
    if where.family == socket.AF_INET:
        with unpatched.new_socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect((str(where.send_group), where.port))
                own = ipaddress.IPv4Address(sock.getsockname()[0])
            except OSError:
                own = None
        if own is not None and not own.is_loopback:
            return _interface_of(own, where, endpoint)
    for index, name in socket.if_nameindex():
        flags = _flags(name)
        if flags & _IFF_UP and flags & _IFF_MULTICAST and not flags & _IFF_LOOPBACK:
            address = _address_on(name, where.send_group)
            if address is not None:
                return Interface(address, index)
    why = "no interface is up and has an address of the group's family: name one, as in 'lo;...'"
    raise error(errno.ENODEV, why, endpoint)


def _address_on(name: str, group: Address) -> Address | None:
    """The interface's address to use with the group; a link-local one only if there is no other."""
    found = _addresses(name, group.version)
    return found[0] if found else None


def _addresses(name: str, version: int) -> list[Address]:
    texts = interface_addresses(name, version == 6)
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
    return [address for address in found if address.version == version]


def _flags(name: str) -> int:
    with unpatched.new_socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(
                sock.fileno(), _SIOCGIFFLAGS, struct.pack("16sh22x", name.encode(), 0)
            )
        except OSError:
            return 0  # it is gone
    return int(struct.unpack_from("h", answer, 16)[0]) & 0xFFFF


def _group(name: str, endpoint: str) -> Address:
    if not name:
        return DEFAULT_GROUP
    group = _multicast(name)
    if group is None:
        raise error(errno.EINVAL, f"{name!r} is no multicast address", endpoint)
    return group


def _multicast(text: str) -> Address | None:
    bracketed = text.startswith("[") and text.endswith("]")
    found = _literal((text[1:-1] if bracketed else text).partition("%")[0])
    return found if found is not None and found.is_multicast else None


def _literal(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
