"""Who competes, how each is started, and why one cannot."""

import glob
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / ".build"
PYOMQ_VENV = HERE / ".venv-pyomq"
PYOMQ = "pyomq==0.27.3"
PYOMQ_OLDEST_PYTHON = (3, 12)
NAMES = ("peromq", "pyzmq", "pyomq", "c", "raw")

_VERSIONS = """
import importlib, json, sys
lib = importlib.import_module(sys.argv[1])
own = lib.peromq_version() if sys.argv[1] == "peromq" else getattr(lib, "__version__", "?")
core = getattr(lib, "zmq_version", None)
print(json.dumps({"version": own, "libzmq": core() if core else "",
                  "python": sys.version.split()[0], "file": lib.__file__}))
"""


@dataclass(frozen=True)
class Contestant:
    """A library in an interpreter, or a program. `missing` says why it is skipped."""

    name: str
    argv: tuple[str, ...] = ()
    lib: str = ""
    version: str = ""
    missing: str = ""

    @property
    def state(self) -> str:
        """Its version, or why it does not take part."""
        return f"skipped: {self.missing}" if self.missing else self.version

    def command(self, worker: str) -> list[str]:
        """The command line of one of its workers, without the worker's options."""
        return [*self.argv, worker, *(["--lib", self.lib] if self.lib else [])]


def find(name: str) -> Contestant:
    """Look one contestant up, building or installing what it needs."""
    if name == "c":
        return _c_program()
    if name == "raw":
        version = f"Python {sys.version.split()[0]} sockets"
        return Contestant(name, _workers_in(sys.executable), "raw", version)
    if name == "pyomq":
        return _pyomq()
    return _library(name, sys.executable, {"pyzmq": "zmq"}.get(name, name))


def _workers_in(python: str) -> tuple[str, ...]:
    return python, "-m", "bench.workers"


def _library(name: str, python: str, lib: str) -> Contestant:
    run = subprocess.run(
        [python, "-c", _VERSIONS, lib], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or ["no word why"])[-1]
        return Contestant(name, missing=f"{lib} is not importable in {_short(python)}: {reason}")
    facts = json.loads(run.stdout)
    version = f"{facts['version']}, Python {facts['python']}"
    if name == "pyzmq":
        version += f", libzmq {facts['libzmq']}"
    return Contestant(name, _workers_in(python), lib, version)


def _short(path: str) -> str:
    """A path without what is private to this machine."""
    return Path(path).name


# -- pyomq: needs a newer Python than ours, so it gets its own


def _pyomq() -> Contestant:
    override = os.environ.get("BENCH_PYOMQ_PYTHON")
    if override:
        return _library("pyomq", override, "pyomq")
    python = PYOMQ_VENV / "bin" / "python"
    if not python.exists():
        base = _newer_python()
        if base is None:
            oldest = ".".join(map(str, PYOMQ_OLDEST_PYTHON))
            return Contestant("pyomq", missing=f"no Python >= {oldest} found")
        try:
            subprocess.run([base, "-m", "venv", str(PYOMQ_VENV)], check=True, capture_output=True)
            install = [str(python), "-m", "pip", "install", "--quiet", PYOMQ]
            subprocess.run(install, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            shutil.rmtree(PYOMQ_VENV, ignore_errors=True)
            return Contestant("pyomq", missing=f"{PYOMQ} could not be installed: {error!r:.200}")
    return _library("pyomq", str(python), "pyomq")


def _newer_python() -> str | None:
    """An interpreter new enough for pyomq: on PATH, or among pyenv's."""
    candidates = [sys.executable]
    candidates += [shutil.which(f"python3.{minor}") or "" for minor in (13, 12, 14)]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    candidates += sorted(glob.glob(f"{pyenv}/versions/3.1[2-9]*/bin/python"))
    return next(filter(_is_new_enough, filter(None, candidates)), None)


def _is_new_enough(python: str) -> bool:
    """Ask it: what PATH offers may be a shim of an interpreter that is switched off."""
    program = f"import sys; sys.exit(sys.version_info < {PYOMQ_OLDEST_PYTHON})"
    try:
        run = subprocess.run([python, "-c", program], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


# -- the C program


def _c_program() -> Contestant:
    source, program = HERE / "c" / "zmqbench.c", BUILD / "zmqbench"
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if not compiler:
        return Contestant("c", missing="no C compiler")
    BUILD.mkdir(exist_ok=True)
    build = [
        compiler,
        "-O2",
        "-Wall",
        "-Wextra",
        "-o",
        str(program),
        str(source),
        "-lzmq",
        "-pthread",
    ]
    run = subprocess.run(build, capture_output=True, text=True)
    if run.returncode:
        reason = next((x for x in run.stderr.splitlines() if "error" in x), run.stderr[-200:])
        return Contestant("c", missing=f"zmqbench.c does not build (libzmq's headers?): {reason}")
    version = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10)
    return Contestant("c", (str(program),), version=json.loads(version.stdout)["version"])
