"""How sockets are made: non-blocking, with their options, and closed again if that fails."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from weakref import WeakValueDictionary

from .. import unpatched
from .base import (
    MakePreamble,
    MakeTransform,
    Route,
    SocketAddress,
    StreamOptions,
    WebPlace,
    error,
    from_oserror,
)

_USUAL_BACKLOG = 100


class closed_on_error:
    """A `with` block after which the socket is still open, unless the block raised."""

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __enter__(self) -> socket.socket:
        return self._sock

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._sock.close()


def new_socket(family: int, kind: int, options: StreamOptions) -> socket.socket:
    """Non-blocking, with SNDBUF and RCVBUF, which TCP windows follow only if they come so early."""
    sock = unpatched.new_socket(family, kind)
    with closed_on_error(sock):
        sock.setblocking(False)
        if options.sndbuf >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.sndbuf)
        if options.rcvbuf >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.rcvbuf)
    return sock


def listen_queue(options: StreamOptions) -> int:
    """What to ask listen() for: BACKLOG, or all the system allows if that is libzmq's default.

    A queue of 100 overflows when thousands of clients come back to a server that was away, and a
    connection that finds no room in it is tried again by the kernel only after 1, 3, 7 … seconds.
    """
    return max(options.backlog, socket.SOMAXCONN if options.backlog >= _USUAL_BACKLOG else 0)


def bind_to_device(sock: socket.socket, options: StreamOptions) -> None:
    """BINDTODEVICE, if it is set."""
    if options.bindtodevice:
        device = os.fsencode(options.bindtodevice)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)


def bind_to_first(
    addresses: Iterable[tuple[int, SocketAddress]], make_socket: Callable[[int], socket.socket]
) -> socket.socket:
    """A socket bound to the first address of a family this kernel knows; IPv6 ones take IPv4 too.

    Raises OSError.
    """
    for family, local in addresses:
        try:
            sock = make_socket(family)
        except OSError as failure:
            if failure.errno != errno.EAFNOSUPPORT:
                raise
            continue
        with closed_on_error(sock):
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(local)
        return sock
    raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))


class PlainTarget:
    """A peer at one address, with nothing to resolve and nothing to say first."""

    may_block = False
    preamble: MakePreamble | None = None
    transform: MakeTransform | None = None
    web: WebPlace | None = None

    def __init__(self, family: int, remote: SocketAddress, options: StreamOptions) -> None:
        self._family = family
        self._remote = remote
        self._options = options

    def routes(self) -> Sequence[Route]:
        """The one."""
        return [Route(self._family, self._remote)]

    def dial(self, route: Route) -> tuple[socket.socket, int]:
        """As `Target.dial`. A Unix socket is connected at once, or not: EAGAIN means that the
        listener's backlog is full."""
        sock = new_socket(route.family, socket.SOCK_STREAM, self._options)
        with closed_on_error(sock):
            return sock, sock.connect_ex(route.remote)


def stands(sock: socket.socket) -> bool:
    """Is the connection there already? On one host the kernel makes it while it is asked to."""
    try:
        return not _met_itself(sock)
    except OSError:
        return False


def finish_connect(sock: socket.socket) -> None:
    """What became of connect(), once the socket is writable. Raises OSError if it failed."""
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number == 0 and _met_itself(sock):
        number = errno.ECONNREFUSED
    if number:
        raise OSError(number, os.strerror(number))


def _met_itself(sock: socket.socket) -> bool:
    """A connect() to an ephemeral port of this host where nobody listens may pick that very port as
    its source and so reach itself. That is a refusal too. Raises OSError without a connection."""
    peer = sock.getpeername()
    return isinstance(peer, tuple) and peer == sock.getsockname()  # of a Unix socket it is text


_adopted: WeakValueDictionary[int, socket.socket] = WeakValueDictionary()


def adopt_listener(descriptor: int, families: Sequence[int], endpoint: str) -> socket.socket:
    """The listening socket of option USE_FD; from now on ours to close.

    Raises ZMQError: EBADF if that is no open socket, EINVAL if it does not listen or is of
    another transport, EADDRINUSE if it was adopted before.
    """
    before = _adopted.get(descriptor)
    if before is not None and before.fileno() == descriptor:
        raise error(errno.EADDRINUSE, f"USE_FD {descriptor} is in use already", endpoint)
    try:
        sock = unpatched.new_socket(fileno=descriptor)
    except OSError as failure:
        raise from_oserror(failure, endpoint) from None
    if sock.family in families and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.setblocking(False)
        _adopted[descriptor] = sock
        return sock
    sock.detach()
    raise error(errno.EINVAL, f"USE_FD {descriptor} is no listening socket of this kind", endpoint)
