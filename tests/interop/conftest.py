from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.helpers import Sockets, terminate
from tests.interop import libzmq_ctypes
from tests.sharedfixtures import ctx, endpoints, monitor, raw, raw_listener, sock, spawn

__all__ = ["ctx", "endpoints", "monitor", "raw", "raw_listener", "sock", "spawn"]

PYZMQ = pytest.param("pyzmq", marks=pytest.mark.no_sanitizer)
DEBIAN = pytest.param("libzmq.so.5", marks=[pytest.mark.debian_libzmq, pytest.mark.no_sanitizer])


@pytest.fixture(params=[PYZMQ, DEBIAN])
def theirs(request: pytest.FixtureRequest) -> Iterator[Callable[..., object]]:
    """`theirs("PULL", bind=…)`: a socket of a real libzmq; `sock(…)` makes ours."""
    if request.param == "pyzmq":
        context = pytest.importorskip("zmq").Context()
    else:
        lib = libzmq_ctypes.load(request.param)
        if lib is None:
            pytest.skip(f"{request.param} is not installed")
        context = libzmq_ctypes.Context(lib)
    sockets = Sockets(context)
    yield sockets
    sockets.close()
    terminate(context)
