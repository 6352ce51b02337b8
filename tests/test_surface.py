"""docs/surface.md lists all that libzmq has, says what is so, and names tests that exist."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from peromq import SocketType
from peromq.option_table import CONTEXT_OPTIONS, SOCKET_OPTIONS
from peromq.transports import INSTEAD, MULTICAST, TRANSPORTS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def surface() -> ModuleType:
    spec = importlib.util.spec_from_file_location("surface", ROOT / "tools" / "surface.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["surface"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(surface: ModuleType) -> Any:
    return surface.load()


def test_what_it_says_is_so(surface: ModuleType, data: Any) -> None:
    """Every option and event has a row, every option a test, and every test named exists."""
    assert surface.problems(data) == []


def test_the_page_is_not_stale(surface: ModuleType, data: Any) -> None:
    assert surface.PAGE.read_text(encoding="utf-8") == surface.page(data), "make surface"


def test_every_option_is_on_the_page(surface: ModuleType) -> None:
    lines = surface.PAGE.read_text(encoding="utf-8").splitlines()
    for spec in [*SOCKET_OPTIONS.values(), *CONTEXT_OPTIONS.values()]:
        rows = [line for line in lines if line.startswith((f"| {spec.name} |", f"| {spec.name} ("))]
        assert any(f"| {spec.number} |" in row and "::test_" in row for row in rows), spec.name


def test_every_type_and_transport_has_a_row(data: Any) -> None:
    assert data["types.toml"]["types"].keys() == {kind.name for kind in SocketType}
    known = {*TRANSPORTS, *MULTICAST, *INSTEAD, "inproc", "SOCKS5"}
    assert data["transports.toml"]["transports"].keys() == known


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda o: o.pop("LINGER"), "option LINGER has no row"),
        (
            lambda o: o.update(NONESUCH={"test": "test_surface.py::test_what_it_says_is_so"}),
            "no such",
        ),
        (lambda o: o["LINGER"].pop("test"), "LINGER: no test"),
        (lambda o: o["LINGER"].update(test="test_surface.py::test_nothing"), "there is no test"),
        (lambda o: o["LINGER"].update(test="test_none.py::test_nothing"), "there is no test"),
        (lambda o: o["LINGER"].update(differs="a", absent="b"), "do not go together"),
        (lambda o: o["LINGER"].update(wrok="b"), "do not go together"),
    ],
)
def test_what_is_not_so_is_found(
    surface: ModuleType, data: Any, change: Any, complaint: str
) -> None:
    change(data["options.toml"]["socket"])
    (problem,) = surface.problems(data)
    assert complaint in problem
