"""What is printed, logged, raised or reported never has a secret in it."""

from __future__ import annotations

import base64
import gc
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import peromq
from peromq import auth, z85
from peromq.auth.thread import ThreadAuthenticator
from peromq.cli import main
from tests.helpers import AGAINST_LIBZMQ, Monitor, drain, last_endpoint, try_send, zmq
from tests.raw_zmtp import COMMAND, frame, greeting

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="about our own texts")

PASSWORD = b"correct-horse-battery-staple"
GUESS = b"wrong-donkey-battery-staple"
SERVER_PUBLIC, SERVER_SECRET = peromq.curve_keypair()
PUBLIC, SECRET = peromq.curve_keypair()


def spellings(secret: bytes) -> Iterator[str]:
    """As it stands, and as dumps show it; a part of a key is bad enough."""
    raws = [secret]
    if len(secret) == 40:
        raws.append(z85.decode(secret))
        raws.append(secret[8:20])
    for raw in raws:
        yield raw.decode("latin-1")
        yield repr(raw)[2:-1]
        yield raw.hex()
        yield base64.b64encode(raw).decode()


SECRETS = [text for s in (PASSWORD, GUESS, SERVER_SECRET, SECRET) for text in spellings(s)]


def betrayed(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """What the test adds, and everything logged, at any level, or printed, by anybody."""
    texts: list[str] = []
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = records.append  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield texts
    root.setLevel(level)
    root.removeHandler(handler)
    out, err = capfd.readouterr()
    texts += [out, err, *(record.getMessage() for record in records)]
    texts += [repr(record.__dict__) for record in records]
    assert records
    assert not [betrayed(text) for text in texts if betrayed(text)]


PLAIN_SERVER: dict[str, Any] = {"plain_server": 1}
CURVE_SERVER = {"curve_server": 1, "curve_secretkey": SERVER_SECRET}
KNOWN = {"curve_publickey": PUBLIC, "curve_secretkey": SECRET}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "PLAIN, right": (PLAIN_SERVER, {"plain_username": b"me", "plain_password": PASSWORD}),
    "PLAIN, wrong": (PLAIN_SERVER, {"plain_username": b"me", "plain_password": GUESS}),
    "PLAIN to NULL": ({}, {"plain_username": b"me", "plain_password": PASSWORD}),
    "NULL to PLAIN": (PLAIN_SERVER, {}),
    "CURVE, right": (CURVE_SERVER, {"curve_serverkey": SERVER_PUBLIC, **KNOWN}),
    "CURVE, another server": (CURVE_SERVER, {"curve_serverkey": PUBLIC, **KNOWN}),
    "CURVE to PLAIN": (PLAIN_SERVER, {"curve_serverkey": SERVER_PUBLIC, **KNOWN}),
    "PLAIN to CURVE": (CURVE_SERVER, {"plain_username": b"me", "plain_password": PASSWORD}),
}


@pytest.mark.parametrize("case", CASES)
def test_handshakes(ctx: Any, sock: Any, said: list[str], case: str) -> None:
    theirs, ours = CASES[case]
    authenticator = ThreadAuthenticator(ctx)
    authenticator.start()
    authenticator.configure_plain("*", {"me": PASSWORD.decode()})
    authenticator.configure_curve_keys("*", [PUBLIC])
    server = sock("PULL", handshake_ivl=300, **theirs)
    watches = [Monitor(server)]
    server.bind("tcp://127.0.0.1:*")
    client = sock("PUSH", handshake_ivl=300, **ours)
    watches.append(Monitor(client))
    client.connect(last_endpoint(server))
    try_send(client, b"hello")
    for watch in watches:
        watch.wait(
            zmq.EVENT_HANDSHAKE_SUCCEEDED,
            zmq.EVENT_HANDSHAKE_FAILED_AUTH,
            zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
            zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        )
        said += [repr(watch.seen), repr(drain(watch.feed))]
    logging.getLogger("test").info("at least one record")
    said += [repr(thing) for thing in (server, client, ctx, authenticator)]
    for watch in watches:
        watch.close()
    authenticator.stop()
    said += reprs_of_ours()


