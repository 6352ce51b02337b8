# ruff: noqa: F403, F405
"""PeroMQ: ZeroMQ written anew for Python. Use it as `import peromq as zmq`.

The API is pyzmq's, and more: `Socket.send_many` and `recv_many`, `wait_connected`, `request`,
`Context.shutdown`, `Context.term(timeout)`, sockets that may be shared between threads.
"""

from . import backend as backend
from . import constants as constants
from . import error as error
from . import sugar as sugar
from . import utils as utils
from ._core.handles import Frame, install
from .alias import install_as_zmq
from .constants import *
from .constants import IPC_PATH_MAX_LEN
from .context import Context, SyncContext
from .curve import curve_keypair, curve_public
from .error import (
    Again,
    ConnectError,
    ConnectTimeout,
    ContextTerminated,
    DraftFDWarning,
    HandshakeError,
    InterruptedSystemCall,
    NoReply,
    NotDone,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
    error_from_errno,
    strerror,
    zmq_errno,
)
from .forward import device, proxy, proxy_steerable
from .poll import Poller, select, zmq_poll, zmq_ppoll
from .socket import COPY_THRESHOLD, Socket, SyncSocket
from .stopwatch import Stopwatch
from .timers import Timers
from .tracker import _FINISHED_TRACKER, MessageTracker
from .version import (
    __revision__,
    __version__,
    has,
    peromq_version,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
    zmq_version_info,
)

install(error_from_errno, MessageTracker, _FINISHED_TRACKER)

Message = Frame

PYZMQ_DRAFT_API = backend.PYZMQ_DRAFT_API
DRAFT_API = PYZMQ_DRAFT_API
"""Are libzmq's draft socket types there?"""

__all__ = [
    "COPY_THRESHOLD",
    "DRAFT_API",
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "_FINISHED_TRACKER",
    "Again",
    "ConnectError",
    "ConnectTimeout",
    "Context",
    "ContextTerminated",
    "DraftFDWarning",
    "Frame",
    "HandshakeError",
    "InterruptedSystemCall",
    "Message",
    "MessageTracker",
    "NoReply",
    "NotDone",
    "Poller",
    "Socket",
    "Stopwatch",
    "SyncContext",
    "SyncSocket",
    "Timers",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
    "__revision__",
    "__version__",
    "curve_keypair",
    "curve_public",
    "device",
    "get_includes",
    "get_library_dirs",
    "has",
    "install_as_zmq",
    "peromq_version",
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_ppoll",
    "zmq_version",
    "zmq_version_info",
]
__all__ += constants.__all__

_MODULES = {
    *("anyio", "asyncio", "auth", "backend", "constants", "decorators", "devices", "error"),
    *("eventloop", "green", "log", "ssh", "sugar", "trio", "utils"),
}


def __dir__() -> list[str]:
    """Names for users: other modules are nobody's business but ours."""
    found = {name for name in globals() if name in _MODULES or name.startswith("__")}
    return sorted(found | set(__all__))


def get_includes() -> list[str]:
    """Directories for `cimport peromq`: there is no C API, so only the package's own."""
    package = __path__[0]
    return [package, f"{package}/utils"]


def get_library_dirs() -> list[str]:
    """Directories of compiled libraries: the package's own."""
    return [__path__[0]]
