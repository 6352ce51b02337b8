"""Whose version is which."""

import tomllib
from pathlib import Path

import peromq as zmq
from peromq import version

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def test_peromq_version_is_that_of_pyproject() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert zmq.peromq_version() == project["version"]


def test_dunder_version_is_what_programs_for_pyzmq_compare() -> None:
    assert zmq.__version__ == zmq.pyzmq_version() == "27.3.0"
    assert zmq.pyzmq_version_info() == version.version_info == (27, 3, 0)
    assert (version.VERSION_MAJOR, version.VERSION_MINOR, version.VERSION_PATCH) == (27, 3, 0)
    assert version.VERSION_EXTRA == ""
