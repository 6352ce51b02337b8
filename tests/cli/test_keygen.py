"""`peromq keygen`: files with keys in them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import peromq as zmq
from peromq.auth import load_certificate
from peromq.cli import main


def test_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "keys"
    assert main(["keygen", "alice", "-d", str(home), "-m", "team = blue", "-m", "x=a=b"]) == 0
    public, secret = load_certificate(home / "alice.key_secret")
    assert secret is not None
    assert zmq.curve_public(secret) == public
    assert load_certificate(home / "alice.key") == (public, None)
    assert stat.S_IMODE((home / "alice.key_secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert "    team = blue\n    x = a=b\n" in (home / "alice.key_secret").read_text()
    said = capsys.readouterr()
    assert public.decode() in said.out
    assert secret.decode() not in said.out + said.err
    assert str(home / "alice.key_secret") in said.out


def test_keys_are_kept_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["keygen", "alice", "-d", str(tmp_path)]
    assert main(words) == 0
    first = load_certificate(tmp_path / "alice.key_secret")
    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert load_certificate(tmp_path / "alice.key_secret") == first
    assert main([*words, "--overwrite"]) == 0
    assert load_certificate(tmp_path / "alice.key_secret") != first


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o277, 0o777])
def test_the_mode_is_no_matter_of_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        main(["keygen", "a", "-d", str(tmp_path)])  # the public file may be unreadable
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.key_secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o666 & ~umask


def test_metadata_named_as_keys_are_no_keys(tmp_path: Path) -> None:
    assert main(["keygen", "a", "-d", str(tmp_path), "-m", "public-key=mine"]) == 0
    public, secret = load_certificate(tmp_path / "a.key_secret")
    assert secret is not None
    assert zmq.curve_public(secret) == public


def test_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main(["keygen", "a", "-d", str(tmp_path / "file")]) == 1
    assert main(["keygen", "a", "-d", str(tmp_path / "file" / "below")]) == 1
    for wrong in (
        ["keygen"],
        ["keygen", "a/b"],
        ["keygen", ".."],
        ["keygen", "a", "-m", "novalue"],
        ["keygen", "a", "-m", "a=b\nc=d"],
    ):
        with pytest.raises(SystemExit) as end:
            main(wrong)
        assert end.value.code == 2
    assert os.listdir(tmp_path) == ["file"]


def test_without_sodium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nacl.bindings", None)
    assert main(["keygen", "a", "-d", str(tmp_path)]) == 1
    assert "pip install pynacl" in capsys.readouterr().err
    assert not os.listdir(tmp_path)
