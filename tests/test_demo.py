"""The demo runs, tells its story, and loses nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo.director import Accounts

ROOT = Path(__file__).parent.parent


def run_demo(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "examples.demo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.timeout(160)
@pytest.mark.no_sanitizer
def test_a_killed_worker_and_a_closed_port_cost_no_task() -> None:
    output = run_demo("--seconds", "6", "--speed", "0.2")
    figures = dict(re.findall(r"^  ([a-z ]+?) +([\d,]+)(?:   .*)?$", output, re.MULTILINE))
    assert figures["lost"] == "0"
    assert figures["tasks sent"] == figures["results received"] != "0"
    assert "worker-2 is killed" in output
    assert re.search(r"peromq +[\d,]+ messages/s", output), output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("accounts", "balanced"),
    [
        (Accounts(created=2, received=2, complete=True), True),
        (Accounts(created=2, received=1, complete=True), False),
        (Accounts(created=2, received=2, complete=False), False),
        (Accounts(created=2, received=2, received_checksum=1, complete=True), False),
    ],
)
def test_only_complete_accounts_that_agree_are_balanced(accounts: Accounts, balanced: bool) -> None:
    """What the exit status depends on."""
    assert accounts.balanced == balanced
