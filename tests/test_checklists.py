"""The checklists in docs/ name tests that exist, and every rule has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`((?:[\w./]+/)?)(test_\w+\.py)::(test_\w+)`")
ROW = re.compile(r"^\| (.+) \| (.+) \|$", re.MULTILINE)
LISTS = {
    "patterns_checklist.md": ("tests/patterns", 90),
    "zmtp_checklist.md": ("tests/zmtp", 90),
}


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_every_test_that_is_named_exists(name: str) -> None:
    home, least = LISTS[name]
    named = NAMED.findall(text_of(name))
    paths = [
        (f"{folder}{file}" if folder.startswith("tests/") else f"{home}/{folder}{file}", test)
        for folder, file, test in named
    ]
    missing = [f"{path}::{test}" for path, test in paths if not exists(ROOT / path, test)]

    assert missing == []
    assert len(named) > least


def exists(file: Path, test: str) -> bool:
    return file.is_file() and f"def {test}(" in file.read_text("utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_every_rule_has_a_test_or_says_why_not(name: str) -> None:
    rows = [row for row in ROW.findall(text_of(name)) if row != ("rule", "test")]
    without = [
        rule
        for rule, test in rows
        if not NAMED.search(test) and not test.startswith("not applicable: ")
    ]

    assert without == []
    assert len(rows) > LISTS[name][1]
