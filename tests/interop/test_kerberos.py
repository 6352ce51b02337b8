"""GSSAPI with a real KDC, among ourselves and with Debian's libzmq (pyzmq's wheel has none)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import kerberos
from tests.helpers import Sockets, last_endpoint, raises_errno, readable, terminate, zmq
from tests.interop import libzmq_ctypes
from tests.interop.test_socket_pairs import one_way
from tests.kerberos import realm

pytestmark = kerberos.MARKS

__all__ = ["realm"]

SERVICE, SERVER, CLIENT = kerberos.SERVICE, kerberos.SERVER, kerberos.CLIENT
CLEAR = {"gssapi_plaintext": 1}
# libzmq 4.3.4 cannot even talk to itself with GSSAPI_PRINCIPAL: the name it imports ends in a NUL.
LIBZMQ_SERVER = {"gssapi_server": 1}


@pytest.fixture
def libzmq() -> Iterator[Any]:
    lib = libzmq_ctypes.load()
    if lib is None:
        pytest.skip("libzmq.so.5 is not installed")
    context = libzmq_ctypes.Context(lib)
    sockets = Sockets(context)
    yield sockets
    sockets.close()
    terminate(context)


@pytest.fixture
def handler(ctx: Any, sock: Any) -> Any:
    return sock("REP", bind="inproc://zeromq.zap.01")


def answer(handler: Any, status: bytes = b"200") -> list[bytes]:
    request: list[bytes] = handler.recv_multipart()
    handler.send_multipart([b"1.0", request[1], status, b"", b"alice", b""])
    return request


@pytest.mark.parametrize("options", [{}, CLEAR], ids=["encrypted", "clear"])
def test_among_ourselves(realm: Any, sock: Any, handler: Any, options: dict[str, int]) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*", **SERVER, **options)
    push = sock("PUSH", connect=last_endpoint(pull), **CLIENT, **options)
    assert answer(handler)[5:] == [b"GSSAPI", realm.user_princ.encode()]
    one_way(push, pull)
    push.send_multipart([b"x" * 3_000_000, b""])
    assert pull.recv() == b"x" * 3_000_000
    frame = pull.recv(copy=False)
    assert frame.get("User-Id") == "alice"


def test_requests_and_subscriptions(realm: Any, sock: Any) -> None:
    xpub = sock("XPUB", bind="tcp://127.0.0.1:*", **SERVER)
    sub = sock("SUB", connect=last_endpoint(xpub), subscribe=b"top", **CLIENT)
    assert xpub.recv() == b"\x01top"
    xpub.send(b"topic")
    assert sub.recv() == b"topic"
    rep = sock("REP", bind="tcp://127.0.0.1:*", **SERVER)
    req = sock(
        "REQ", connect=last_endpoint(rep), heartbeat_ivl=20, heartbeat_timeout=10_000, **CLIENT
    )
    for number in range(50):
        req.send(b"%d" % number)
        assert rep.recv() == b"%d" % number
        rep.send(b"ok")
        assert req.recv() == b"ok"


@pytest.mark.debian_libzmq
@pytest.mark.parametrize("options", [{}, CLEAR], ids=["encrypted", "clear"])
@pytest.mark.parametrize("we_serve", [True, False])
@pytest.mark.parametrize("we_bind", [True, False])
def test_with_libzmq(
    realm: Any, sock: Any, libzmq: Any, options: dict[str, int], we_serve: bool, we_bind: bool
) -> None:
    ours = sock("DEALER", **(SERVER if we_serve else CLIENT), **options)
    theirs = libzmq("DEALER", **(CLIENT if we_serve else LIBZMQ_SERVER), **options)
    bound, connected = (ours, theirs) if we_bind else (theirs, ours)
    bound.bind("tcp://127.0.0.1:*")
    connected.connect(last_endpoint(bound))
    for left, right in ((ours, theirs), (theirs, ours)):
        for size in (0, 1, 200, 256, 100_000):
            left.send_multipart([b"a" * size, b"tail"])
            assert right.recv_multipart() == [b"a" * size, b"tail"]


@pytest.mark.debian_libzmq
@pytest.mark.parametrize("kind", [0, 2])
def test_name_types(realm: Any, sock: Any, libzmq: Any, kind: int) -> None:
    name = (SERVICE if kind == 0 else realm.host_princ).encode()
    options = {"gssapi_service_principal": name, "gssapi_service_principal_nametype": kind}
    ours = {"gssapi_principal": name, "gssapi_principal_nametype": kind, "gssapi_server": 1}
    user = {"gssapi_principal": realm.user_princ.encode(), "gssapi_principal_nametype": 2}
    for pull, calling, client in (
        (sock("PULL", **ours), libzmq, {}),
        (sock("PULL", **ours), sock, user),
        (libzmq("PULL", **LIBZMQ_SERVER), sock, user),
    ):
        pull.bind("tcp://127.0.0.1:*")
        push = calling("PUSH", connect=last_endpoint(pull), **options, **client)
        push.send(b"hello")
        assert pull.recv() == b"hello"


def test_a_name_that_zap_does_not_want(realm: Any, sock: Any, monitor: Any, handler: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*", **SERVER)
    push = sock("PUSH", **CLIENT)
    watch = monitor(push)
    push.connect(last_endpoint(pull))
    answer(handler, b"400")
    _, value, _ = watch.wait(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    assert value == 400
    assert not readable(pull)


def test_a_client_without_a_ticket(
    realm: Any, sock: Any, monitor: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*", **SERVER)
    monkeypatch.setenv("KRB5CCNAME", realm.env["KRB5CCNAME"] + "-none")
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", realm.env["KRB5_CLIENT_KTNAME"] + "-none")
    push = sock("PUSH", **CLIENT)
    watch = monitor(push)
    push.connect(last_endpoint(pull))
    watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
    assert "no ticket for us" in caplog.text
    assert not readable(pull)


def test_a_server_without_a_key(realm: Any, sock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_KTNAME", realm.env["KRB5_KTNAME"] + "-none")
    rep = sock("REP", **SERVER)
    with raises_errno(zmq.EINVAL) as caught:
        rep.bind("tcp://127.0.0.1:*")
    assert "needs a key for its principal" in str(caught.value)


def test_a_client_that_does_not_say_whom_it_wants(realm: Any, sock: Any) -> None:
    req = sock("REQ", gssapi_principal=b"user")
    with raises_errno(zmq.EINVAL) as caught:
        req.connect("tcp://127.0.0.1:1")
    assert "needs GSSAPI_SERVICE_PRINCIPAL" in str(caught.value)


def test_strangers(realm: Any, sock: Any, raw: Any, monitor: Any) -> None:
    pull = sock("PULL", **SERVER)
    watch = monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    for wire in (b"\x04\x0d\x08INITIATE\0\0\0\1", b"\x04\x11\x08INITIATE\0\0\0\x04junk", b"\x04\0"):
        peer = raw(last_endpoint(pull))
        peer.send(b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"GSSAPI".ljust(20, b"\0") + bytes(32))
        peer.send(wire)
        assert len(peer.expect_closed()) == 64
        watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
