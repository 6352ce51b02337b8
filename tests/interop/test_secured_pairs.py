"""Every valid pair of socket types with CURVE and PLAIN, one of them libzmq's."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Iterator
from typing import Any

import nacl.bindings as sodium
import pytest

from tests.helpers import TIMEOUT, last_endpoint, raises_errno, readable, wait_until, zmq
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


PLAIN_SERVER = {"plain_server": 1, "zap_domain": b"test"}
PLAIN_CLIENT = {"plain_username": b"admin", "plain_password": b"secret"}
MECHANISMS = {"curve": (SERVER, CLIENT), "plain": (PLAIN_SERVER, PLAIN_CLIENT)}
QUICK = {("XPUB", "SUB"), ("REQ", "ROUTER")}
EVERY_PAIR = [
    pytest.param(pair, id="-".join(pair), marks=[] if pair in QUICK else pytest.mark.slow)
    for pair in PAIRS
]


@contextlib.contextmanager
def handlers_of(*makers: Any) -> Iterator[list[list[bytes]]]:
    """A ZAP handler in each context, which lets in whoever has admin's password or our key.

    What they were asked is collected.
    """
    asked: list[list[bytes]] = []
    good = ([b"admin", b"secret"], [CLIENT_PUBLIC])
    stopping = threading.Event()

    def serve(zap: Any) -> None:
        while not stopping.is_set():
            if zap.poll(20, zmq.POLLIN):
                request = zap.recv_multipart()
                asked.append(request)
                verdict = [b"200", b"OK", b"alice"] if request[6:] in good else [b"400", b"no", b""]
                zap.send_multipart([b"1.0", request[1], *verdict, b""])

    made = [maker("REP", bind="inproc://zeromq.zap.01") for maker in makers]
    threads = [threading.Thread(target=serve, args=(zap,)) for zap in made]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        stopping.set()
        for thread in threads:
            thread.join(TIMEOUT)


@pytest.fixture
def handlers(sock: Any, theirs: Any) -> Iterator[list[list[bytes]]]:
    """Both contexts'."""
    with handlers_of(sock, theirs) as asked:
        yield asked


@pytest.mark.parametrize("server", ["first", "second"])
@pytest.mark.parametrize("ours", ["first", "second"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("pair", EVERY_PAIR)
def test_pair(
    sock: Any,
    theirs: Any,
    endpoints: Any,
    handlers: list[list[bytes]],
    mechanism: str,
    pair: tuple[str, str],
    ours: str,
    server: str,
) -> None:
    """The server binds with one pair in two, so that roles and directions vary."""
    if pair[0] == "REQ" and ours == "second" and server == "first":
        pytest.skip("libzmq's REQ hears no reply once it has asked ZAP, not even from libzmq")
    first_options, second_options = options_of(pair)
    serving, calling = MECHANISMS[mechanism]
    roles = (serving, calling) if server == "first" else (calling, serving)
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
    assert handlers[0][5] == mechanism.upper().encode()


@pytest.mark.parametrize("mechanism", [*MECHANISMS, "null"])
def test_messages_say_who_sent_them(
    sock: Any, theirs: Any, handlers: list[list[bytes]], mechanism: str
) -> None:
    serving, calling = MECHANISMS.get(mechanism, ({"zap_domain": b"test"}, {}))
    pull = sock("PULL", bind="tcp://127.0.0.1:*", **serving)
    push = theirs("PUSH", connect=last_endpoint(pull), **calling)
    if mechanism == "null":  # the handler knows nobody by no credentials
        wait_until(lambda: handlers)
        assert handlers[0][2:] == [b"test", b"127.0.0.1", b"", b"NULL"]
        return
    push.send(b"hello")
    frame = pull.recv(copy=False)
    assert frame.get("User-Id") == "alice"
    assert frame.get("Socket-Type") == "PUSH"
    assert frame.get("Peer-Address") == "127.0.0.1"


@pytest.mark.parametrize("we_serve", [True, False])
def test_a_wrong_password(
    sock: Any, theirs: Any, monitor: Any, handlers: list[list[bytes]], we_serve: bool
) -> None:
    serve, call = (sock, theirs) if we_serve else (theirs, sock)
    pull = serve("PULL", **PLAIN_SERVER)
    push = call("PUSH", plain_username=b"admin", plain_password=b"wrong")
    watch = monitor(pull if we_serve else push)
    pull.bind("tcp://127.0.0.1:*")
    push.connect(last_endpoint(pull))
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_AUTH)[1] == 400
    assert not readable(pull)


def test_plain_without_a_handler(sock: Any, theirs: Any, monitor: Any) -> None:
    """Passwords that nobody judges let nobody in."""
    pull = sock("PULL", **PLAIN_SERVER)
    watch = monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    theirs("PUSH", connect=last_endpoint(pull), **PLAIN_CLIENT)
    assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)[1] == errno.EFAULT


@pytest.mark.parametrize("we_serve", [True, False])
@pytest.mark.parametrize("size", [0, 222, 223, 256, 65536, 3_000_000])
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
OTHERS: dict[str, dict[str, Any]] = {
    "another server key": STRANGER,
    "NULL": {},
    "PLAIN": PLAIN_CLIENT,
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
