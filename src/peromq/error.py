"""Exceptions.

    ZMQBaseError(Exception)
    ├── ZMQError                    .errno, .strerror
    │   ├── Again                   EAGAIN: DONTWAIT, or a timeout ran out
    │   │   └── NoReply             `request` had no answer; also a TimeoutError
    │   ├── ContextTerminated       ETERM
    │   └── InterruptedSystemCall   EINTR; also an InterruptedError
    │   ├── ConnectError            a connect has failed: .endpoint, .reason
    │   │   ├── HandshakeError      ... by the handshake: .mechanism
    │   │   └── ConnectTimeout      ... or not come about in time; also a TimeoutError
    ├── ZMQBindError                no free port for bind_to_random_port
    └── NotDone                     MessageTracker.wait ran out of time
    ZMQVersionError(NotImplementedError)
    DraftFDWarning(RuntimeWarning)

Names, attributes and texts are pyzmq's, but for ConnectError, NoReply and what is below them, which
are ours.
"""

import os
import threading
from errno import EINTR, ETIMEDOUT
from typing import Literal

from .constants import LIBZMQ_VERSION, Errno

# Where libzmq's text is not the platform's.
_TEXTS: dict[int, str] = {
    Errno.EHOSTUNREACH: "Host unreachable",
    Errno.EFSM: "Operation cannot be accomplished in current state",
    Errno.ENOCOMPATPROTO: "The protocol is not compatible with the socket type",
    Errno.ETERM: "Context was terminated",
    Errno.EMTHREAD: "No thread available",
}


class _LastError(threading.local):
    errno = 0


_last_error = _LastError()


def strerror(errno: int) -> str:
    """The text of an error number."""
    return _TEXTS.get(errno) or os.strerror(errno)


def zmq_errno() -> int:
    """The number of the last ZMQError made in this thread; 0 if there was none."""
    return _last_error.errno


class ZMQBaseError(Exception):
    """Base of all of ZeroMQ's errors."""


class ZMQError(ZMQBaseError):
    """An error with a number and a text. It is not an OSError.

    errno: an `Errno` or a platform errno; None takes `zmq_errno()`.
    msg: a text better than `strerror(errno)`.
    """

    errno: int | None = None
    strerror: str

    def __init__(self, errno: int | str | None = None, msg: str | None = None) -> None:
        if errno is None:
            errno = zmq_errno()
        if isinstance(errno, int):
            self.errno = _last_error.errno = errno
            self.strerror = strerror(errno) if msg is None else msg
        else:
            self.strerror = str(errno) if msg is None else msg

    def __str__(self) -> str:
        return self.strerror

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Again(ZMQError):
    """The call would have had to wait (EAGAIN): DONTWAIT, or RCVTIMEO/SNDTIMEO ran out."""

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(Errno.EAGAIN)


class NoReply(Again, TimeoutError):
    """`Socket.request` had no answer to any of its attempts. The socket can be used as before."""

    errno = Errno.EAGAIN
    strerror: str

    def __init__(self, msg: str = "no reply") -> None:
        super().__init__()
        self.strerror = msg

    def __str__(self) -> str:
        return self.strerror


class ConnectError(ZMQError):
    """A `connect` has not led to a connection.

    endpoint: which. reason: why, in words. errno: ECONNREFUSED, ENODEV (no such name), ETIMEDOUT, …
    """

    def __init__(self, errno: int, endpoint: str = "", reason: str = "") -> None:
        reason = reason or strerror(errno)
        super().__init__(errno, f"{endpoint}: {reason}" if endpoint else reason)
        self.endpoint = endpoint
        self.reason = reason


class HandshakeError(ConnectError):
    """The peer was reached, but hands were not shaken. mechanism: NULL, PLAIN, CURVE, GSSAPI."""

    def __init__(
        self, errno: int, endpoint: str = "", reason: str = "", mechanism: str = ""
    ) -> None:
        super().__init__(errno, endpoint, f"{mechanism} handshake failed: {reason}")
        self.reason = reason
        self.mechanism = mechanism


class ConnectTimeout(ConnectError, TimeoutError):
    """There was no connection in time (ETIMEDOUT)."""

    errno = ETIMEDOUT
    strerror: str

    def __init__(self, endpoint: str = "", reason: str = "") -> None:
        super().__init__(ETIMEDOUT, endpoint, reason)

    def __str__(self) -> str:
        return self.strerror


class ContextTerminated(ZMQError):
    """The socket's context was terminated (ETERM). Only `close` still works."""

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(Errno.ETERM)


class InterruptedSystemCall(ZMQError, InterruptedError):
    """A signal interrupted the call (EINTR). Calls retry by themselves; users should not see it."""

    errno = EINTR
    strerror: str

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(EINTR)

    def __str__(self) -> str:
        return f"{self.strerror}: this call should have been retried, please report it"


class ZMQBindError(ZMQBaseError):
    """`Socket.bind_to_random_port` found no free port."""


class NotDone(ZMQBaseError):
    """`MessageTracker.wait` ran out of time."""


class ZMQVersionError(NotImplementedError):
    """A feature asks for a later libzmq API than the one we match."""

    msg: str
    min_version: str
    version: str

    def __init__(self, min_version: str, msg: str = "Feature") -> None:
        self.msg = msg
        self.min_version = min_version
        self.version = ".".join(map(str, LIBZMQ_VERSION))

    def __str__(self) -> str:
        return f"{self.msg} requires libzmq >= {self.min_version}, have {self.version}"

    def __repr__(self) -> str:
        return f"ZMQVersionError({str(self)!r})"


class DraftFDWarning(RuntimeWarning):
    """pyzmq's warning about the FD of a draft socket. Ours have one, so we never warn."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg or "the FD option of thread-safe sockets is experimental in pyzmq")


def error_from_errno(errno: int) -> ZMQError:
    """The most precise exception for a number."""
    precise = _PRECISE.get(errno)
    return ZMQError(errno) if precise is None else precise()


_PRECISE: dict[int, type[Again] | type[ContextTerminated] | type[InterruptedSystemCall]] = {
    Errno.EAGAIN: Again,
    Errno.ETERM: ContextTerminated,
    EINTR: InterruptedSystemCall,
}


def _check_rc(rc: int, errno: int | None = None, error_without_errno: bool = True) -> None:
    """Raise what a C-style return code of -1 stands for (pyzmq's helper, used in the wild)."""
    if rc != -1:
        return
    if errno is None:
        errno = zmq_errno()
    if errno or error_without_errno:
        raise error_from_errno(errno)


def _check_version(min_version_info: tuple[int, ...], msg: str = "Feature") -> None:
    """Raise ZMQVersionError unless we match at least that libzmq release."""
    if min_version_info > LIBZMQ_VERSION:
        raise ZMQVersionError(".".join(map(str, min_version_info)), msg)


__all__ = [
    "Again",
    "ConnectError",
    "ConnectTimeout",
    "ContextTerminated",
    "DraftFDWarning",
    "HandshakeError",
    "InterruptedSystemCall",
    "NoReply",
    "NotDone",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
]