def reprs_of_ours() -> list[str]:
    """Of every object that a debugger or an error report may come across."""
    texts = []
    for thing in gc.get_objects():
        if str(type(thing).__module__).startswith("peromq"):
            try:
                texts.append(repr(thing))
            except Exception as problem:
                texts.append(repr(problem))
    return texts


def test_a_password_for_a_socket_that_wants_none(
    sock: Any, raw: Any, said: list[str], monitor: Any
) -> None:
    """A stranger says NULL, and then his HELLO."""
    server = sock("PULL")
    watch = monitor(server)
    server.bind("tcp://127.0.0.1:*")
    stranger = raw(last_endpoint(server))
    hello = b"\x05HELLO\x02me" + bytes([len(PASSWORD)]) + PASSWORD
    stranger.send(greeting() + frame(hello, COMMAND))
    watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)


def wrong_calls(socket: Any) -> list[Callable[[], Any]]:
    return [
        lambda: socket.setsockopt(zmq.PLAIN_PASSWORD, bytearray(PASSWORD)),
        lambda: socket.setsockopt(zmq.PLAIN_PASSWORD, PASSWORD * 20),
        lambda: socket.setsockopt(zmq.PLAIN_PASSWORD, PASSWORD.decode()),
        lambda: socket.setsockopt(zmq.SOCKS_PASSWORD, [PASSWORD]),
        lambda: socket.setsockopt_string(zmq.PLAIN_PASSWORD, PASSWORD),
        lambda: setattr(socket, "plain_password", PASSWORD.decode()),
        lambda: socket.setsockopt(zmq.CURVE_SECRETKEY, SECRET[:-1]),
        lambda: socket.setsockopt(zmq.CURVE_SECRETKEY, SECRET[:-1] + b"~"),
        lambda: socket.setsockopt(zmq.CURVE_SECRETKEY, b"#####" + SECRET[5:]),
        lambda: socket.setsockopt(zmq.CURVE_SECRETKEY, SECRET.decode()),
        lambda: setattr(socket, "curve_secretkey", bytearray(SECRET)),
        lambda: zmq.curve_public(SECRET[:-1]),
        lambda: zmq.curve_public(SECRET[:-1] + b"~"),
        lambda: zmq.curve_public(b"#####" + SECRET[5:]),
        lambda: z85.decode(SECRET[:-1] + b"~"),
    ]


def test_errors(sock: Any, said: list[str]) -> None:
    socket = sock("PUSH")
    logging.getLogger("test").info("at least one record")
    for call in wrong_calls(socket):
        with pytest.raises((TypeError, ValueError, zmq.ZMQError)) as caught:
            call()
        said.append(str(caught.value))
        said += traceback.format_exception_only(caught.value)


def test_an_authenticator_that_fails(ctx: Any, sock: Any, said: list[str]) -> None:
    authenticator = ThreadAuthenticator(ctx)
    authenticator.start()

    def decide(request: auth.Request) -> bool:
        said.append(repr(request))
        raise RuntimeError("out of order")

    authenticator.configure_callback(decide)
    server = sock("PULL", bind="tcp://127.0.0.1:*", **PLAIN_SERVER)
    watch = Monitor(server)
    sock("PUSH", connect=last_endpoint(server), plain_username=b"me", plain_password=PASSWORD)
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_AUTH)[1] == 500
    watch.close()
    authenticator.stop()


def test_keygen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen", "me", "-d", str(tmp_path)]) == 0
    said = capfd.readouterr()
    _, secret = auth.load_certificate(tmp_path / "me.key_secret")
    assert secret is not None
    assert not any(text in said.out + said.err for text in spellings(secret))
