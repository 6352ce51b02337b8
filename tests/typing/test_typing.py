"""What users' type checkers say to our API: nothing."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import peromq

PROGRAM = Path(__file__).with_name("program.py")
PACKAGES = Path(peromq.__file__).parent.parent
INSTALLED = PACKAGES.name == "site-packages"

pytestmark = [pytest.mark.slow, pytest.mark.no_sanitizer, pytest.mark.timeout(300)]


def run(tmp_path: Path, *command: str, **environ: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_py_typed_is_there() -> None:
    assert (Path(peromq.__file__).parent / "py.typed").exists()


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="not installed: mypy")
def test_mypy(tmp_path: Path) -> None:
    environ = {} if INSTALLED else {"MYPYPATH": str(PACKAGES)}
    cache = f"--cache-dir={tmp_path / 'cache'}"
    run(tmp_path, "mypy", "--strict", "--config-file=", cache, str(PROGRAM), **environ)


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="not installed: pyright")
def test_pyright(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.read_text(encoding="utf-8"))
    settings = {
        "typeCheckingMode": "strict",
        "include": ["program.py"],
        "extraPaths": [] if INSTALLED else [str(PACKAGES)],
        "reportPrivateUsage": False,  # _socket_class is what subclasses set, in pyzmq as well
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    run(tmp_path, "pyright", "--pythonpath", sys.executable, "--project", ".")
