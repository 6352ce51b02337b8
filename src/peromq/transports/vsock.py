"""vsock:// endpoints: `vsock://CID:PORT`, between virtual machines and their host."""

from __future__ import annotations

import errno
import socket

from .base import error
from .kernel_family import FamilyTransport

_ANY = 0xFFFFFFFF  # VMADDR_CID_ANY, VMADDR_PORT_ANY (linux/vm_sockets.h)
_HOST = 2  # VMADDR_CID_HOST
_FAMILY = getattr(socket, "AF_VSOCK", 40)


class VsockTransport(FamilyTransport):
    """CID: a number, `*` for all of ours, `@` for the host. PORT: a number, `*` for a free one."""

    scheme = "vsock"
    family = _FAMILY

    def local(self, address: str, endpoint: str) -> tuple[int, int]:
        return parse(address, endpoint)

    def remote(self, address: str, endpoint: str) -> tuple[int, int]:
        peer = parse(address, endpoint)
        if _ANY in peer:
            raise error(errno.EINVAL, "to connect, say which CID and port", endpoint)
        return peer

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


def parse(address: str, endpoint: str) -> tuple[int, int]:
    """(CID, port). Raises ZMQError(EINVAL)."""
    cid, separator, port = address.rpartition(":")
    if not separator:
        raise error(errno.EINVAL, "expected CID:PORT", endpoint)
    return _number(cid, {"*": _ANY, "-1": _ANY, "@": _HOST}, "CID", endpoint), _number(
        port, {"*": _ANY, "-1": _ANY}, "port", endpoint
    )


def _number(text: str, names: dict[str, int], what: str, endpoint: str) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32):
        raise error(errno.EINVAL, f"{text!r} is no {what}", endpoint)
    return int(text)
