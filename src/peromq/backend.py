"""pyzmq's name for what is below the public classes. There is one backend here: our own."""

import sys

from ._core.handles import Frame as Frame
from .constants import IPC_PATH_MAX_LEN as IPC_PATH_MAX_LEN
from .context import Context as Context
from .curve import curve_keypair as curve_keypair
from .curve import curve_public as curve_public
from .error import strerror as strerror
from .error import zmq_errno as zmq_errno
from .forward import proxy as proxy
from .forward import proxy_steerable as proxy_steerable
from .poll import zmq_poll as zmq_poll
from .socket import Socket as Socket
from .version import has as has
from .version import zmq_version_info as zmq_version_info

Message = Frame
PYZMQ_DRAFT_API = True

# pyzmq's backends are modules below this one; to import them, this must look like a package.
__path__: list[str] = []
cython = select = sys.modules[__name__]
sys.modules[f"{__name__}.cython"] = sys.modules[f"{__name__}.select"] = cython

__all__ = [
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "Context",
    "Frame",
    "Message",
    "Socket",
    "curve_keypair",
    "curve_public",
    "has",
    "proxy",
    "proxy_steerable",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version_info",
]
