"""CVE-2019-13132: handshake commands of every length, and of everything else that is wrong."""

from __future__ import annotations

import errno
import itertools
from typing import Any

import pytest

from tests.helpers import raises_errno
from tests.promises.strangers import Server
from tests.promises.test_lifecycle import resident_kib
from tests.raw_zmtp import COMMAND, frame, greeting, prop

NAMES = [b"HELLO", b"WELCOME", b"INITIATE", b"READY", b"ERROR", b"MESSAGE", b"PING", b"SUBSCRIBE"]
LENGTHS = sorted(
    {*range(12), *range(190, 215), *range(248, 270), 512, 1023, 1024, 8183, 8192, 65527, 65536}
)
FILLINGS = {"zeros": b"\0", "ones": b"\xff", "letters": b"a", "small sizes": b"\1"}


def give(server: Server, raw: Any, mechanism: str, octets: bytes) -> bytes:
    """What the server says to a stranger who greets, sends this, and no more."""
    stranger = raw(server.endpoint)
    stranger.send(greeting(mechanism=mechanism.encode()))
    try:
        stranger.send(octets)
        stranger.sock.shutdown(1)
    except OSError:
        pass  # thrown out already
    answer: bytes = stranger.expect_closed()
    stranger.close()
    return answer


@pytest.mark.parametrize(
    "filling",
    [pytest.param(name, marks=pytest.mark.slow if name != "ones" else ()) for name in FILLINGS],
)
@pytest.mark.parametrize("name", NAMES)
def test_every_command_with_every_length(
    guarded: Any, mechanism: str, raw: Any, name: bytes, filling: str
) -> None:
    server = guarded(mechanism)
    before = resident_kib()
    for length in LENGTHS:
        body = bytes([len(name)]) + name + FILLINGS[filling] * length
        give(server, raw, mechanism, frame(body, COMMAND))
    server.goes_on()
    assert resident_kib() - before < 20_000


def test_names_that_do_not_fit(guarded: Any, mechanism: str, raw: Any) -> None:
    server = guarded(mechanism)
    for body in (b"", b"\0", b"\xff", b"\x05", b"\x05READ", b"\x06READY", b"\xffREADY", b"READY"):
        for flags in (0, 1, COMMAND, COMMAND | 1, 0xF8):
            give(server, raw, mechanism, frame(body, flags))
    server.goes_on()


OVERSIZED = {
    "a value that is not there": b"\1X\xff\xff\xff\xff",
    "a value one octet short": b"\1X\0\0\0\x02a",
    "a name that is not there": b"\xffX",
    "no name": b"\0\0\0\0\1a" * 100,
    "a thousand properties": prop(b"X-n", b"v") * 1000,
    "six thousand of the same": prop(b"X", b"") * 6000,
    "a value of 60000 octets": prop(b"X-big", b"v" * 60_000),
    "a size cut short": b"\1X\0\0",
    "types twice": prop(b"Socket-Type", b"PUSH") + prop(b"Socket-Type", b"REP"),
    "a type of 10000 octets": prop(b"Socket-Type", b"P" * 10_000),
    "an identity of 60000 octets": prop(b"Socket-Type", b"PUSH") + prop(b"Identity", b"i" * 60_000),
    "what is no text": prop(b"\xff\xfe", b"\x80" * 50) + prop(b"Socket-Type", b"\xff"),
}


@pytest.mark.parametrize("what", OVERSIZED)
def test_metadata(guarded: Any, raw: Any, what: str) -> None:
    server = guarded("NULL")
    for metadata in (OVERSIZED[what], prop(b"Socket-Type", b"PUSH") + OVERSIZED[what]):
        give(server, raw, "NULL", frame(b"\x05READY" + metadata, COMMAND))
    server.goes_on()


def test_nobody_can_say_who_he_is(guarded: Any, raw: Any) -> None:
    """Properties that only the server's own side knows cannot come with the metadata."""
    server = guarded("NULL")
    stranger = raw(server.endpoint)
    stranger.send(greeting())
    fakes = prop(b"User-Id", b"root") + prop(b"Peer-Address", b"10.0.0.1")
    metadata = prop(b"Socket-Type", b"PUSH") + fakes + prop(b"X-mine", b"1")
    stranger.send(frame(b"\x05READY" + metadata, COMMAND) + frame(b"hello"))
    got = server.pull.recv(copy=False)
    assert got.bytes == b"hello"
    assert got.get("X-mine") == "1"
    assert got.get("Peer-Address") == "127.0.0.1"
    with raises_errno(errno.EINVAL):
        got.get("User-Id")


def test_commands_out_of_order(guarded: Any, mechanism: str, raw: Any) -> None:
    """Pipelined, so that the second is there before the first is answered."""
    server = guarded(mechanism)
    names = [b"HELLO", b"WELCOME", b"INITIATE", b"READY", b"ERROR"]
    for order in itertools.product(names, repeat=2):
        octets = b"".join(frame(bytes([len(name)]) + name + b"\1a\1b", COMMAND) for name in order)
        give(server, raw, mechanism, octets)
    server.goes_on()
