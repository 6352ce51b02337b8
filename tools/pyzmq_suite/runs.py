"""Runs one file of the suite, and tells what became of its tests."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]

PER_TEST = 60  # seconds
PER_RACY = 10
PER_FILE = 180
OVERALL = 900

PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio"]
# The suite uses SIGALRM itself, so pytest-timeout must not.
PYTEST += [
    f"--timeout={PER_TEST}",
    "--timeout-method=thread",
    "--durations=0",
    "--durations-min=5",
    "--tb=short",
]
PYTEST += ["-m", "not large"]  # gigabytes of memory


@dataclass
class Result:
    """One test: its id is `file::Class::name`, its outcome passed, failed or skipped."""

    test: str
    outcome: str
    text: str = ""


def run_file(
    suite: Path, name: str, *, against: str, racy: list[str], more: list[str], limit: float
) -> list[Result]:
    """The results of one file. A process that crashes or hangs is a failed test `file::process`.

    `racy`: tests that may hang by their own fault, so each is run in a process of its own.
    """
    began = time.monotonic()
    apart = [f"--deselect={_node(test)}" for test in racy]
    results = _run(suite, name, f"tests/{name}.py", against, [*apart, *more], limit)
    for test in racy:
        left = limit - (time.monotonic() - began)
        alone = _run(suite, name, _node(test), against, [f"--timeout={PER_RACY}", *more], left)
        results += [Result(test, result.outcome, result.text) for result in alone[-1:]]
    return results


def _node(test: str) -> str:
    """pytest's name of `file::Class::test`."""
    file, _, rest = test.partition("::")
    return f"tests/{file}.py::{rest}"


def _run(
    suite: Path, name: str, what: str, against: str, more: list[str], limit: float
) -> list[Result]:
    start = ["-m", "peromq", "run", "--children"] if against == "peromq" else []
    environ = {key: value for key, value in os.environ.items() if key != "ZMQ_TEST_TIMEOUT"}
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.xml"
        command = [sys.executable, *start, *PYTEST, f"--junitxml={report}", what]
        process = subprocess.Popen(
            [*command, *more],
            cwd=suite,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=max(1, min(PER_FILE, limit)))
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return [Result(f"{name}::process", "failed", f"{output}\nover its time")]
        if not report.exists():
            return [
                Result(f"{name}::process", "failed", f"{output}\nexit status {process.returncode}")
            ]
        results = _parse(report, name)
    if process.returncode not in (0, 1, 5):  # 5: nothing collected
        results.append(Result(f"{name}::process", "failed", output))
    return results


def _parse(report: Path, name: str) -> list[Result]:
    results = []
    for case in ElementTree.parse(report).iter("testcase"):
        place = case.get("classname", "").removeprefix("tests.").replace(".", "::")
        outcome, text = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, text = "failed", child.text or child.get("message") or ""
            elif child.tag == "skipped":
                outcome, text = "skipped", child.get("message") or ""
        results.append(Result(f"{place or name}::{case.get('name')}", outcome, text))
    return results
