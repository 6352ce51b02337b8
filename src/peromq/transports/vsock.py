"""vsock:// endpoints: `vsock://CID:PORT`, between virtual machines and their host."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence

from .. import unpatched
from .base import (
    Listening,
    MakePreamble,
    MakeTransform,
    Route,
    StreamOptions,
    WebPlace,
    adopt_listener,
    error,
    from_oserror,
    set_buffers,
)

_ANY = 0xFFFFFFFF  # VMADDR_CID_ANY, VMADDR_PORT_ANY (linux/vm_sockets.h)
_HOST = 2  # VMADDR_CID_HOST
_FAMILY = getattr(socket, "AF_VSOCK", 40)


class VsockTransport:
    """CID: a number, `*` for all of ours, `@` for the host. PORT: a number, `*` for a free one."""

    scheme = "vsock"

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Raises ZMQError: EINVAL, EAFNOSUPPORT where the kernel has no vsock."""
        endpoint = f"vsock://{address}"
        if options.use_fd >= 0:
            sock = adopt_listener(options.use_fd, (_FAMILY,), endpoint)
            return Listening(sock, self.endpoint_of(sock))
        local = parse(address, endpoint)
        try:
            sock = _new_socket(options)
        except OSError as failure:
            raise without_kernel(failure, "vsock", endpoint) from None
        try:
            sock.bind(local)
            sock.listen(options.backlog)
        except OSError as failure:
            sock.close()
            raise from_oserror(failure, endpoint) from None
        return Listening(sock, self.endpoint_of(sock))

    def target(self, address: str, options: StreamOptions) -> VsockTarget:
        """Raises ZMQError: EINVAL, also for a wildcard; EAFNOSUPPORT."""
        endpoint = f"vsock://{address}"
        peer = parse(address, endpoint)
        if _ANY in peer:
            raise error(errno.EINVAL, "to connect, say which CID and port", endpoint)
        try:
            _new_socket(options).close()
        except OSError as failure:
            raise without_kernel(failure, "vsock", endpoint) from None
        return VsockTarget(peer, options)

    def endpoint_of(self, connection: socket.socket) -> str:
        """vsock://CID:PORT of our end."""
        cid, port = connection.getsockname()
        return f"vsock://{'*' if cid == _ANY else cid}:{port}"

    def peer_address(self, connection: socket.socket) -> str:
        """The peer's CID."""
        try:
            return str(connection.getpeername()[0])
        except OSError:
            return ""

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """There are no filters."""
        return True

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:
        """There is nothing to tune."""


class VsockTarget:
    """A peer in another machine, or this one."""

    may_block = False
    preamble: MakePreamble | None = None
    transform: MakeTransform | None = None
    web: WebPlace | None = None

    def __init__(self, peer: tuple[int, int], options: StreamOptions) -> None:
        self._peer = peer
        self._options = options

    def routes(self) -> Sequence[Route]:
        """The one."""
        return [Route(_FAMILY, self._peer)]

    def dial(self, route: Route) -> tuple[socket.socket, int]:
        """A connection under way."""
        sock = _new_socket(self._options)
        try:
            return sock, sock.connect_ex(route.remote)
        except BaseException:
            sock.close()
            raise


def parse(address: str, endpoint: str) -> tuple[int, int]:
    """(CID, port). Raises ZMQError(EINVAL)."""
    cid, separator, port = address.rpartition(":")
    if not separator:
        raise error(errno.EINVAL, "expected CID:PORT", endpoint)
    return _number(cid, {"*": _ANY, "-1": _ANY, "@": _HOST}, "CID", endpoint), _number(
        port, {"*": _ANY, "-1": _ANY}, "port", endpoint
    )


def without_kernel(failure: OSError, family: str, endpoint: str) -> Exception:
    """The ZMQError for a socket that cannot be made."""
    if failure.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return error(
            errno.EAFNOSUPPORT, f"this kernel has no {family}: try `modprobe {family}`", endpoint
        )
    return from_oserror(failure, endpoint)


def _number(text: str, names: dict[str, int], what: str, endpoint: str) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32):
        raise error(errno.EINVAL, f"{text!r} is no {what}", endpoint)
    return int(text)


def _new_socket(options: StreamOptions) -> socket.socket:
    if not hasattr(socket, "AF_VSOCK"):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    sock = unpatched.new_socket(_FAMILY, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        set_buffers(sock, options)
    except BaseException:
        sock.close()
        raise
    return sock
