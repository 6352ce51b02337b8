"""The programs in README.md and docs/ do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import peromq

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What the API pages leave out: bases without calls for users, the library's enums, the deprecated.
BENEATH = re.compile(
    r"peromq\._core\.handles_\w+\.\w+Handle$|peromq\.(attributes|stopwatch)\.|enum\."
)
# The contracts list signatures, which are no programs.
PROGRAMS = [
    pytest.param(text, id=f"{page.stem}-{n}")
    for page in PAGES
    if page.name != "contracts.md"
    for n, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
]


def test_there_are_programs() -> None:
    assert len(PROGRAMS) > 5


def test_the_api_pages_have_all_that_is_public() -> None:
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md")]
    described = set(re.findall(r"^::: (\S+)", "\n".join(pages), re.MULTILINE))
    classes = [c for c in peromq.Socket.__mro__ if c.__module__.startswith("peromq")]
    classes += [c for name in peromq.__all__ if isinstance(c := getattr(peromq, name), type)]
    missing = []
    for one in classes:
        module, name = one.__module__, one.__qualname__
        said = {module, f"{module}.{name}", f"peromq._core.handles.{name}"} & described
        if not (said or BENEATH.match(module + "." + name)):
            missing.append(f"{module}.{name}")
    assert not missing


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str) -> None:
    for package in ("anyio", "trio"):
        if f"import {package}" in program:
            pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=55
    )
    assert done.returncode == 0, done.stderr
