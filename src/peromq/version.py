"""Whose API and behaviour we match, and what we can do."""

import functools
from importlib.machinery import PathFinder

from .constants import LIBZMQ_VERSION

PEROMQ_VERSION = "0.1.0"  # pyproject.toml says the same; a test compares

VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH, VERSION_EXTRA = 27, 3, 0, ""
version_info: tuple[int, int, int] | tuple[int, int, int, float]
version_info = (VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH)
"""The pyzmq release whose API ours is a superset of."""

__version__ = f"{VERSION_MAJOR}.{VERSION_MINOR}.{VERSION_PATCH}"
"""pyzmq's as well: programs compare it to learn what they may call. Ours: `peromq_version`."""

__revision__ = ""

_BUILT_IN = frozenset({"draft", "ipc", "pgm", "plain", "tipc", "vsock", "ws", "WS"})
_NEEDS = {"curve": "nacl", "gssapi": "gssapi", "tls": "_ssl", "wss": "_ssl", "WSS": "_ssl"}
"""Capabilities that need a module which may not be there."""


class Capabilities:
    """What `has` answers yes to, as a container."""

    def __contains__(self, capability: object) -> bool:
        return capability in _BUILT_IN or (capability in _NEEDS and _installed(str(capability)))


CAPABILITIES = Capabilities()


@functools.cache
def _installed(capability: str) -> bool:
    return PathFinder.find_spec(_NEEDS[capability]) is not None


def zmq_version_info() -> tuple[int, int, int]:
    """The libzmq release whose numbers and behaviour we match."""
    return LIBZMQ_VERSION


def zmq_version() -> str:
    """`zmq_version_info` as text."""
    return ".".join(map(str, LIBZMQ_VERSION))


def pyzmq_version_info() -> tuple[int, int, int] | tuple[int, int, int, float]:
    """The pyzmq release whose API ours is a superset of."""
    return version_info


def pyzmq_version() -> str:
    """`pyzmq_version_info` as text."""
    return __version__


def peromq_version() -> str:
    """The version of PeroMQ itself."""
    return PEROMQ_VERSION


def has(capability: str) -> bool:
    """Is an optional part there?

    Known: ipc plain pgm tipc norm curve gssapi draft vmci vsock ws wss tls. Unknown names are
    False; TypeError for bytes.
    """
    if not isinstance(capability, str):
        raise TypeError(f"expected str, got: {capability!r}")
    return capability in CAPABILITIES


__all__ = [
    "__revision__",
    "__version__",
    "has",
    "peromq_version",
    "pyzmq_version",
    "pyzmq_version_info",
    "zmq_version",
    "zmq_version_info",
]
