"""What every test gets: no leaks, bounded ends, endpoints nobody else uses.

Warnings are errors, and a test ends after 60 s at the latest (`[tool.pytest.ini_options]`).
"""

import gc
import importlib
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

PROC = Path("/proc/self")
SOON = 0.02  # seconds after which what holds on to them may be a cycle of objects
SETTLE = 15.0  # seconds a test's threads and descriptors have to go away, once it is over
END = 10.0  # seconds Context.destroy(linger=0) may take

FAILED = pytest.StashKey[bool]()

# The same examples in every run: looking for new ones is what tests/fuzz is for.
settings.register_profile(
    "peromq",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # as every sanitizer is
)
settings.load_profile("peromq")

# A shell that starts us in the background has SIGINT ignored, and Python keeps to that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """The garbage collector is to look at what tests make, not at thousands of tests each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def threads() -> dict[str, str]:
    """The process's threads, those without a Python face included: {id: name}."""
    found = {}
    for task in (PROC / "task").iterdir():
        try:
            found[task.name] = (task / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue  # ended meanwhile
    return found


def descriptors() -> dict[str, str]:
    """The process's open file descriptors: {number: what it is}."""
    found = {}
    for descriptor in os.listdir(PROC / "fd"):
        try:
            found[descriptor] = os.readlink(PROC / "fd" / descriptor)
        except OSError:
            continue  # the one that lists the directory
    return found


def eventually(condition: Callable[[], Any], seconds: float = SETTLE) -> bool:
    """Whether condition() becomes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


@pytest.fixture(params=["peromq", "zmq"])
def lib(request: pytest.FixtureRequest) -> ModuleType:
    """The library under test, and the one it is to be like."""
    return importlib.import_module(request.param)


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that passes leaves no thread and no descriptor behind."""
    if not (PROC / "task").is_dir():  # not Linux
        yield
        return
    threads_before, descriptors_before = threads(), descriptors()
    yield
    if request.node.stash.get(FAILED, False):
        return  # its traceback holds on to everything

    def leaked() -> list[str]:
        new = [f"thread {n} {name!r}" for n, name in threads().items() if n not in threads_before]
        opened = descriptors().items() - descriptors_before.items()
        return new + [f"descriptor {n} {target}" for n, target in opened]

    if not eventually(lambda: not leaked(), SOON):
        gc.collect()
        if not eventually(lambda: not leaked()):
            pytest.fail(f"left behind: {', '.join(sorted(leaked()))}", pytrace=False)


@pytest.fixture
def ctx() -> Iterator[Any]:
    """A context of the test's own. That destroy(linger=0) hangs is a failure like any other."""
    import peromq  # not above: the rooms below the public classes are tested without them

    context = peromq.Context()
    yield context
    ender = threading.Thread(target=context.destroy, kwargs={"linger": 0}, daemon=True)
    ender.start()
    ender.join(END)
    assert not ender.is_alive(), f"Context.destroy(linger=0) does not return within {END} s"


@pytest.fixture
def tcp_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is refused until the test binds it, and given to nobody else.

    It is held by a socket that is bound and does not listen: with SO_REUSEADDR on both sides
    Linux lets one more bind.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def tcp_endpoint(tcp_port: int) -> str:
    return f"tcp://127.0.0.1:{tcp_port}"


@pytest.fixture
def ipc_path() -> Iterator[Path]:
    """A path nobody has bound, and short: tmp_path may be longer than sun_path's 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="peromq-") as directory:
        yield Path(directory) / "socket"


@pytest.fixture
def ipc_endpoint(ipc_path: Path) -> str:
    return f"ipc://{ipc_path}"


@pytest.fixture
def inproc_endpoint(request: pytest.FixtureRequest) -> str:
    return f"inproc://{request.node.name}"


@pytest.fixture(params=["tcp", "ipc", "inproc"])
def endpoint(request: pytest.FixtureRequest) -> str:
    """One endpoint after the other: the test runs once per transport."""
    name: str = request.getfixturevalue(f"{request.param}_endpoint")
    return name
