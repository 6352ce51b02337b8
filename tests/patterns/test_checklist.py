"""docs/patterns_checklist.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NAMED = re.compile(r"`((?:tests/\w+/)?)(test_\w+\.py)::(test_\w+)`")


def test_every_test_named_in_the_checklist_exists() -> None:
    text = (ROOT / "docs" / "patterns_checklist.md").read_text(encoding="utf-8")
    named = NAMED.findall(text)
    missing = [
        f"{folder}{file}::{name}"
        for folder, file, name in named
        if f"def {name}(" not in (ROOT / (folder or "tests/patterns") / file).read_text("utf-8")
    ]

    assert len(named) > 90
    assert missing == []
