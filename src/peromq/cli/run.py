"""`peromq run script.py …`: start Python with `zmq` being PeroMQ.

The interpreter is executed anew with the rest of the command line as it stands, so everything is
as Python does it: sys.argv, `__main__`, -m, -c, -X, exit codes, signals.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from ..alias import CHILDREN, enter

OWN_OPTIONS = {"--children", "-h", "--help"}
"""The words after `run` that are not Python's."""

IGNORING = {
    "I": "isolated mode ignores PYTHONPATH",
    "E": "without the environment PYTHONPATH is ignored",
    "S": "without the site module nothing can be put in place",
}


def parser_of(commands: Any) -> argparse.ArgumentParser:
    """The parser of this command, among the `commands` of another."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "run",
        help="run a Python program in which zmq is PeroMQ",
        usage="peromq run [--children] [python's options] (script.py | -m module | -c code) ...",
        description="Run a Python program in which `import zmq` gives PeroMQ, whether or not "
        "pyzmq is installed.",
    )
    parser.add_argument(
        "--children", action="store_true", help="in the Python programs that it starts, too"
    )
    return parser


def run(parser: argparse.ArgumentParser, program: list[str], *, children: bool) -> int:
    """Become `python *program`. Exits with a usage error for what cannot work."""
    if not program:
        parser.error("what is to be run?")
    for flag in _flags_of(program):
        if flag in IGNORING:
            parser.error(f"-{flag} cannot be combined with run: {IGNORING[flag]}")
    if not sys.executable:
        parser.error("the Python interpreter's path is unknown (sys.executable is empty)")
    environ = dict(os.environ)
    enter(environ)
    environ[CHILDREN] = "children" if children else "once"
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *program], environ)


def _flags_of(program: list[str]) -> str:
    """The one-letter options for the interpreter itself, as far as they come first."""
    flags = ""
    words = iter(program)
    for word in words:
        if not word.startswith("-") or word.startswith("--") or word == "-":
            break
        for place, letter in enumerate(word[1:], 1):
            if letter in "mc":
                return flags
            if letter in "WX":
                if place == len(word) - 1:
                    next(words, None)  # its argument
                break
            flags += letter
    return flags
