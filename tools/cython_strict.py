#!/usr/bin/env python3
"""Run Cython and fail on what it only hints at.

Meson takes this in place of `cython` when the Makefile sets $CYTHON. Cython reports a nogil
function that would take the GIL back to look for an exception as a "performance hint", which not
even -Werror makes fatal; in the data plane it is a bug.
"""

import re
import subprocess
import sys
from pathlib import Path

FATAL = re.compile(r"^(performance hint|warning): ", re.MULTILINE)


def main(arguments: list[str]) -> int:
    run = subprocess.run(
        [sys.executable, "-m", "cython", *arguments], capture_output=True, text=True, check=False
    )
    sys.stdout.write(run.stdout)
    sys.stderr.write(run.stderr)
    if run.returncode == 0 and (found := FATAL.search(run.stdout + run.stderr)):
        print(f"cython_strict: a {found[1]} is an error here", file=sys.stderr)
        if "-o" in arguments:  # left in place, it would look up to date to the next build
            Path(arguments[arguments.index("-o") + 1]).unlink(missing_ok=True)
        return 1
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
