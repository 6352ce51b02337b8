"""Whose API and behaviour we match, and what we can do."""

from .constants import LIBZMQ_VERSION

__version__ = "0.1.0"  # pyproject.toml says the same; a test compares
__revision__ = ""

PYZMQ_VERSION = (27, 3, 0)
"""The pyzmq release whose API ours is a superset of."""

CAPABILITIES = frozenset({"ipc"})
"""What `has` answers yes to."""


def zmq_version_info() -> tuple[int, int, int]:
    """The libzmq release whose numbers and behaviour we match."""
    return LIBZMQ_VERSION


def zmq_version() -> str:
    """`zmq_version_info` as text."""
    return ".".join(map(str, LIBZMQ_VERSION))


def pyzmq_version_info() -> tuple[int, int, int] | tuple[int, int, int, float]:
    """The pyzmq release whose API ours is a superset of."""
    return PYZMQ_VERSION


def pyzmq_version() -> str:
    """`pyzmq_version_info` as text."""
    return ".".join(map(str, PYZMQ_VERSION))


def has(capability: str) -> bool:
    """Is an optional part there? Known: ipc pgm tipc norm curve gssapi draft vmci ws wss.

    Unknown names are False; TypeError for bytes.
    """
    if not isinstance(capability, str):
        raise TypeError(f"expected str, got: {capability!r}")
    return capability in CAPABILITIES


__all__ = [
    "__revision__",
    "__version__",
    "has",
    "pyzmq_version",
    "pyzmq_version_info",
    "zmq_version",
    "zmq_version_info",
]
