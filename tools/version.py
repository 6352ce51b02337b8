#!/usr/bin/env python3
"""Print the version in pyproject.toml: meson asks for it, so that it is written once."""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

if __name__ == "__main__":
    print(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])
