"""What tipc and vsock share: address families that a kernel or a Python may lack."""

from __future__ import annotations

import errno
import os
import socket
from abc import ABC, abstractmethod

from .base import Listening, SocketAddress, StreamOptions, error, from_oserror
from .sockets import PlainTarget, adopt_listener, closed_on_error, listen_queue, new_socket


class FamilyTransport(ABC):
    """A transport by a family of its own: no names to resolve, no filters, nothing to tune."""

    scheme: str
    family: int

    @abstractmethod
    def local(self, address: str, endpoint: str) -> SocketAddress | None:
        """What to bind to; None if that is up to the kernel. Raises ZMQError(EINVAL)."""

    @abstractmethod
    def remote(self, address: str, endpoint: str) -> SocketAddress:
        """Whom to connect to. Raises ZMQError(EINVAL)."""

    @abstractmethod
    def endpoint_of(self, connection: socket.socket) -> str:
        """The endpoint of our end."""

    @abstractmethod
    def peer_address(self, connection: socket.socket) -> str:
        """Who the peer is; empty if it is gone already."""

    def bound_endpoint(self, sock: socket.socket, endpoint: str) -> str:
        """Of what listens at `endpoint`, wildcards resolved."""
        return self.endpoint_of(sock)

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Raises ZMQError: EINVAL, EAFNOSUPPORT where the kernel does not have the family."""
        endpoint = f"{self.scheme}://{address}"
        if options.use_fd >= 0:
            sock = adopt_listener(options.use_fd, (self.family,), endpoint)
            return Listening(sock, self.endpoint_of(sock))
        local = self.local(address, endpoint)
        sock = self._new_socket(options, endpoint)
        with closed_on_error(sock):
            try:
                if local is not None:
                    sock.bind(local)
                sock.listen(listen_queue(options))
                return Listening(sock, self.bound_endpoint(sock, endpoint))
            except OSError as failure:
                raise from_oserror(failure, endpoint) from None

    def target(self, address: str, options: StreamOptions) -> PlainTarget:
        """Raises ZMQError: EINVAL, also for a wildcard; EAFNOSUPPORT."""
        endpoint = f"{self.scheme}://{address}"
        remote = self.remote(address, endpoint)
        self._new_socket(options, endpoint).close()  # or connect() would try for ever
        return PlainTarget(self.family, remote, options)

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """There are no filters."""
        return True

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:  # noqa: B027
        """There is nothing to tune."""

    def _new_socket(self, options: StreamOptions, endpoint: str) -> socket.socket:
        try:
            if not hasattr(socket, f"AF_{self.scheme.upper()}"):
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            return new_socket(self.family, socket.SOCK_STREAM, options)
        except OSError as failure:
            if failure.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
                why = f"this kernel has no {self.scheme}: try `modprobe {self.scheme}`"
                raise error(errno.EAFNOSUPPORT, why, endpoint) from None
            raise from_oserror(failure, endpoint) from None
