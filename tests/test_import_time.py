"""`import peromq` is quick: it loads what any program needs, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import pytest

import peromq

ENVIRON = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        [str(Path(peromq.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    ),
}
RUNS = 15

DEAR = ["asyncio", "inspect", "ipaddress", "json", "logging", "pathlib", "pickle", "random"]
DEAR += ["socket", "subprocess", "tempfile", "dataclasses", "nacl", "gevent", "tornado"]
LATER = ["asyncio", "auth", "cli", "control", "devices", "eventloop", "green", "log", "ssh"]
LATER += ["decorators", "transports", "zmtp", "utils.monitor"]


def test_what_is_not_loaded() -> None:
    code = "import sys; sys.modules.pop('pathlib', None); import peromq; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    loaded = set(done.stdout.split())
    assert "peromq.socket" in loaded
    assert not loaded & {*DEAR, *(f"peromq.{name}" for name in LATER)}


def processor_time(code: str) -> float:
    """The least that a process with this code takes, in ms: an idle or a busy machine alike."""
    best = float("inf")
    for _ in range(RUNS):
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], env=ENVIRON, check=True, timeout=50)
        after = getrusage(RUSAGE_CHILDREN)
        took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        best = min(best, took)
    return best * 1000


@pytest.mark.slow
@pytest.mark.no_sanitizer
def test_as_quick_as_pyzmq() -> None:
    """At most 60 ms, and at most a fifth more than pyzmq takes."""
    pytest.importorskip("zmq")
    bare = processor_time("pass")
    theirs = processor_time("import zmq") - bare
    ours = processor_time("import peromq") - bare
    print(f"bare {bare:.1f} ms, pyzmq {theirs:.1f} ms, peromq {ours:.1f} ms")
    assert ours <= 60
    assert ours <= 1.2 * theirs + 2  # getrusage counts in ticks of up to 1 ms each
