"""Certificate files: CZMQ's format, and nobody else's to read."""

from __future__ import annotations

import importlib
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
