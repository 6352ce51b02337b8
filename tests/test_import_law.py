"""Every import and cimport of the package keeps to the table of docs/contracts.md.

Imports inside functions and under TYPE_CHECKING count as well: what a room names, it knows.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

# room: what it may import of the package. A room may always import itself. `api` is every module
# directly in peromq/ that has no line of its own, `extras` every other folder, and EXTRAS.
LAW_TABLE = """
constants  |
unpatched  |
error      | constants
zmtp       | constants error
transports | constants error unpatched
_core      |
control    | zmtp transports _core.handles constants error unpatched
api        | zmtp transports _core.handles constants error unpatched control
asyncio    | api _core.handles constants error
extras     | api asyncio constants error
"""
EXTRAS = {"decorators", "cli", "__main__"}
# peromq/__init__.py is the list of what is public: it may name the extras.
FACADE = "peromq"

# What a room must not know of the world outside.
FOREIGN = {
    "constants": {"socket", "select", "selectors", "threading", "asyncio"},
    "zmtp": {"socket", "select", "selectors", "ssl", "asyncio", "threading", "multiprocessing"}
    | {"subprocess", "time", "datetime", "random", "secrets"},
    "transports": {"threading", "asyncio", "selectors"},
}
# All that the data plane may know of the world outside, but for the files that meet Python objects.
CORE_FOREIGN = {"libc", "libcpp", "posix", "cython"}

LAW = {
    room.strip(): set(allowed.split())
    for room, allowed in (line.split("|") for line in LAW_TABLE.strip().splitlines())
}

CYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<source>[\w.]+)[ \t]+c?import[ \t]+(?P<names>\([^)]*\)|[^\n;]*)"
    r"|c?import[ \t]+(?P<modules>[^\n;(]*))",
    re.MULTILINE,
)
CYTHON_TEXT = re.compile(r"'''.*?'''|\"\"\".*?\"\"\"|#[^\n]*", re.DOTALL)


class Import(NamedTuple):
    file: Path
    line: int
    target: str  # dotted and absolute


def module_of(path: Path) -> str:
    """src/peromq/zmtp/__init__.py -> peromq.zmtp"""
    parts = list(path.relative_to(SRC).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC).parent.parts)


def is_module(name: str) -> bool:
    place = SRC.joinpath(*name.split("."))
    return place.is_dir() or any(place.with_suffix(s).exists() for s in (".py", ".pyx", ".pxd"))


def absolute(source: str, path: Path) -> str:
    """Resolve the leading dots of a `from` as seen from path."""
    dots = len(source) - len(source.lstrip("."))
    if dots == 0:
        return source
    base = package_of(path).split(".")
    base = base[: len(base) - (dots - 1)]
    return ".".join([*base, *filter(None, [source.lstrip(".")])])


def targets(source: str, names: list[str]) -> Iterator[str]:
    """`from source import names`: the submodules among the names, else source itself."""
    for name in names:
        yield f"{source}.{name}" if is_module(f"{source}.{name}") else source


def python_imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            source = absolute("." * node.level + (node.module or ""), path)
            for target in targets(source, [alias.name for alias in node.names]):
                yield Import(path, node.lineno, target)


def cython_imports(path: Path) -> Iterator[Import]:
    text = CYTHON_TEXT.sub(
        lambda match: "\n" * match[0].count("\n"), path.read_text(encoding="utf-8")
    )
    for match in CYTHON_IMPORT.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["source"]:
            listed = match["names"].strip("() \n").split(",")
            names = [name.split()[0] for name in listed if name.strip()]
            for target in targets(absolute(match["source"], path), names):
                yield Import(path, line, target)
        else:
            for name in match["modules"].split(","):
                yield Import(path, line, name.split()[0])


def all_imports() -> list[Import]:
    found: list[Import] = []
    for path in sorted((SRC / "peromq").rglob("*.py")):
        found += python_imports(path)
    for suffix in ("*.pyx", "*.pxd"):
        for path in sorted((SRC / "peromq").rglob(suffix)):
            found += cython_imports(path)
    return found


def room_of(module: str) -> str:
    """peromq.control.dialer -> control"""
    if module == FACADE:
        return "api"
    name = module.split(".")[1]
    if name in LAW:
        return name
    is_folder = (SRC / "peromq" / name).is_dir()
    return "extras" if is_folder or name in EXTRAS else "api"


def sees_objects(path: Path) -> bool:
    """handles and the test windows: the only Cython files that meet Python objects."""
    return path.stem.startswith(("handles", "test_", "_window")) or path.stem.endswith("_window")


def complaint(found: Import) -> str | None:
    """What is wrong with an import, or None."""
    module, target = module_of(found.file), found.target
    room = room_of(module)
    where = f"{found.file.relative_to(ROOT)}:{found.line}"
    top = target.split(".")[0]
    if top != "peromq":
        if room == "_core":
            unknown = top not in CORE_FOREIGN and not sees_objects(found.file)
        else:
            unknown = top in FOREIGN.get(room, ())
        return f"{where}: {room} must not know {target}" if unknown else None
    goal = room_of(target)
    if goal == room or (module == FACADE and goal in ("extras", "asyncio")):
        return None
    if goal == "_core" and target.startswith("peromq._core.handles"):
        goal = "_core.handles"
    if goal in LAW[room]:
        return None
    return f"{where}: {room} must not import {target}"


def test_every_import_keeps_to_the_law() -> None:
    complaints = [text for found in all_imports() if (text := complaint(found))]
    assert not complaints, "\n" + "\n".join(complaints)


def test_the_table_is_that_of_the_contracts() -> None:
    """docs/contracts.md in the same words, for the rooms it gives a plain list."""
    text = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)/` \| ([^|]*) \|", text, re.MULTILINE))
    for room in ("zmtp", "transports", "control"):
        assert set(re.findall(r"`([\w.]+)`", rows[room])) == LAW[room]


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("zmtp/x.py", "import socket\n", True),
        ("zmtp/x.py", "from ..constants import A\nfrom .y import z\nimport hashlib\n", False),
        ("zmtp/x.py", "from ..control import dialer\n", True),
        ("zmtp/x.py", "from peromq import Context\n", True),
        ("control/x.py", "def f():\n    from .._core import pipe\n", True),
        ("control/x.py", "from peromq._core.handles import Engine\n", False),
        ("control/x.py", "from .._core import handles\n", False),
        ("control/x.py", "from ..socket import Socket\n", True),
        ("socket.py", "from ._core.handles import SocketCore\n", False),
        ("socket.py", "from peromq._core.pipe cimport x\n".replace("cimport", "import"), True),
        ("auth/x.py", "import peromq as zmq\nfrom peromq.error import ZMQError\n", False),
        ("auth/x.py", "from .._core.handles import Engine\n", True),
        ("auth/x.py", "from peromq.control import Control\n", True),
        ("auth/x.py", "from ..asyncio import Poller\n", False),
        ("asyncio/x.py", "from .._core.handles_async import AsyncCore\n", False),
        ("asyncio/x.py", "from ..control import Control\n", True),
        ("_core/x.pyx", "from libcpp.atomic cimport (\n    atomic,\n    b)\n", False),
        ("_core/x.pyx", "from peromq._core.y cimport z\nfrom .y cimport w\n", False),
        ("_core/x.pyx", "import threading\n", True),
        ("_core/x.pyx", "from cpython.bytes cimport PyBytes_Size\n", True),
        ("_core/x.pyx", '"""\nimport threading\n"""\n# import os\n', False),
        ("_core/handles.pyx", "import os\nfrom cpython.bytes cimport PyBytes_Size\n", False),
        ("_core/handles.pyx", "from peromq.error import Again\n", True),
    ],
)
def test_the_law_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, wrong: bool
) -> None:
    for folder in ("zmtp", "control", "_core", "auth", "transports", "asyncio"):
        (tmp_path / "peromq" / folder).mkdir(parents=True)
    for module in ("_core/pipe.pyx", "_core/handles.pyx", "control/dialer.py", "socket.py"):
        (tmp_path / "peromq" / module).touch()
    (tmp_path / "peromq" / file).write_text(text)
    monkeypatch.setitem(globals(), "SRC", tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert any(complaint(found) for found in all_imports()) is wrong
