# ruff: noqa: F401, F403
"""PeroMQ for gevent: `import peromq.green as zmq`, and waiting blocks only the greenlet.

No monkey patching is needed. Everything else is as in `peromq`.
"""

import peromq as _zmq
from peromq import (
    _FINISHED_TRACKER,
    COPY_THRESHOLD,
    DRAFT_API,
    IPC_PATH_MAX_LEN,
    PYZMQ_DRAFT_API,
    Again,
    ConnectError,
    ConnectTimeout,
    ContextTerminated,
    DraftFDWarning,
    Frame,
    HandshakeError,
    InterruptedSystemCall,
    Message,
    MessageTracker,
    NoReply,
    NotDone,
    Stopwatch,
    SyncContext,
    SyncSocket,
    Timers,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
    __revision__,
    __version__,
    curve_keypair,
    curve_public,
    get_includes,
    get_library_dirs,
    has,
    install_as_zmq,
    peromq_version,
    proxy,
    proxy_steerable,
    pyzmq_version,
    pyzmq_version_info,
    select,
    strerror,
    zmq_errno,
    zmq_poll,
    zmq_ppoll,
    zmq_version,
    zmq_version_info,
)
from peromq.constants import *

from .core import _Context, _Socket
from .device import device
from .poll import _Poller

Context = _Context
Socket = _Socket
Poller = _Poller

__all__ = list(_zmq.__all__)
