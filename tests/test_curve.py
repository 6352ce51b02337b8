"""CURVE keys, and `python -m peromq.curve_keygen`."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from typing import Any

import pytest

from tests.helpers import LIB, differs_from_libzmq, raises_errno, zmq


def test_pairs_are_pairs() -> None:
    public, secret = zmq.curve_keypair()
    assert (len(public), len(secret)) == (40, 40)
    assert zmq.curve_public(secret) == zmq.curve_public(secret.decode()) == public
    assert zmq.curve_keypair() != (public, secret)


def test_both_libraries_find_the_same_public_key() -> None:
    mine, theirs = (importlib.import_module(name) for name in ("peromq", "zmq"))
    public, secret = theirs.curve_keypair()
    assert mine.curve_public(secret) == public


@pytest.mark.parametrize("secret", [b"", b"x" * 39, "x" * 41])
def test_secrets_that_are_none(secret: bytes | str) -> None:
    with pytest.raises(ValueError, match="40 byte"):
        zmq.curve_public(secret)


@differs_from_libzmq
def test_secrets_that_are_no_z85() -> None:
    with pytest.raises(ValueError, match="Z85"):
        zmq.curve_public(b"~" * 40)


@differs_from_libzmq
def test_without_pynacl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.bindings", None)
    with raises_errno(zmq.ENOTSUP) as caught:
        zmq.curve_keypair()
    assert "pip install pynacl" in str(caught.value)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """`python -m …`, in this process."""
    name = f"{LIB}.curve_keygen"
    monkeypatch.setattr(sys, "argv", ["curve_keygen", *arguments])
    monkeypatch.delitem(sys.modules, name, raising=False)
    runpy.run_module(name, run_name="__main__")


def test_keygen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch)
    title, public, empty, second_title, secret = capsys.readouterr().out.splitlines()
    assert (title, empty, second_title) == (
        "== CURVE PUBLIC KEY ==",
        "",
        "== CURVE SECRET KEY ==",
    )
    assert zmq.curve_public(secret) == public.encode()
    run(monkeypatch, "--json", "--secret", secret)
    assert json.loads(capsys.readouterr().out) == {"public": public, "secret": secret}
    run(monkeypatch, "--json")
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert zmq.curve_public(made["secret"]) == made["public"].encode()


def test_keygen_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--help")
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "python3 -m zmq.curve_keygen" in shown
    assert "--json" in shown


@differs_from_libzmq
def test_keygen_of_a_bad_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--secret", "short")
    assert caught.value.code == 2
    assert "40 byte" in capsys.readouterr().err
