#!/usr/bin/env python3
"""Compare the file lists in src/peromq/**/meson.build with the tree; with --write, correct them.

Meson wants every file named. The names are kept in alphabetical order, so that two branches rarely
touch the same line.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "peromq"
CORE = PACKAGE / "_core"
INSTALLED = {".py", ".pyi", ".typed"}

# The lists are those that stand on lines of their own: "[", one quoted name a line, "]".
LIST = re.compile(r"(?P<open>\[\n)(?P<names>(?: *'[^']*',\n)*)(?P<close>(?P<indent> *)\])")


def python_files() -> list[str]:
    """What src/peromq/meson.build installs."""
    found = (p for p in PACKAGE.rglob("*") if p.suffix in INSTALLED or p.name == "py.typed")
    return sorted(p.relative_to(PACKAGE).as_posix() for p in found if "__pycache__" not in p.parts)


def cython_modules() -> list[str]:
    """What src/peromq/_core/meson.build compiles."""
    return sorted(p.stem for p in CORE.glob("*.pyx"))


def listed(build_file: Path) -> list[str]:
    """The names in a build file's list."""
    match = LIST.search(build_file.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{build_file}: no list found")
    return re.findall(r"'([^']*)'", match["names"])


def write(build_file: Path, names: list[str]) -> bool:
    """Put names into a build file's list. True if that changed the file."""

    def replace(match: re.Match[str]) -> str:
        lines = "".join(f"{match['indent']}  '{name}',\n" for name in names)
        return match["open"] + lines + match["close"]

    old = build_file.read_text(encoding="utf-8")
    new = LIST.sub(replace, old, count=1)
    if new != old:
        build_file.write_text(new, encoding="utf-8")
    return new != old


def main(arguments: list[str]) -> int:
    stale = False
    lists = {PACKAGE / "meson.build": python_files(), CORE / "meson.build": cython_modules()}
    for build_file, names in lists.items():
        where = build_file.relative_to(ROOT)
        if arguments == ["--write"]:
            if write(build_file, names):
                print(f"{where}: written")
        elif listed(build_file) != names:
            stale = True
            print(f"{where}: not as the tree is; `make lists` corrects it")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
