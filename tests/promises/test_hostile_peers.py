"""Strangers who take their time, take up room, or say too much: nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import (
    Deadline,
    differs_from_libzmq,
    last_endpoint,
    zmq,
)
from tests.promises.strangers import Server
from tests.raw_zmtp import COMMAND, RawPeer, command, frame, greeting, ready

in_300_ms = pytest.mark.parametrize("server", [300], indirect=True)


@in_300_ms
def test_one_that_never_says_a_word_is_dropped_in_time(server: Server, raw: Any) -> None:
    began = Deadline(0).end
    raw(server.endpoint).expect_closed()

    assert Deadline(0).end - began > 0.28
    assert server.reason()[0] == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


@in_300_ms
def test_slow_loris_gets_no_more_time(server: Server, raw: Any) -> None:
    """One octet now and then does not move the handshake's end."""
    stranger = raw(server.endpoint)
    stranger.read(10)
    stranger.sock.settimeout(0.1)
    closed = False
    for octet in greeting() + ready(b"PUSH"):
        try:
            stranger.send(bytes([octet]))
            closed = stranger.sock.recv(100) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            closed = True
        if closed:
            break
    assert closed  # long before the last octet: there are 92


def test_a_crowd_of_silent_strangers_keeps_nobody_out(server: Server, sock: Any, raw: Any) -> None:
    for _ in range(200):
        raw(server.endpoint)
    late = sock("PUSH", connect=server.endpoint)
    late.send(b"let me in")

    assert server.pull.recv() == b"let me in"


def test_what_a_stranger_announces_is_not_allocated(sock: Any, raw: Any) -> None:
    """A frame of 2**40 octets is refused or waited for, but memory follows what arrives."""
    from tests.promises.test_lifecycle import resident_kib

    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    friend = sock("PUSH", connect=last_endpoint(pull))
    friend.send(b"warm")
    assert pull.recv() == b"warm"
    before = resident_kib()
    stranger = raw(last_endpoint(pull))
    stranger.handshake(b"PUSH")
    stranger.send(b"\x02" + (2**40).to_bytes(8, "big") + b"z" * 10_000)
    friend.send(b"fine")

    assert pull.recv() == b"fine"
    assert resident_kib() - before < 50_000


def test_a_ping_longer_than_its_context_may_be(server: Server, raw: Any) -> None:
    """Sixteen octets of context come back, nothing that was not ours to give."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.ping(b"c" * 100)

    assert stranger.read_command() == (b"PONG", b"c" * 16)


@differs_from_libzmq
def test_a_short_ping_leaks_no_memory(server: Server, raw: Any) -> None:
    """libzmq answers with what lies behind its buffer."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.send(frame(b"\x04PING", COMMAND) + frame(b"\x04PING\0", COMMAND))
    stranger.sock.settimeout(0.1)
    try:
        data = stranger.sock.recv(100)
    except TimeoutError:
        data = b""
    assert data in (b"", command(b"PONG"))


def test_pings_flooding_without_reading_answers(server: Server, raw: Any) -> None:
    """Nobody reads the PONGs: they may not pile up without bound, nor stop the others."""
    stranger = raw(server.endpoint)
    stranger.handshake(b"PUSH")
    stranger.sock.settimeout(0.2)
    try:
        for _ in range(300):
            stranger.send(command(b"PING", b"\0\0" + b"c" * 16) * 500)
    except (TimeoutError, ConnectionError):
        pass  # refused to read on, or thrown out: both are answers
    server.goes_on()


@pytest.mark.parametrize("end", ["close", "reset"])
def test_leaving_right_after_connecting(server: Server, raw: Any, end: str) -> None:
    for _ in range(30):
        stranger: RawPeer = raw(server.endpoint)
        getattr(stranger, end)()
    server.goes_on()
