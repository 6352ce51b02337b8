"""The address part of tcp endpoints: HOST:PORT, and what local names stand for. No sockets made."""

from __future__ import annotations

import errno
import fcntl
import functools
import ipaddress
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from .. import unpatched
from .base import SocketAddress, error

_SIOCGIFADDR = 0x8915  # linux/sockios.h
_IFREQ = struct.Struct("16s24x")
_LAST_INDEX = 2**32 - 1  # sin6_scope_id

_HOST_NAME = re.compile(r"\w[\w.-]*")
_LOCAL_NAME = re.compile(r"\w[\w.:@-]*")  # interfaces may be called eth0:1 or veth0@if7


@dataclass(frozen=True, slots=True)
class HostPort:
    """One side of an address. Port 0 leaves the choice to the system."""

    host: str
    port: int

    @property
    def literal(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address `host` spells, or None if it is a name or `*`."""
        return _literal(self.host)


def parse_bind(address: str, endpoint: str) -> HostPort:
    """`INTERFACE:PORT`. Raises ZMQError: EINVAL, or ENODEV for what cannot be an interface."""
    return _parse(address, endpoint, _local_host, lowest_port=0, no_host=errno.ENODEV)


def parse_connect(address: str, endpoint: str) -> tuple[HostPort | None, HostPort]:
    """`HOST:PORT` or `SOURCE:PORT;HOST:PORT`, as (source, peer). Raises ZMQError(EINVAL)."""
    source, separator, peer = address.rpartition(";")
    return (
        _parse(source, endpoint, _local_host, lowest_port=0) if separator else None,
        _parse(peer, endpoint, _remote_host, lowest_port=1),
    )


def local_addresses(where: HostPort, ipv6: bool) -> list[tuple[int, SocketAddress]]:
    """What to bind to, as (family, address), best first; `ipv6` is the IPV6 option.

    An interface name stands for its addresses; any other name is resolved, which may block.
    Raises OSError(ENODEV) if this host has no such address.
    """
    host, port = where.host, where.port
    if host == "*":
        # With IPV6 one socket serves both families; without IPv6 in the kernel, there is one.
        wildcards = [(socket.AF_INET, ("0.0.0.0", port))]
        return [(socket.AF_INET6, ("::", port)), *wildcards] if ipv6 else [*wildcards]
    literals = [host] if where.literal else interface_addresses(host, ipv6)
    if literals:
        found = [a for text in literals for a in _lookup(text, port, ipv6, socket.AI_NUMERICHOST)]
    else:
        found = _lookup(host, port, ipv6, socket.AI_PASSIVE)
    # The order of an interface's addresses is ours to choose; libzmq prefers IPv6 as well.
    return sorted(found, key=lambda entry: entry[0] != socket.AF_INET6) if ipv6 else found


def remote_addresses(where: HostPort, ipv6: bool) -> list[tuple[int, SocketAddress]]:
    """What to connect to, as (family, address), in the resolver's order. A name may block.

    Raises OSError if there is nothing now.
    """
    literal = where.literal
    if literal is not None and literal.version == 4:
        return [(socket.AF_INET, (where.host, where.port))]  # there is nothing to look up
    flags = 0 if literal is None else socket.AI_NUMERICHOST
    return _lookup(where.host, where.port, ipv6, flags)


def interface_addresses(name: str, ipv6: bool) -> list[str]:
    """The addresses of a network interface of this host, IPv4 first; [] if there is none."""
    found = []
    octets = name.encode()
    if len(octets) < 16:
        with unpatched.new_socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                answer = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR, _IFREQ.pack(octets))
                found.append(socket.inet_ntoa(answer[20:24]))
            except OSError:
                pass  # no such interface, or no IPv4 address
    return found + _interface_ipv6(name) if ipv6 else found


def _interface_ipv6(name: str) -> list[str]:
    """Lines of if_inet6 are: address, index, prefix length, scope, flags, name."""
    try:
        with open("/proc/net/if_inet6", encoding="ascii", errors="replace") as table:
            rows = [line.split() for line in table]
    except OSError:
        return []
    addresses = [ipaddress.IPv6Address(int(row[0], 16)) for row in rows if row[5] == name]
    addresses.sort(key=lambda address: address.is_link_local)  # those need a zone: last
    return [f"{a}%{name}" if a.is_link_local else str(a) for a in addresses]


def _lookup(host: str, port: int, ipv6: bool, flags: int) -> list[tuple[int, SocketAddress]]:
    family = socket.AF_UNSPEC if ipv6 else socket.AF_INET
    address, separator, zone = host.partition("%")
    if separator and flags & socket.AI_NUMERICHOST:
        # getaddrinfo takes the names of interfaces for link-local addresses only
        return [(socket.AF_INET6, (address, port, 0, _zone_index(zone)))] if ipv6 else []
    try:
        found = unpatched.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, flags)
    except socket.gaierror as failure:
        raise OSError(errno.ENODEV, f"{host}: {failure.strerror}") from None
    except UnicodeError as failure:  # no IDNA form
        raise OSError(errno.ENODEV, f"{host}: {failure}") from None
    return [(entry[0], entry[4]) for entry in found]


def _zone_index(zone: str) -> int:
    if zone.isascii() and zone.isdecimal() and int(zone[:11]) <= _LAST_INDEX:
        return int(zone)
    try:
        return socket.if_nametoindex(zone)
    except (OSError, ValueError):
        raise OSError(errno.ENODEV, f"{zone}: no such interface") from None


def _parse(
    address: str,
    endpoint: str,
    host_of: Callable[[str], str | None],
    lowest_port: int,
    no_host: int = errno.EINVAL,
) -> HostPort:
    text, separator, port = address.rpartition(":")
    if not separator:
        raise error(errno.EINVAL, "expected HOST:PORT", endpoint)
    if lowest_port == 0 and port == "*":
        port = "0"
    if not (port.isascii() and port.isdigit() and lowest_port <= int(port[:6]) <= 65535):
        raise error(errno.EINVAL, f"{port!r} is no port of {lowest_port}..65535", endpoint)
    host = host_of(text)
    if host is None:
        number = errno.EINVAL if ";" in text else no_host
        raise error(number, f"{text!r} is no host, where HOST:PORT was expected", endpoint)
    return HostPort(host, int(port))


def _local_host(text: str) -> str | None:
    return "*" if text in ("*", "[*]") else _host(text, _LOCAL_NAME)


def _remote_host(text: str) -> str | None:
    return _host(text, _HOST_NAME)


def _host(text: str, names: re.Pattern[str]) -> str | None:
    """A literal or a name, with or without brackets; None for anything else.

    An IPv4 address in IPv6 form is that IPv4 address.
    """
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    literal = _literal(host)
    if literal is None:
        return host if names.fullmatch(host) else None
    mapped = literal.ipv4_mapped if isinstance(literal, ipaddress.IPv6Address) else None
    return host if mapped is None else str(mapped)


@functools.lru_cache(maxsize=64)
def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
