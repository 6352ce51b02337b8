"""The command `peromq`, also `python -m peromq`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..version import PEROMQ_VERSION
from .keygen import add_parser as add_keygen
from .keygen import keygen
from .run import OWN_OPTIONS, parser_of, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default sys.argv's. Returns the exit code, if it returns."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="peromq", description="ZeroMQ written anew for Python.")
    parser.add_argument("--version", action="version", version=f"peromq {PEROMQ_VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run_parser = parser_of(commands)
    add_keygen(commands)

    # What follows `run` is Python's command line, not ours: argparse must not look at it.
    end = 1
    if words[:1] == ["run"]:
        while words[end : end + 1] and words[end] in OWN_OPTIONS:
            end += 1
        own, program = words[:end], words[end:]
    else:
        own, program = words, []
    options = parser.parse_args(own)
    if options.command == "keygen":
        return keygen(options)
    return run(run_parser, program, children=options.children)
