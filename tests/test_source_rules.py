"""House rules that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "src" / "peromq" / "_core"

LONG = 400  # lines: listed
TOO_LONG = 600  # lines: fails, unless the file is excused here
EXCUSED = {
    "src/peromq/constants.py": "one table of every option",
}

TEXT = re.compile(r"'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*", re.DOTALL)
FUNCTION = re.compile(
    r"^(?P<indent>[ \t]*)(?:cdef|cpdef|def)\b[^\n=]*?\((?:[^()]|\([^()]*\))*\)(?P<suffix>[^\n:]*):",
    re.MULTILINE,
)
GIL = re.compile(r"\bwith[ \t]+(?:no)?gil\b")
RAISE = re.compile(r"(?:^|[:;])[ \t]*(?:raise|assert)\b")
WINDOW = re.compile(r"^(?:cdef[ \t]+class|class|def)[ \t]+(?:test_\w+|\w*Window|_window\w*)\b")


def code_of(path: Path) -> str:
    """A Cython file without its strings and comments, lines kept."""
    return TEXT.sub(lambda match: "\n" * match[0].count("\n"), path.read_text(encoding="utf-8"))


def raises_in_noexcept(code: str) -> list[int]:
    """Lines with a raise or assert in a noexcept function: it compiles, and the error is lost."""
    found = []
    for match in FUNCTION.finditer(code):
        if "noexcept" not in match["suffix"]:
            continue
        first = code.count("\n", 0, match.end()) + 1
        indent = len(match["indent"].expandtabs())
        for number, line in enumerate(code[match.end() :].split("\n"), first):
            body = line.expandtabs()
            if number > first and body.strip() and len(body) - len(body.lstrip()) <= indent:
                break
            if RAISE.search(body):
                found.append(number)
    return found


def gil_crossings(code: str) -> list[int]:
    """Lines that take or release the GIL outside of a test window."""
    found, window = [], False
    for number, line in enumerate(code.split("\n"), 1):
        if line[:1].strip():  # not indented: a new top-level statement
            window = bool(WINDOW.match(line))
        if GIL.search(line) and not window:
            found.append(number)
    return found


def is_window(path: Path) -> bool:
    """Whether a whole file is a test window."""
    return path.stem.startswith(("test_", "_window")) or path.stem.endswith("_window")


def cython_files() -> list[Path]:
    return sorted([*CORE.rglob("*.pyx"), *CORE.rglob("*.pxd")])


def where(path: Path, lines: list[int]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{line}" for line in lines]


def test_noexcept_functions_do_not_raise() -> None:
    assert not [
        w for path in cython_files() for w in where(path, raises_in_noexcept(code_of(path)))
    ]


def test_only_handles_cross_the_gil() -> None:
    others = [p for p in cython_files() if not p.stem.startswith("handles") and not is_window(p)]
    assert not [w for path in others for w in where(path, gil_crossings(code_of(path)))]


def sleeps(tree: ast.AST) -> list[int]:
    """Lines that sleep to let time pass. In a while loop it polls for a condition: no sleep.

    asyncio.sleep(0) lets others run and is none either.
    """
    polls = {n for loop in ast.walk(tree) if isinstance(loop, ast.While) for n in ast.walk(loop)}
    found = []
    for node in ast.walk(tree):
        if node in polls:
            continue
        match node:
            case ast.ImportFrom(module="time", names=names) if "sleep" in {n.name for n in names}:
                found.append(node.lineno)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="sleep")):
                found.append(node.lineno)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep"),
                args=[ast.Constant(value=0)],
            ):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep")):
                found.append(node.lineno)
    return found


def test_tests_do_not_sleep() -> None:
    """A test waits for a condition, within bounds."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        found += where(path, sleeps(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found


def test_file_lengths() -> None:
    """Prints the files over 400 lines (`make check` shows it), fails on those over 600."""
    too_long = []
    for folder in ("src", "tests", "bench", "examples", "tools"):
        for path in sorted((ROOT / folder).rglob("*.p*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix not in {".py", ".pyi", ".pyx", ".pxd"} or "/." in name:
                continue
            length = path.read_text(encoding="utf-8").count("\n")
            if length > LONG:
                print(f"{length:5} lines  {name}  {EXCUSED.get(name, '')}")
            if length > TOO_LONG and name not in EXCUSED:
                too_long.append(f"{name}: {length} lines")
    assert not too_long


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("cdef int f(int x) noexcept nogil:\n    if x:\n        raise E\n    return 1\n", [3]),
        ("cdef int f(int x,\n           int y) noexcept nogil:\n    return 1\nraise E\n", []),
        ("cdef int f(int x) except -1:\n    raise E\n", []),
        ("cdef int f(int (*g)(int) noexcept, int y) noexcept: raise E\n", [1]),
        (
            "cdef class A:\n  cdef int f(self) noexcept:\n    assert x\n"
            "  def g(self):\n    raise E\n",
            [3],
        ),
    ],
)
def test_raises_in_noexcept(code: str, lines: list[int]) -> None:
    assert raises_in_noexcept(code) == lines


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("cdef void f() noexcept nogil:\n    with gil:\n        pass\n", [2]),
        ("def f():\n    with nogil:\n        pass\n", [2]),
        ("cdef void f() noexcept with gil:\n    pass\n", [1]),
        ("cdef class RingWindow:\n    def f(self):\n        with nogil:\n            g()\n", []),
    ],
)
def test_gil_crossings(code: str, lines: list[int]) -> None:
    assert gil_crossings(code) == lines


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("import time\ntime.sleep(1)\n", [2]),
        ("from time import sleep\n", [1]),
        ("while not done():\n    time.sleep(0.01)\n", []),
        ("async def f():\n    await asyncio.sleep(0)\n    await asyncio.sleep(0.1)\n", [3]),
    ],
)
def test_sleeps(code: str, lines: list[int]) -> None:
    assert sleeps(ast.parse(code)) == lines


def test_strings_and_comments_are_no_code(tmp_path: Path) -> None:
    file = tmp_path / "x.pyx"
    file.write_text('"""with gil\nraise"""\nx = 1  # with nogil\n')
    assert code_of(file).strip().startswith("x = 1")
    assert code_of(file).count("\n") == 3
