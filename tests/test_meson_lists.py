"""The file lists in meson.build name exactly what is in the tree."""

from pathlib import Path

import pytest

from tools import meson_lists


def test_every_python_file_is_installed() -> None:
    assert meson_lists.listed(meson_lists.PACKAGE / "meson.build") == meson_lists.python_files(), (
        "run `make lists`"
    )


def test_every_cython_module_is_compiled() -> None:
    assert meson_lists.listed(meson_lists.CORE / "meson.build") == meson_lists.cython_modules(), (
        "run `make lists`"
    )


def test_every_subfolder_of_the_core_is_empty_of_modules() -> None:
    """_core is flat: a .pyx elsewhere would never be compiled."""
    strays = [p for p in meson_lists.PACKAGE.rglob("*.pyx") if p.parent != meson_lists.CORE]
    assert not strays


def test_write_sorts_in_what_is_missing(tmp_path: Path) -> None:
    build_file = tmp_path / "meson.build"
    build_file.write_text("names = [\n  'b',\n]\nother = [\n  'x',\n]\n", encoding="utf-8")
    assert meson_lists.write(build_file, ["a", "b"])
    assert meson_lists.listed(build_file) == ["a", "b"]
    assert "'x'" in build_file.read_text(encoding="utf-8")
    assert not meson_lists.write(build_file, ["a", "b"])


def test_a_build_file_without_a_list_is_an_error(tmp_path: Path) -> None:
    build_file = tmp_path / "meson.build"
    build_file.write_text("project('x')\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no list"):
        meson_lists.listed(build_file)
