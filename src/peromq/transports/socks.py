"""SOCKS5 (RFC 1928): the client's side of CONNECT, with user name and password (RFC 1929). No I/O.

Names go to the proxy unresolved. What is to be read is asked for by the octet, so that nothing of
what the peer says behind the proxy's last reply is taken for the proxy's.
"""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Generator

from .base import MakePreamble, StreamOptions, error
from .tcp_address import HostPort

_VERSION = 5
_NO_LOGIN, _LOGIN = 0, 2
_NONE_ACCEPTABLE = 0xFF
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_LOGIN_VERSION = 1

LONGEST = 255
"""Octets of a host name, a user name or a password: their lengths travel in one octet."""

_REFUSALS = {
    1: (errno.EIO, "general failure"),
    2: (errno.EACCES, "not allowed by the proxy's rules"),
    3: (errno.ENETUNREACH, "network unreachable"),
    4: (errno.EHOSTUNREACH, "host unreachable"),
    5: (errno.ECONNREFUSED, "connection refused"),
    6: (errno.ETIMEDOUT, "TTL expired"),
    7: (errno.EOPNOTSUPP, "command not supported"),
    8: (errno.EAFNOSUPPORT, "address type not supported"),
}
"""RFC 1928, 6: what REP says, as our system would have said it."""

_Steps = Generator[tuple[bytes, int], bytes, None]
"""Yields what to send and how many octets to read then; is given these."""


class SocksClient:
    """Asks a proxy for one connection. Send `data_to_send`, read `wanted` octets, until `done`.

    host: a name or an address in text. username: empty for none; it goes in clear.
    """

    def __init__(self, host: str, port: int, username: bytes = b"", password: bytes = b"") -> None:
        self._steps = self._talk(_address(host) + port.to_bytes(2), username, password)
        self._received = b""
        self._unsent, self._expected = next(self._steps)
        self.done = False
        """The proxy has connected us: from now on the connection is the peer's."""

    @property
    def wanted(self) -> int:
        """How many octets to read, at most."""
        return self._expected - len(self._received)

    def data_to_send(self) -> bytes:
        """Drain what is to be written."""
        unsent, self._unsent = self._unsent, b""
        return unsent

    def receive_data(self, data: bytes) -> None:
        """Take what was read; b"" for the end. Raises OSError when the proxy refuses."""
        if not data:
            raise _refusal(errno.ECONNRESET, "it hung up")
        self._received += data
        if self.wanted > 0:
            return
        received, self._received = self._received, b""
        try:
            self._unsent, self._expected = self._steps.send(received)
        except StopIteration:
            self._expected = 0
            self.done = True

    def _talk(self, address: bytes, username: bytes, password: bytes) -> _Steps:
        """One method is offered, as libzmq does; a proxy that wants no login may say so."""
        method = _LOGIN if username else _NO_LOGIN
        version, chosen = yield bytes((_VERSION, 1, method)), 2
        _require_version(version, _VERSION)
        if chosen == _LOGIN and username:
            login = _counted(username) + _counted(password)
            version, status = yield bytes((_LOGIN_VERSION,)) + login, 2
            _require_version(version, _LOGIN_VERSION)
            if status != 0:
                raise _refusal(errno.EACCES, "it refuses the user name or password")
        elif chosen != _NO_LOGIN:
            why = "it wants a login" if chosen == _NONE_ACCEPTABLE else f"it chose method {chosen}"
            raise _refusal(errno.EACCES, why)
        version, reply, _, kind, first = yield bytes((_VERSION, _CONNECT, 0)) + address, 5
        _require_version(version, _VERSION)
        if reply != 0:
            number, text = _REFUSALS.get(reply, (errno.EIO, f"reply {reply}"))
            raise _refusal(number, text)
        # BND.ADDR and BND.PORT, of which an octet was read, are of no use to us
        left = {_IPV4: 4 + 2, _IPV6: 16 + 2, _NAME: 1 + first + 2}.get(kind)
        if left is None:
            raise _refusal(errno.EPROTO, f"it answers with address type {kind}")
        yield b"", left - 1


def socks_preamble(peer: HostPort, options: StreamOptions, endpoint: str) -> MakePreamble:
    """Asks for `peer`, with SOCKS_USERNAME and SOCKS_PASSWORD. Raises ZMQError(EINVAL)."""
    username = options.socks_username.encode(errors="surrogateescape")
    password = options.socks_password.encode(errors="surrogateescape")
    try:
        _address(peer.host)
    except ValueError as failure:
        raise error(errno.EINVAL, f"no host for a SOCKS proxy: {failure}", endpoint) from None
    return lambda: SocksClient(peer.host, peer.port, username, password)


def _address(host: str) -> bytes:
    """ATYP and DST.ADDR. ValueError if there is no such form."""
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])  # zones are this host's business
    except ValueError:
        name = host.encode("ascii") if host.isascii() else host.encode("idna")
        if len(name) > LONGEST:
            raise ValueError(f"the name has more than {LONGEST} octets") from None
        return bytes((_NAME,)) + _counted(name)
    return bytes((_IPV4 if literal.version == 4 else _IPV6,)) + literal.packed


def _counted(octets: bytes) -> bytes:
    return bytes((len(octets),)) + octets


def _require_version(version: int, expected: int) -> None:
    if version != expected:
        raise _refusal(errno.EPROTO, f"it speaks version {version}, not {expected}")


def _refusal(number: int, why: str) -> OSError:
    return OSError(number, f"SOCKS proxy: {why} ({os.strerror(number)})")
