"""The rules: what an Authenticator answers to ZAP requests made by hand."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.auth.zap import ENDPOINT, answer, request
from tests.helpers import LIB, differs_from_libzmq, raises_errno, zmq

auth: Any = importlib.import_module(f"{LIB}.auth")
z85: Any = importlib.import_module(f"{LIB}.utils.z85")

KEY = bytes(range(32))
KEY_TEXT = z85.encode(KEY)
OTHER_KEY = bytes(32)

OK = (b"200", b"OK", b"anonymous")


def no(reason: bytes) -> tuple[bytes, bytes, bytes]:
    return b"400", reason, b""


class Asked:
    """An authenticator that is asked by hand."""

    def __init__(self, context: Any, sock: Any) -> None:
        self.auth = auth.Authenticator(context)
        self.auth.start()
        self.req = sock("REQ", connect=ENDPOINT)

    def raw(self, frames: list[bytes]) -> None:
        self.req.send_multipart(frames)
        received = self.auth.zap_socket.recv_multipart()
        asyncio.run(self.auth.handle_zap_message(received))

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[bytes, bytes, bytes]:
        self.raw(request(*args, **kwargs))
        return answer(self.req)


@pytest.fixture
def ask(ctx: Any, sock: Any) -> Iterator[Asked]:
    asked = Asked(ctx, sock)
    yield asked
    asked.auth.stop()


def test_without_rules(ask: Asked) -> None:
    assert ask(b"NULL") == OK
    assert ask(b"PLAIN", b"me", b"secret") == no(b"No passwords defined")
    assert ask(b"CURVE", KEY) == no(b"Unknown domain")
    assert ask(b"GSSAPI", b"principal") == (b"200", b"OK", b"principal")
    assert ask(b"OTHER") == no(b"NO ACCESS")


def test_allow(ask: Asked) -> None:
    ask.auth.allow("10.0.0.1", "127.0.0.1")
    ask.auth.configure_plain(passwords={"me": "secret"})
    assert ask(b"NULL") == OK
    assert ask(b"NULL", address=b"10.0.0.2") == no(b"Address not allowed")
    # who comes with a mechanism must authenticate all the same
    assert ask(b"PLAIN", b"me", b"wrong") == no(b"Invalid password")
    assert ask(b"PLAIN", b"me", b"secret", address=b"10.0.0.2") == no(b"Address not allowed")
    with pytest.raises(ValueError, match="allow or deny"):
        ask.auth.deny("10.0.0.1")


def test_deny(ask: Asked) -> None:
    ask.auth.deny("127.0.0.1")
    assert ask(b"NULL") == no(b"Address denied")
    assert ask(b"NULL", address=b"10.0.0.2") == OK
    assert ask(b"CURVE", KEY, address=b"10.0.0.2") == no(b"Unknown domain")
    with pytest.raises(ValueError, match="allow or deny"):
        ask.auth.allow("10.0.0.1")


def test_plain(ask: Asked) -> None:
    ask.auth.configure_plain(domain="*", passwords={"me": "secret", "ü": "ü"})
    ask.auth.configure_plain(domain="closed", passwords={})
    ask.auth.configure_plain(domain="other", passwords={"you": "secret"})
    assert ask(b"PLAIN", b"me", b"secret") == (b"200", b"OK", b"me")
    assert ask(b"PLAIN", "ü".encode(), "ü".encode()) == (b"200", b"OK", "ü".encode())
    assert ask(b"PLAIN", b"me", b"Secret") == no(b"Invalid password")
    assert ask(b"PLAIN", b"you", b"secret") == no(b"Invalid username")
    assert ask(b"PLAIN", b"you", b"secret", domain=b"other") == (b"200", b"OK", b"you")
    assert ask(b"PLAIN", b"me", b"secret", domain=b"closed") == no(b"Invalid domain")
    assert ask(b"PLAIN", b"me") == no(b"Invalid credentials")


@pytest.mark.parametrize("domain", [b"", b"here"])
def test_curve_with_a_directory(ask: Asked, tmp_path: Path, domain: bytes) -> None:
    (tmp_path / "client.key").write_bytes(b'curve\n    public-key = "%s"\n' % KEY_TEXT)
    ask.auth.configure_curve(domain=domain.decode() or "*", location=tmp_path)
    assert ask(b"CURVE", KEY, domain=domain) == (b"200", b"OK", KEY_TEXT)
    assert ask(b"CURVE", OTHER_KEY, domain=domain) == no(b"Unknown key")
    assert ask(b"CURVE", KEY, domain=b"there") == no(b"Unknown domain")
    assert ask(b"CURVE", KEY, KEY, domain=domain) == no(b"Invalid credentials")


def test_curve_with_any_key(ask: Asked, tmp_path: Path) -> None:
    ask.auth.configure_curve(location=auth.CURVE_ALLOW_ANY)
    assert ask.auth.allow_any is True
    assert ask(b"CURVE", OTHER_KEY, domain=b"any") == (b"200", b"OK", z85.encode(OTHER_KEY))
    ask.auth.configure_curve(location=tmp_path)
    assert ask(b"CURVE", OTHER_KEY) == no(b"Unknown key")


def test_a_bad_location_is_logged(ask: Asked, caplog: pytest.LogCaptureFixture) -> None:
    ask.auth.configure_curve(location="/nowhere")
    assert "/nowhere" in caplog.text
    assert ask(b"CURVE", KEY) == no(b"Unknown domain")


class Provider:
    def __init__(self, callback: Callable[[str, bytes], Any]) -> None:
        self.callback = callback


async def is_known_later(domain: str, key: bytes) -> bool:
    await asyncio.sleep(0)
    return key == KEY_TEXT


@pytest.mark.parametrize("callback", [lambda domain, key: key == KEY_TEXT, is_known_later])
def test_curve_with_a_callback(ask: Asked, callback: Any) -> None:
    ask.auth.configure_curve(location=auth.CURVE_ALLOW_ANY)
    ask.auth.configure_curve_callback("*", Provider(callback))
    assert ask.auth.allow_any is False
    assert ask(b"CURVE", KEY) == (b"200", b"OK", KEY_TEXT)
    assert ask(b"CURVE", OTHER_KEY) == no(b"Unknown key")
    assert ask(b"CURVE", KEY, domain=b"there") == no(b"Unknown domain")


def test_no_callback_is_logged(ask: Asked, caplog: pytest.LogCaptureFixture) -> None:
    ask.auth.configure_curve_callback("here")
    assert "here" in caplog.text


def test_user_ids_can_be_overridden(ctx: Any, sock: Any) -> None:
    class Named(auth.Authenticator):  # type: ignore[misc, name-defined]
        def curve_user_id(self, client_public_key: bytes) -> str | bytes:
            name = f"client {client_public_key[31]}"
            return name if client_public_key == KEY else name.encode()

    asked = of_class(Named, ctx, sock)
    asked.auth.configure_curve(location=auth.CURVE_ALLOW_ANY)
    assert asked(b"CURVE", KEY) == (b"200", b"OK", b"client 31")
    assert asked(b"CURVE", OTHER_KEY) == (b"200", b"OK", b"client %d" % OTHER_KEY[31])
    asked.auth.stop()


def test_rules_can_be_overridden(ctx: Any, sock: Any) -> None:
    """By pyzmq's names for them, which programs know."""

    class Own(auth.Authenticator):  # type: ignore[misc, name-defined]
        def _authenticate_plain(
            self, domain: str, username: str, password: str
        ) -> tuple[bool, bytes]:
            return username == password, b"not the same in " + domain.encode()

        async def _authenticate_curve(self, domain: str, client_key: bytes) -> tuple[bool, bytes]:
            return client_key == KEY, b"no friend"

        def _authenticate_gssapi(self, domain: str, principal: bytes) -> tuple[bool, bytes]:
            return principal.startswith(b"a"), b"too far down"

    asked = of_class(Own, ctx, sock)
    assert asked(b"PLAIN", b"a", b"a", domain=b"here") == (b"200", b"OK", b"a")
    assert asked(b"PLAIN", b"a", b"b", domain=b"here") == no(b"not the same in here")
    assert asked(b"CURVE", KEY)[:2] == (b"200", b"OK")
    assert asked(b"CURVE", OTHER_KEY) == no(b"no friend")
    assert asked(b"GSSAPI", b"alice@REALM") == (b"200", b"OK", b"alice@REALM")
    assert asked(b"GSSAPI", b"bob@REALM") == no(b"too far down")
    asked.auth.deny("127.0.0.1")
    assert asked(b"PLAIN", b"a", b"a", address=b"127.0.0.1")[0] == b"400"
    asked.auth.stop()


