"""Random steps of `Timers`, the same with libzmq's: both are to call the same and say the same."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import peromq
from tests.interop import libzmq_ctypes, libzmq_timers

HERE = Path(__file__).parent
SEEDS = 150

pytestmark = pytest.mark.no_sanitizer


class Clock:
    """In ms."""

    now = 1_000_000

    def pass_ms(self, interval: int) -> None:
        self.now += interval

    def __call__(self) -> int:
        return self.now * 1_000_000


def libraries() -> Iterator[str]:
    """Debian's, and the one in pyzmq's wheel."""
    yield "libzmq.so.5"
    spec = importlib.util.find_spec("zmq")
    if spec is not None and spec.origin is not None:
        packages = Path(spec.origin).parent.parent
        yield from map(str, packages.glob("pyzmq.libs/libzmq*.so*"))


@pytest.fixture(scope="session")
def still_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no compiler for the clock that is put under libzmq")
    made = tmp_path_factory.mktemp("still_clock") / "still_clock.so"
    command = [compiler, "-O", "-shared", "-fPIC", "-o", made, HERE / "still_clock.c"]
    subprocess.run(command, check=True, timeout=60)
    return made


@pytest.fixture(params=list(libraries()), ids=lambda path: Path(path).name)
def library(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    lib = libzmq_ctypes.load(path)
    if lib is None:
        pytest.skip(f"{path} is not installed")
    if not hasattr(lib, "zmq_timers_new"):
        pytest.skip("this libzmq has no timers")
    return path


def test_both_libraries_call_the_same(library: str, still_clock: Path) -> None:
    played = subprocess.run(
        [sys.executable, libzmq_timers.__file__, library, str(SEEDS)],
        env=os.environ | {"LD_PRELOAD": str(still_clock)},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    for seed, theirs in enumerate(json.loads(played.stdout)):
        clock = Clock()
        ours = libzmq_timers.Player(seed, peromq.Timers(clock), clock).play()
        assert ours == theirs, f"seed {seed}"


def test_where_libzmq_does_otherwise(library: str) -> None:
    """What surface.md says of it, as far as its memory survives that."""
    timers = libzmq_timers.LibzmqTimers(ctypes.CDLL(library, use_errno=True))
    called: list[str] = []

    number = timers.add(1000, called.append, "never")
    timers.cancel(number)
    timers.set_interval(number, 500)  # cancelled, but not unknown
    timers.reset(number)
    assert timers.timeout() == -1
    with pytest.raises(libzmq_timers.Failed):
        timers.reset(number)  # now it is

    def many() -> None:
        called.append("many")
        if len(called) == 100:
            timers.cancel(many_number)

    many_number = timers.add(0, many)  # called until it is cancelled
    assert timers.execute() == 100
    called.clear()

    def outer() -> None:
        called.append("outer")
        timers.cancel(outer_number)
        inner_number = timers.add(0, lambda: (called.append("inner"), timers.cancel(inner_number)))

    outer_number = timers.add(0, outer)
    assert timers.execute() == 2  # what a handler makes due is called by this same execute
    assert called == ["outer", "inner"]
    timers.close()
