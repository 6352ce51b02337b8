"""ipc:// endpoints: Unix domain sockets, by path or in Linux's abstract namespace (`ipc://@name`).

Where libzmq's bind takes a path from whoever listens there, ours refuses with EADDRINUSE; a file
left behind by a process that is gone is replaced. Closing removes the file we made.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Callable, Collection

from .. import unpatched
from ..constants import IPC_PATH_MAX_LEN
from .base import Listening, StreamOptions, error, from_oserror
from .sockets import PlainTarget, adopt_listener, closed_on_error, listen_queue, new_socket

_UCRED = struct.Struct("3i")


class IpcTransport:
    """`*` binds to a fresh temporary path; a path with `@` in front is an abstract name."""

    scheme = "ipc"

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """Raises ZMQError: ENAMETOOLONG, ENOENT (no such directory), EADDRINUSE and others."""
        endpoint = f"ipc://{address}"
        if options.use_fd >= 0:
            sock = adopt_listener(options.use_fd, (socket.AF_UNIX,), endpoint)
            return Listening(sock, self.endpoint_of(sock))
        if address == "*":
            return _listen_in_temporary_directory(options, endpoint)
        sock = _listen(address, options, endpoint)
        return Listening(sock, endpoint, None if address[0] == "@" else _remover(address))

    def target(self, address: str, options: StreamOptions) -> PlainTarget:
        """Check `PATH` or `@NAME`. Whether anything is there shows at each attempt."""
        endpoint = f"ipc://{address}"
        if address == "*":
            raise error(errno.EINVAL, "a wildcard is for bind only", endpoint)
        return PlainTarget(socket.AF_UNIX, _socket_name(address, endpoint), options)

    def endpoint_of(self, connection: socket.socket) -> str:
        """ipc://PATH, or ipc://@NAME, of our end."""
        name = connection.getsockname()
        if isinstance(name, bytes):
            return "ipc://@" + os.fsdecode(name[1:]) if name else "ipc://"
        return f"ipc://{name}"

    def peer_address(self, connection: socket.socket) -> str:
        """`:UID:GID:PID` of the peer when it connected, as libzmq has it."""
        try:
            pid, uid, gid = peer_credentials(connection)
        except OSError:
            return ""
        return f":{uid}:{gid}:{pid}"

    def admits(self, connection: socket.socket, options: StreamOptions) -> bool:
        """IPC_FILTER_PID, UID and GID: one of them names the peer, if there are any."""
        pids, uids, gids = options.ipc_filter_pid, options.ipc_filter_uid, options.ipc_filter_gid
        if not (pids or uids or gids):
            return True
        pid, uid, gid = peer_credentials(connection)
        return pid in pids or uid in uids or gid in gids or _is_member(uid, gids)

    def tune(self, connection: socket.socket, options: StreamOptions) -> None:
        """Nothing: all options of ipc are the listener's."""


def peer_credentials(connection: socket.socket) -> tuple[int, int, int]:
    """(pid, uid, gid) of the process at the other end. Raises OSError."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(raw)
    return pid, uid, gid


def _is_member(uid: int, gids: Collection[int]) -> bool:
    """Whether the user is listed as a member of one of the groups (libzmq counts these, too)."""
    if not gids:
        return False
    import grp  # not above: few filter by group
    import pwd

    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return False
    for gid in gids:
        try:
            if name in grp.getgrgid(gid).gr_mem:
                return True
        except KeyError:
            pass  # no such group
    return False


def _listen(address: str, options: StreamOptions, endpoint: str) -> socket.socket:
    name = _socket_name(address, endpoint)
    sock = new_socket(socket.AF_UNIX, socket.SOCK_STREAM, options)
    with closed_on_error(sock):
        try:
            _bind(sock, name)
            sock.listen(listen_queue(options))
        except FileNotFoundError:
            raise error(errno.ENOENT, f"no directory for ipc path {address!r}", endpoint) from None
        except OSError as failure:
            raise from_oserror(failure, endpoint) from None
    return sock


def _bind(sock: socket.socket, name: bytes) -> None:
    """In the place of a file on which nobody listens any more, if one is in the way."""
    try:
        sock.bind(name)
    except OSError as failure:
        if failure.errno != errno.EADDRINUSE or name[0] == 0 or not _is_stale(name):
            raise
        os.unlink(name)
        sock.bind(name)


def _listen_in_temporary_directory(options: StreamOptions, endpoint: str) -> Listening:
    try:
        directory = tempfile.mkdtemp(prefix="peromq-")
    except OSError as failure:
        raise from_oserror(failure, endpoint) from None
    path = os.path.join(directory, "socket")
    try:
        sock = _listen(path, options, f"ipc://{path}")
    except BaseException:
        os.rmdir(directory)
        raise
    remove_socket = _remover(path)

    def remove() -> None:
        remove_socket()
        try:
            os.rmdir(directory)
        except OSError:
            pass  # somebody put something there: not ours to delete

    return Listening(sock, f"ipc://{path}", remove)


def _is_stale(name: bytes) -> bool:
    """A socket file nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(os.stat(name).st_mode):
            return False
        with unpatched.new_socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            return probe.connect_ex(name) == errno.ECONNREFUSED
    except OSError:
        return False


def _remover(path: str) -> Callable[[], None]:
    """Removes the file that is at `path` now, later, unless another has taken its place."""
    # Absolute, for the process may change its directory meanwhile.
    absolute = os.path.abspath(path)
    made = _identity(absolute)

    def remove() -> None:
        if made is not None and _identity(absolute) == made:
            try:
                os.unlink(absolute)
            except OSError:
                pass  # gone already, or the directory's owner does not want us to

    return remove


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _socket_name(address: str, endpoint: str) -> bytes:
    """What to put into sun_path. Raises ZMQError: EINVAL or ENAMETOOLONG."""
    name = os.fsencode(address)
    if address.startswith("@"):
        name = b"\0" + name[1:]
        if len(name) == 1:
            raise error(errno.EINVAL, "an abstract name needs a name", endpoint)
    elif b"\0" in name:
        raise error(errno.EINVAL, "a path cannot contain NUL", endpoint)
    if len(name) > IPC_PATH_MAX_LEN:
        raise error(
            errno.ENAMETOOLONG,
            f"ipc path {address!r} is longer than {IPC_PATH_MAX_LEN} octets (sizeof sun_path)",
            endpoint,
        )
    return name