def of_class(kind: Any, ctx: Any, sock: Any) -> Asked:
    asked = Asked.__new__(Asked)
    asked.auth = kind(ctx)
    asked.auth.start()
    asked.req = sock("REQ", connect=ENDPOINT)
    return asked


def test_requests_that_are_none(ask: Asked) -> None:
    assert ask(b"NULL", version=b"1.1") == no(b"Invalid version")
    ask.raw([b"1.0", b"42", b"domain"])
    assert answer(ask.req) == no(b"Not enough frames")


@differs_from_libzmq
def test_every_request_is_answered(ask: Asked, caplog: pytest.LogCaptureFixture) -> None:
    """In pyzmq these are never answered, nor is any later one."""
    ask.raw([b"1.0"])
    assert ask.req.recv_multipart() == [b"1.0", b"", b"400", b"Not enough frames", b"", b""]
    assert ask(b"CURVE", b"short") == no(b"Invalid credentials")
    assert ask(b"GSSAPI", b"\xff") == (b"500", b"Internal error", b"")
    ask.auth.configure_curve_callback("*", Provider(lambda domain, key: 1 / 0))
    assert ask(b"CURVE", KEY) == (b"500", b"Internal error", b"")
    assert "ZeroDivisionError" in caplog.text
    assert ask(b"NULL") == OK


@differs_from_libzmq
def test_passwords_are_not_logged(ask: Asked, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "zmq.auth")
    ask.auth.configure_plain(passwords={"me": "correct horse"})
    assert ask(b"PLAIN", b"me", b"correct horse")[0] == b"200"
    assert ask(b"PLAIN", b"me", b"wrong horse")[0] == b"400"
    assert "ALLOWED" in caplog.text
    assert "horse" not in caplog.text


def test_one_per_context(ask: Asked, ctx: Any) -> None:
    second = auth.Authenticator(ctx)
    with raises_errno(zmq.EADDRINUSE):
        second.start()
    second.stop()


def test_stop_twice(ctx: Any) -> None:
    authenticator = auth.Authenticator(ctx)
    authenticator.stop()
    authenticator.start()
    assert authenticator.zap_socket.linger == 1
    authenticator.stop()
    authenticator.stop()
    assert authenticator.zap_socket is None
