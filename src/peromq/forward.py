"""`proxy` and its kin: pass messages between two sockets, natively, until the context ends."""

from __future__ import annotations

import struct
import threading
from typing import Any

from ._core.handles import SocketCore
from ._core.handles_poll import Proxy
from .constants import SocketType
from .socket import Socket

_COUNT = struct.Struct("=Q")
_MUTE = (SocketType.PULL, SocketType.SUB)


def proxy(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None = None) -> None:
    """Forward messages both ways between two sockets, and copies of all of them to `capture`.

    Both may be the same socket. The GIL is free meanwhile. A capture socket that blocks (a PUSH
    without a peer) holds everything up; a PUB drops.

    Blocks until the context is terminated (ContextTerminated) or a socket closed (ZMQError,
    ENOTSOCK). ENOTSUP if `capture` cannot send.
    """
    _start(frontend, backend, capture).run()


def proxy_steerable(
    frontend: Socket[Any],
    backend: Socket[Any],
    capture: Socket[Any] | None = None,
    control: Socket[Any] | None = None,
) -> int:
    """`proxy`, steered by messages to `control` (PAIR, PULL, SUB, REP, …).

    PAUSE: forward nothing until RESUME. TERMINATE: return. STATISTICS: send eight unsigned 64 bit
    integers in native byte order, a frame each, back through `control`: messages and octets
    received by the frontend, sent by it, received by the backend, sent by it. A REP gets an empty
    answer to the other commands. Unknown commands are ignored. `capture` gets a copy of each.
    Returns 0.

    libzmq took this away in 4.3.5; there it raises ENOTSUP.
    """
    running = _start(frontend, backend, capture, control)
    if control is None:
        running.run()
        return 0
    paused = False
    while True:
        if not paused:
            running.run()
        # SocketCore's: an asynchronous socket is used like any other here
        command = SocketCore.recv_multipart(control)
        if capture is not None:
            SocketCore.send_multipart(capture, command)
        reply = [b""] if control.type == SocketType.REP else []
        match command:
            case [b"PAUSE"]:
                paused = True
            case [b"RESUME"]:
                paused = False
            case [b"STATISTICS"] if control.type not in _MUTE:
                reply = [_COUNT.pack(count) for count in running.counts()]
        if reply:
            SocketCore.send_multipart(control, reply)
        if command == [b"TERMINATE"]:
            return 0


def monitored_queue(
    in_socket: Socket[Any],
    out_socket: Socket[Any],
    mon_socket: Socket[Any],
    in_prefix: bytes = b"in",
    out_prefix: bytes = b"out",
) -> None:
    """`proxy` whose capture socket learns where a message came from, by a frame before it.

    Between two ROUTERs the first two frames change places: a message for a peer of the other side
    begins with that peer's routing id, and arrives with the sender's. Blocks and ends as `proxy`
    does. TypeError unless the prefixes are bytes.
    """
    for prefix in (in_prefix, out_prefix):
        if not isinstance(prefix, bytes):
            raise TypeError(f"expected bytes, got: {prefix!r}")
    _start(in_socket, out_socket, mon_socket, prefixes=(in_prefix, out_prefix)).run()


def device(device_type: int, frontend: Socket[Any], backend: Socket[Any]) -> None:
    """Deprecated: `proxy`. The type is ignored."""
    proxy(frontend, backend)


def _start(
    frontend: Socket[Any],
    backend: Socket[Any],
    capture: Socket[Any] | None,
    control: Socket[Any] | None = None,
    prefixes: tuple[bytes, bytes] | None = None,
) -> Proxy:
    for socket in (frontend, backend):
        if not isinstance(socket, SocketCore):
            raise TypeError(f"expected a Socket, got: {socket!r}")
    # elsewhere signals cannot be handled, so nothing is worth being interrupted for
    is_main = threading.current_thread() is threading.main_thread()
    return Proxy(frontend, backend, capture, control, prefixes, is_main)
