"""The programs in README.md and docs/ do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The contracts list signatures, which are no programs.
PROGRAMS = [
    pytest.param(text, id=f"{page.stem}-{n}")
    for page in PAGES
    if page.name != "contracts.md"
    for n, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
]


def test_there_are_programs() -> None:
    assert len(PROGRAMS) > 5


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str) -> None:
    for package in ("anyio", "trio"):
        if f"import {package}" in program:
            pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
