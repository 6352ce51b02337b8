"""See the package."""

import argparse
import sys
import time
from pathlib import Path

from .exclusions import Exclusions
from .fetch import fetch
from .runs import OVERALL, Result, run_file

HERE = Path(__file__).parent


def main() -> int:
    words = sys.argv[1:]
    more = words[words.index("--") + 1 :] if "--" in words else []
    words = words[: words.index("--")] if "--" in words else words
    parser = argparse.ArgumentParser(prog="python -m tools.pyzmq_suite")
    parser.add_argument("files", nargs="*", help="test files by name; default: all that apply")
    parser.add_argument("--against", choices=("peromq", "pyzmq"), default="peromq")
    parser.add_argument("--exclusions", type=Path, default=HERE / "exclusions.txt")
    options = parser.parse_args(words)

    suite = fetch()
    exclusions = Exclusions.read(options.exclusions)
    known = sorted(path.stem for path in (suite / "tests").glob("test_*.py"))
    names = [Path(name).stem for name in options.files] or known
    if unknown := set(names) - set(known):
        parser.error(f"no such files: {', '.join(sorted(unknown))}")

    results: list[Result] = []
    began = time.monotonic()
    for name in names:
        if exclusions.covers_file(name):
            continue
        started = time.monotonic()
        left = OVERALL - (started - began)
        racy = exclusions.racy(name)
        found = run_file(suite, name, against=options.against, racy=racy, more=more, limit=left)
        results += found
        took = time.monotonic() - started
        print(f"{name:24} {took:4.0f} s  {_counts(found)}", flush=True)

    complaints = exclusions.complaints(results, complete=not options.files and not more)
    for result in results:
        if result.text and f"{result.test}: {result.outcome}" in "\n".join(complaints):
            print(f"\n----- {result.test}\n{result.text}")
    print(f"\n{_counts(results)} in {time.monotonic() - began:.0f} s")
    if options.against == "pyzmq":
        return 0
    print("\n".join(complaints) or "as it should be")
    return int(bool(complaints))


def _counts(results: list[Result]) -> str:
    outcomes = [result.outcome for result in results]
    return ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes), reverse=True))


sys.exit(main())
