"""CVE-2014-7202, CVE-2014-9721: a peer cannot talk its way to less security than was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import Monitor, readable, try_send, zmq
from tests.raw_zmtp import CURVE_HELLO_SIZE, frame, greeting, message, ready
from tests.zap.peers import MECHANISMS, NEEDS_KDC, SECURED

GUARDED = [*(name for name in MECHANISMS if name != "NULL"), NEEDS_KDC]
NAMES = [b"NULL", b"PLAIN", b"CURVE", b"GSSAPI", b"null", b"", b"NULL\0X", b"CURVEX", b"\xff" * 20]
OLD = {
    "1.0, anonymous": b"\x01\x00" + b"\x06\x00hello",
    "1.0, with the long signature": b"\xff" + (1).to_bytes(8, "big") + b"\x00" + b"\x06\x00hello",
    "2.0": b"\xff" + (1).to_bytes(8, "big") + b"\x7f\x01\x08" + b"\x00\x00" + b"\x00\x05hello",
    "revision 0": b"\xff" + (1).to_bytes(8, "big") + b"\x7f\x00" + b"\x00\x00" + b"\x00\x05hello",
}


@pytest.mark.parametrize("mechanism", GUARDED, indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_another_mechanism(guarded: Any, raw: Any, mechanism: str, name: bytes) -> None:
    """Named in the greeting, with everything that would follow with NULL."""
    if name == mechanism.encode():
        pytest.skip("that is the one")
    server = guarded(mechanism)
    for minor in (0, 1, 255):
        stranger = raw(server.endpoint)
        stranger.send(greeting(minor, name) + ready(b"PUSH") + message(b"stranger"))
        said = stranger.expect_closed()
        assert b"READY" not in said
        event, value = server.reason()
        assert event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        assert value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
        server.watch.wait(zmq.EVENT_DISCONNECTED)
    server.goes_on()


@pytest.mark.parametrize("mechanism", GUARDED, indirect=True)
@pytest.mark.parametrize("dialect", OLD)
def test_an_older_protocol(guarded: Any, raw: Any, mechanism: str, dialect: str) -> None:
    server = guarded(mechanism)
    stranger = raw(server.endpoint)
    stranger.send(OLD[dialect])
    stranger.expect_closed()
    assert server.reason()[0] == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    server.goes_on()


@pytest.mark.parametrize("mechanism", GUARDED, indirect=True)
def test_the_right_name_and_then_a_plain_ready(guarded: Any, raw: Any, mechanism: str) -> None:
    server = guarded(mechanism)
    stranger = raw(server.endpoint)
    stranger.send(greeting(mechanism=mechanism.encode()) + ready(b"PUSH") + frame(b"stranger"))
    assert b"READY" not in stranger.expect_closed()
    server.goes_on()


@pytest.mark.parametrize("mechanism", GUARDED, indirect=True)
@pytest.mark.parametrize("as_server", [0, 1])
def test_a_server_that_wants_no_security(
    sock: Any, raw_listener: Any, mechanism: str, as_server: int
) -> None:
    """A client says nothing to it, least of all its password; CURVE's HELLO has a new key only."""
    _, ours = SECURED[mechanism]()
    client = sock("PUSH", connect=raw_listener.endpoint, **ours)
    watch = Monitor(client)
    try_send(client, b"for friends only")
    server = raw_listener.accept()
    head = greeting()
    server.send(head[:32] + bytes([as_server]) + head[33:] + ready(b"PULL"))
    said = server.expect_closed()
    assert len(said) == (64 + CURVE_HELLO_SIZE if mechanism == "CURVE" else 64)
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)[1] == (
        zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
    )
    watch.close()
    for secret in ours.values():
        assert not isinstance(secret, bytes) or secret not in said


@pytest.mark.parametrize("mechanism", GUARDED, indirect=True)
def test_two_clients_or_two_servers(sock: Any, mechanism: str) -> None:
    """Nobody vouches for anybody."""
    theirs, ours = SECURED[mechanism]()
    for options in (theirs, ours):
        pull = sock("PULL", bind="tcp://127.0.0.1:*", handshake_ivl=100, **options)
        push = sock("PUSH", connect=pull.getsockopt(zmq.LAST_ENDPOINT).decode(), **options)
        try_send(push, b"hello")
        assert not readable(pull, 100)
