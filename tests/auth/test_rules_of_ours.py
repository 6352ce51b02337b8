"""What pyzmq's authenticators have not: callbacks for everything, keys that come and go."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import peromq as zmq
from peromq import auth
from peromq.auth.asyncio import AsyncioAuthenticator
from peromq.auth.thread import ThreadAuthenticator
from tests.auth.test_authenticator import KEY, KEY_TEXT, OK, OTHER_KEY, Asked, no
from tests.auth.zap import ENDPOINT, answer, request
from tests.helpers import AGAINST_LIBZMQ, last_endpoint
from tests.raw_zmtp import prop

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="our own additions")


@pytest.fixture
def ask(ctx: Any, sock: Any) -> Iterator[Asked]:
    asked = Asked(ctx, sock)
    yield asked
    asked.auth.stop()


# -- callbacks


def test_a_callback_sees_the_request(ask: Asked) -> None:
    seen: list[auth.Request] = []
    ask.auth.configure_callback(lambda request: bool(seen.append(request)) or "me")
    assert ask(b"PLAIN", b"user", b"sesame", domain=b"d") == (b"200", b"OK", b"me")
    assert ask(b"CURVE", KEY) == (b"200", b"OK", b"me")
    assert ask(b"NULL") == (b"200", b"OK", b"me")
    plain, curve, null = seen
    assert (plain.domain, plain.address, plain.identity) == ("d", "127.0.0.1", b"identity")
    assert (plain.mechanism, plain.username, plain.password) == ("PLAIN", "user", "sesame")
    assert (curve.key, curve.username, plain.key) == (KEY_TEXT, "", b"")
    assert null.credentials == ()
    assert "sesame" not in repr(plain)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (True, OK),
        ("alice", (b"200", b"OK", b"alice")),
        (False, no(b"Denied")),
        (None, no(b"Denied")),
        (auth.Verdict(300, "later"), (b"300", b"later", b"")),
        (auth.Verdict(400, "because", "alice"), no(b"because")),
        (1, (b"500", b"Internal error", b"")),
        (b"alice", (b"500", b"Internal error", b"")),
    ],
)
def test_what_a_callback_says(ask: Asked, said: Any, expected: tuple[bytes, ...]) -> None:
    ask.auth.configure_callback(lambda request: said)
    assert ask(b"NULL") == expected


def test_a_callback_that_raises_refuses(ask: Asked) -> None:
    ask.auth.configure_callback(lambda request: 1 / 0)
    assert ask(b"NULL")[0] == b"500"


def test_a_coroutine_function(ask: Asked) -> None:
    async def decide(request: auth.Request) -> str:
        await asyncio.sleep(0)
        return "later"

    ask.auth.configure_callback(decide)
    assert ask(b"NULL") == (b"200", b"OK", b"later")


def test_callbacks_by_domain_and_after_the_lists(ask: Asked) -> None:
    ask.auth.deny("10.0.0.1")
    ask.auth.configure_callback(lambda request: "any")
    ask.auth.configure_callback(lambda request: "inner", domain="inner")
    assert ask(b"NULL", domain=b"inner")[2] == b"inner"
    assert ask(b"NULL", domain=b"outer")[2] == b"any"
    assert ask(b"NULL", address=b"10.0.0.1") == no(b"Address denied")
    ask.auth.configure_callback(None, domain="inner")
    ask.auth.configure_callback(None)
    ask.auth.configure_callback(None)
    assert ask(b"NULL", domain=b"inner") == OK
    assert ask(b"PLAIN", b"a", b"b") == no(b"No passwords defined")


def test_metadata_in_a_verdict(ask: Asked) -> None:
    ask.auth.configure_callback(lambda request: auth.Verdict(200, "", "me", {"Rank": "majör"}))
    ask.raw(request(b"NULL"))
    assert ask.req.recv_multipart()[-1] == prop(b"Rank", "majör".encode())


@pytest.mark.parametrize("wrong", [{"code": 201}, {"code": 200, "metadata": {"": "x"}}])
def test_verdicts_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"status|metadata"):
        auth.Verdict(**wrong)


def test_the_thread_of_a_callback(ctx: Any, sock: Any) -> None:
    authenticator = ThreadAuthenticator(ctx)
    authenticator.start()
    authenticator.configure_callback(lambda request: threading.current_thread().name)
    req = sock("REQ", connect=ENDPOINT)
    req.send_multipart(request(b"NULL"))
    assert answer(req)[2] == b"peromq-auth"
    authenticator.stop()


# -- keys that come and go


def test_a_set_of_keys_is_replaced_whole(ask: Asked) -> None:
    ask.auth.configure_curve_keys("*", [KEY_TEXT])
    assert ask(b"CURVE", KEY)[0] == b"200"
    assert ask(b"CURVE", OTHER_KEY) == no(b"Unknown key")
    ask.auth.configure_curve_keys("*", ["0" * 40])
    assert ask(b"CURVE", KEY) == no(b"Unknown key")
    assert ask(b"CURVE", OTHER_KEY)[0] == b"200"
    ask.auth.configure_curve_keys("*")
    assert ask(b"CURVE", OTHER_KEY) == no(b"Unknown key")


def test_what_is_no_key_changes_nothing(ask: Asked) -> None:
    ask.auth.configure_curve_keys("*", [KEY_TEXT])
    for wrong in ([KEY], ["short"], ["0" * 39], ["0" * 45], ["~" * 40]):
        with pytest.raises(ValueError, match=r"."):
            ask.auth.configure_curve_keys("*", wrong)
    assert ask(b"CURVE", KEY)[0] == b"200"


def key_file(path: Path, key: bytes = KEY_TEXT) -> Path:
    path.write_bytes(b'curve\n    public-key = "%s"\n' % key)
    return path


def test_a_directory_is_followed(ask: Asked, tmp_path: Path) -> None:
    ask.auth.configure_curve_directory("*", tmp_path)
    assert ask(b"CURVE", KEY) == no(b"Unknown key")
    file = key_file(tmp_path / "a.key")
    assert ask(b"CURVE", KEY)[0] == b"200"
    key_file(tmp_path / "b.key", b"0" * 40)
    assert ask(b"CURVE", OTHER_KEY)[0] == b"200"
    file.unlink()
    assert ask(b"CURVE", KEY) == no(b"Unknown key")
    assert ask(b"CURVE", OTHER_KEY)[0] == b"200"
    key_file(tmp_path / "new").rename(tmp_path / "b.key")  # rotated in place
    assert ask(b"CURVE", KEY)[0] == b"200"
    assert ask(b"CURVE", OTHER_KEY) == no(b"Unknown key")


def test_a_bad_file_does_not_spoil_the_others(
    ask: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bad.key").write_text("half a f")
    key_file(tmp_path / "good.key")
    ask.auth.configure_curve_directory("*", tmp_path)
    assert ask(b"CURVE", KEY)[0] == b"200"
    assert caplog.text.count("Failed to load CURVE cert") == 1


@pytest.mark.parametrize("odd", ["a link to nowhere", "a named pipe", "a directory"])
def test_what_is_no_file_does_not_spoil_the_others(
    ask: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: str
) -> None:
    key_file(tmp_path / "good.key")
    strange = tmp_path / "odd.key"
    match odd:
        case "a link to nowhere":
            strange.symlink_to(tmp_path / "nowhere")
        case "a named pipe":
            os.mkfifo(strange)
        case "a directory":
            strange.mkdir()
    ask.auth.configure_curve_directory("*", tmp_path)
    assert ask(b"CURVE", KEY)[0] == b"200"
    assert ask(b"CURVE", KEY)[0] == b"200"
    assert caplog.text.count("Failed to load CURVE cert") == 1


def test_a_change_that_does_not_show_is_seen(ask: Asked, tmp_path: Path) -> None:
    """The same file, of the same size, written again before the clock of the files has moved."""
    file = key_file(tmp_path / "a.key")
    ask.auth.configure_curve_directory("*", tmp_path)
    assert ask(b"CURVE", KEY)[0] == b"200"
    now = file.stat()
    key_file(file, b"0" * 40)
    os.utime(file, ns=(now.st_atime_ns, now.st_mtime_ns))
    assert file.stat().st_size == now.st_size
    assert ask(b"CURVE", KEY) == no(b"Unknown key")
    assert ask(b"CURVE", OTHER_KEY)[0] == b"200"


def test_a_directory_that_is_gone_has_no_keys(
    ask: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "keys"
    place.mkdir()
    file = key_file(place / "a.key")
    ask.auth.configure_curve_directory("*", place)
    assert ask(b"CURVE", KEY)[0] == b"200"
    file.unlink()
    place.rmdir()
    assert ask(b"CURVE", KEY) == no(b"Unknown key")
    assert ask(b"CURVE", KEY) == no(b"Unknown key")
    assert caplog.text.count("Failed to load CURVE certs") == 1
    place.mkdir()
    key_file(place / "a.key")
    assert ask(b"CURVE", KEY)[0] == b"200"
    ask.auth.configure_curve("*", tmp_path / "empty")  # no longer followed
    place.rename(tmp_path / "elsewhere")
    assert ask(b"CURVE", KEY)[0] == b"400"


# -- with sockets that ask


def test_a_thread_decides_about_connections(ctx: Any, sock: Any) -> None:
    authenticator = ThreadAuthenticator(ctx)
    authenticator.start()
    authenticator.configure_plain("*", {"admin": "sesame"})
    server = sock("PULL", plain_server=1, bind="tcp://127.0.0.1:*")

    def client(password: bytes) -> Any:
        endpoint = last_endpoint(server)
        return sock("PUSH", plain_username=b"admin", plain_password=password, connect=endpoint)

    wrong, right = client(b"wrong"), client(b"sesame")
    right.send(b"hello")
    frame = server.recv(copy=False)
    assert (frame.bytes, frame.get("User-Id")) == (b"hello", "admin")
    authenticator.configure_plain("*", {"admin": "changed"})
    changed = client(b"changed")
    changed.send(b"again")
    assert server.recv() == b"again"
    right.send(b"still")
    assert server.recv() == b"still"
    wrong.close()
    authenticator.stop()
    server.setsockopt(zmq.RCVTIMEO, 50)
    late = client(b"changed")
    late.send(b"never")
    with pytest.raises(zmq.Again):
        server.recv()


def test_a_loop_decides_about_connections(ctx: Any, sock: Any) -> None:
    async def scene() -> None:
        authenticator = AsyncioAuthenticator(ctx)
        authenticator.start()
        names: list[str] = []

        async def decide(request: auth.Request) -> str | bool:
            names.append(request.username)
            await asyncio.sleep(0)
            return request.username if request.password == "sesame" else False

        authenticator.configure_callback(decide, "office")
        server = sock("PULL", plain_server=1, zap_domain=b"office", bind="tcp://127.0.0.1:*")
        client = sock(
            "PUSH",
            plain_username=b"bob",
            plain_password=b"sesame",
            connect=last_endpoint(server),
        )
        client.send(b"hello")
        poller = zmq.asyncio.Poller()
        poller.register(server, zmq.POLLIN)
        assert await poller.poll(10_000)
        assert server.recv(copy=False).get("User-Id") == "bob"
        assert names == ["bob"]
        authenticator.stop()

    import peromq.asyncio  # noqa: F401

    asyncio.run(scene())
