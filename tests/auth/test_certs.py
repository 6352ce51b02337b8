"""Certificate files: CZMQ's format, and nobody else's to read."""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import LIB, differs_from_libzmq, zmq

auth: Any = importlib.import_module(f"{LIB}.auth")


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    public_file, secret_file = auth.create_certificates(tmp_path, "me", {"name": "I, myself"})
    assert (public_file, secret_file) == (str(tmp_path / "me.key"), str(tmp_path / "me.key_secret"))
    public, secret = auth.load_certificate(secret_file)
    assert zmq.curve_public(secret) == public
    assert auth.load_certificate(Path(public_file)) == (public, None)
    assert "    name = I, myself\n" in Path(secret_file).read_text()
    assert secret not in Path(public_file).read_bytes()
    assert auth.load_certificates(tmp_path) == {public: True}


@differs_from_libzmq
def test_only_the_owner_may_read_a_secret(tmp_path: Path) -> None:
    """pyzmq leaves it to the umask."""
    (tmp_path / "me.key_secret").write_text("a file that was there, with the usual mode")
    _, secret_file = auth.create_certificates(str(tmp_path), "me")
    assert mode(secret_file) == 0o600
    assert "usual mode" not in Path(secret_file).read_text()


@differs_from_libzmq
def test_a_secret_is_never_readable_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at its creation, and not by who has the old file open."""
    old = tmp_path / "me.key_secret"
    old.write_text("old")
    seen: list[tuple[str, int]] = []
    real = os.open

    def watched(path: str, flags: int, mode: int = 0o777) -> int:
        assert flags & os.O_EXCL
        descriptor = real(path, flags, mode)
        seen.append((str(path), stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        with old.open() as reader:
            auth.create_certificates(tmp_path, "me")
            assert reader.read() == "old"
    finally:
        os.umask(before)
    assert [made for path, made in seen if path.endswith("_secret")] == [0o600]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["me.key", "me.key_secret"]
    assert mode(old) == 0o600


@differs_from_libzmq
def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("untouched")
    (tmp_path / "me.key_secret").symlink_to(target)
    auth.create_certificates(tmp_path, "me")
    assert target.read_text() == "untouched"
    assert not (tmp_path / "me.key_secret").is_symlink()


@differs_from_libzmq
@pytest.mark.parametrize("there", ["me.key", "me.key_secret"])
def test_files_are_kept_if_asked(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(FileExistsError):
        auth.create_certificates(tmp_path, "me", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"
    auth.create_certificates(tmp_path, "you", overwrite=False)
    assert mode(tmp_path / "you.key_secret") == 0o600


def test_the_format_is_that_of_the_other_library(tmp_path: Path) -> None:
    other: Any = importlib.import_module("zmq.auth" if LIB == "peromq" else "peromq.auth")
    for number, (writer, reader) in enumerate([(auth, other), (other, auth)]):
        _, secret_file = writer.create_certificates(tmp_path, f"{number}", {"a": "b"})
        assert reader.load_certificate(secret_file) == writer.load_certificate(secret_file)


def test_keys_in_other_spellings(tmp_path: Path) -> None:
    file = tmp_path / "x.key"
    file.write_bytes(b"# public-key = no\r\ncurve\r\n\tpublic-key='a=b'\r\n  secret-key = c\r\n")
    assert auth.load_certificate(file) == (b"a=b", b"c")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        auth.load_certificate(tmp_path / "nowhere")
    with pytest.raises(OSError, match="nowhere"):
        auth.load_certificates(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b'curve\n    secret-key = "x"\n', b"\xff\x00\n"])
def test_no_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.key"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="No public key"):
        auth.load_certificate(file)
