"""Programs written for pyzmq, unmodified, by `peromq run`: they say `import zmq`."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import peromq

SCRIPTS = Path(__file__).parent / "scripts"
PACKAGES = str(Path(peromq.__file__).parent.parent)

pytestmark = [pytest.mark.slow, pytest.mark.no_sanitizer, pytest.mark.timeout(150)]


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(script: str, *options: str) -> dict[str, Any]:
    """What a script prints as JSON, last."""
    done = subprocess.run(
        [sys.executable, "-m", "peromq", "run", *options, str(SCRIPTS / script)],
        env={**os.environ, "PYTHONPATH": PACKAGES, "JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@needs("jupyter_client", "ipykernel", "nbclient")
def test_a_notebook() -> None:
    """jupyter_client here and ipykernel in its child, both with our zmq."""
    found = run("notebook.py", "--children")
    assert found["zmq"] == "peromq"
    assert found["error"] == "ZeroDivisionError"
    zmq_name, number, to_stderr, large, html, lines = found["texts"]
    assert zmq_name == ["peromq\n"]
    assert number == ["5050"]
    assert to_stderr == ["to stderr\n"]
    assert large[0].startswith("(3000000,")
    assert len(large[0]) > 300_000
    assert html == ["<b>bold</b>"]
    assert "".join(lines) == "".join(f"{i}\n" for i in range(500))


@needs("tornado")
def test_tornado_streams() -> None:
    found = run("streams.py")
    assert found["zmq"] == "peromq"
    assert found["in_order"]
    assert found["sent"] == 2000


@needs("gevent")
def test_greenlets() -> None:
    found = run("greenlets.py")
    assert found["zmq"] == "peromq.green"
    assert found["done"]
    assert found["given_up"]
    assert found["ticks"] > 10
