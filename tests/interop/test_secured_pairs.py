"""Every valid pair of socket types with CURVE and PLAIN, one of them libzmq's."""

from __future__ import annotations

from typing import Any

import nacl.bindings as sodium
import pytest

from tests.helpers import last_endpoint, raises_errno, readable, zmq
from tests.interop.test_socket_pairs import PAIRS, options_of

SERVER_SECRET, CLIENT_SECRET, STRANGER_SECRET = (bytes([n]) * 32 for n in b"scx")
SERVER_PUBLIC = sodium.crypto_scalarmult_base(SERVER_SECRET)
CLIENT_PUBLIC = sodium.crypto_scalarmult_base(CLIENT_SECRET)

SERVER = {"curve_server": 1, "curve_secretkey": SERVER_SECRET}
CLIENT = {
    "curve_serverkey": SERVER_PUBLIC,
    "curve_publickey": CLIENT_PUBLIC,
    "curve_secretkey": CLIENT_SECRET,
}


@pytest.mark.parametrize("server", ["first", "second"])
@pytest.mark.parametrize("ours", ["first", "second"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_curve(
    sock: Any, theirs: Any, endpoints: Any, pair: tuple[str, str], ours: str, server: str
) -> None:
    """The server binds with one pair in two, so that roles and directions vary."""
    first_options, second_options = options_of(pair)
    roles = (SERVER, CLIENT) if server == "first" else (CLIENT, SERVER)
    first = (sock if ours == "first" else theirs)(pair[0], **first_options, **roles[0])
    second = (sock if ours == "second" else theirs)(pair[1], **second_options, **roles[1])
    if pair[1] == "SUB":
        second.setsockopt(zmq.SUBSCRIBE, b"topic")
    if pair[1] == "XSUB":
        second.send(b"\x01topic")
    bound, connected = (first, second) if ours == server else (second, first)
    bound.bind(endpoints.any("tcp" if server == "first" else "ipc"))
    connected.connect(last_endpoint(bound))

    PAIRS[pair](first, second)


@pytest.mark.parametrize("we_serve", [True, False])
@pytest.mark.parametrize("size", [0, 1, 222, 223, 255, 256, 65536, 3_000_000])
def test_sizes(sock: Any, theirs: Any, we_serve: bool, size: int) -> None:
    """The encrypted frame is longer than the message: both lengths have borders."""
    pull = (sock if we_serve else theirs)("PULL", bind="tcp://127.0.0.1:*", **SERVER)
    push = (theirs if we_serve else sock)("PUSH", connect=last_endpoint(pull), **CLIENT)
    for number in range(3):
        push.send_multipart([bytes([number]) * size, b"tail"])
    for number in range(3):
        assert pull.recv_multipart() == [bytes([number]) * size, b"tail"]


def test_keys_in_z85(sock: Any, theirs: Any) -> None:
    from peromq.z85 import encode

    server = {"curve_server": 1, "curve_secretkey": encode(SERVER_SECRET)}
    client = {name: encode(key) for name, key in CLIENT.items()}
    client["curve_serverkey"] += b"\0"  # C strings may come with their end
    for serving, calling in ((sock, theirs), (theirs, sock)):
        pull = serving("PULL", bind="tcp://127.0.0.1:*", **server)
        push = calling("PUSH", connect=last_endpoint(pull), **client)
        push.send(b"hello")
        assert pull.recv() == b"hello"


STRANGER = CLIENT | {"curve_serverkey": sodium.crypto_scalarmult_base(STRANGER_SECRET)}
PLAIN = {"plain_username": b"admin", "plain_password": b"secret"}
OTHERS: dict[str, dict[str, Any]] = {
    "another server key": STRANGER,
    "NULL": {},
    "PLAIN": PLAIN,
    "also a server": SERVER,
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("we_serve", [True, False])
def test_nobody_else_gets_in(
    sock: Any, theirs: Any, monitor: Any, caplog: Any, we_serve: bool, other: str
) -> None:
    """A failed handshake never downgrades, and is never silent."""
    caplog.set_level("INFO", "peromq")
    options = {"handshake_ivl": 200} if other == "also a server" else {}
    serve, call = (sock, theirs) if we_serve else (theirs, sock)
    pull = serve("PULL", **SERVER, **options)
    push = call("PUSH", **OTHERS[other], **options)
    mine = pull if we_serve else push
    watch = monitor(mine)
    pull.bind("tcp://127.0.0.1:*")
    push.connect(last_endpoint(pull))
    watch.wait(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
        zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    )
    assert not readable(pull)
    assert zmq.EVENT_HANDSHAKE_SUCCEEDED not in [event for event, _, _ in watch.seen]
    text = caplog.text
    assert "handshake failed" in text
    assert last_endpoint(pull) in text or not we_serve
    for secret in (SERVER_SECRET, CLIENT_SECRET, b"secret"):
        assert repr(secret)[2:-1] not in text


@pytest.mark.parametrize(("options", "text"), [
    ({"curve_server": 1}, "server needs CURVE_SECRETKEY"),
    ({"curve_serverkey": SERVER_PUBLIC}, "client needs CURVE_PUBLICKEY"),
    ({"curve_secretkey": CLIENT_SECRET}, "client needs CURVE_SERVERKEY"),
    (CLIENT | {"curve_publickey": SERVER_PUBLIC}, "not the one that belongs to"),
])  # fmt: skip
def test_missing_and_mixed_up_keys(sock: Any, options: dict[str, Any], text: str) -> None:
    """libzmq says nothing, and never connects."""
    made = sock("REP", **options)
    for call in (made.bind, made.connect):
        with raises_errno(zmq.EINVAL) as caught:
            call("tcp://127.0.0.1:1")
        assert text in str(caught.value)
