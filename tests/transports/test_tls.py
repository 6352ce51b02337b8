"""tls:// through the public API: who is let in, who is told why not, and what arrives."""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests import certificates
from tests.certificates import client, identity, server
from tests.helpers import (
    TIMEOUT,
    Monitor,
    Sockets,
    dial,
    last_endpoint,
    new_context,
    raises_errno,
    wait_until,
    zmq,
)
from tests.raw_zmtp import greeting
from tests.sharedfixtures import ctx, endpoints, monitor, sock

__all__ = ["ctx", "endpoints", "monitor", "sock"]

ANY = "tls://127.0.0.1:*"
Watch = Callable[[Any], Monitor]


def watched_server(sock: Any, monitor: Watch, **options: Any) -> tuple[Any, Monitor]:
    """A bound PULL and its events."""
    pull = sock("PULL", **options)
    events = monitor(pull)
    pull.bind(ANY)
    return pull, events


def refused(events: Monitor) -> None:
    """The handshake fails as one in which cryptography does."""
    _, value, _ = events.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    assert value == zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC


def logged(caplog: pytest.LogCaptureFixture, part: str) -> str:
    """The text with this part, which is logged sooner or later."""

    def texts() -> list[str]:
        return [record.getMessage() for record in caplog.records]

    wait_until(lambda: any(part in text for text in texts()), what=f"a log record with {part!r}")
    return next(text for text in texts() if part in text)


# ---------------------------------------------------------------- what is missing is said at once


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "WSS_CERT_PEM"),
        ({"tls_key_pem": b"k"}, "WSS_CERT_PEM"),
        ({"tls_cert_pem": b"c"}, "WSS_KEY_PEM"),
        ({"tls_cert_pem": b"c", "tls_key_pem": b"k"}, "WSS_CERT_PEM and WSS_KEY_PEM"),
        (server() | {"tls_verify_client": 1}, "WSS_TRUST_PEM"),
        (server(tls_verify_client=1, tls_trust_pem=b"no certificate"), "WSS_TRUST_PEM"),
        (server(tls_key_pem=identity("other")["tls_key_pem"]), "mismatch"),
    ],
)
def test_bind_says_what_is_missing(sock: Any, options: dict[str, Any], missing: str) -> None:
    pull = sock("PULL", **options)
    with raises_errno(errno.EINVAL) as caught:
        pull.bind(ANY)
    assert missing in str(caught.value)
    assert ANY in str(caught.value)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "WSS_TRUST_PEM or WSS_TRUST_SYSTEM"),
        ({"tls_trust_pem": b"no certificate"}, "WSS_TRUST_PEM"),
        (client(tls_cert_pem=b"c"), "WSS_CERT_PEM"),
    ],
)
def test_connect_says_what_is_missing(sock: Any, options: dict[str, Any], missing: str) -> None:
    push = sock("PUSH", **options)
    with raises_errno(errno.EINVAL) as caught:
        push.connect("tls://127.0.0.1:1")
    assert missing in str(caught.value)


def test_an_encrypted_key_is_not_asked_for_at_the_terminal(sock: Any) -> None:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(server()["tls_key_pem"], None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    pull = sock("PULL", **server(tls_key_pem=locked))
    with raises_errno(errno.EINVAL) as caught:
        pull.bind(ANY)
    assert "encrypted" in str(caught.value)


def test_the_key_is_no_readable_option(sock: Any) -> None:
    pull = sock("PULL", **server())
    with raises_errno(errno.EINVAL):
        pull.get(zmq.TLS_KEY_PEM)
    assert zmq.TLS_KEY_PEM is zmq.WSS_KEY_PEM
    assert zmq.has("tls")


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.0.0.1:0", "*:5555", "a b:1", "h:70000"])
def test_addresses_are_tcps(sock: Any, address: str) -> None:
    with raises_errno(errno.EINVAL) as caught:
        sock("PUSH", **client()).connect(f"tls://{address}")
    assert f"tls://{address}" in str(caught.value)


# ---------------------------------------------------------------- who is who


def test_round_trip(sock: Any, monitor: Watch) -> None:
    rep = sock("REP", **server())
    events = monitor(rep)
    rep.bind(ANY)
    assert last_endpoint(rep).startswith("tls://127.0.0.1:")
    req = sock("REQ", connect=last_endpoint(rep), **client())
    req.send_multipart([b"a", b"", b"c" * 100_000])
    frames = rep.recv_multipart(copy=False)
    assert [frame.bytes for frame in frames] == [b"a", b"", b"c" * 100_000]
    assert frames[0].get("Peer-Address") == "127.0.0.1"
    rep.send(b"reply")
    assert req.recv() == b"reply"
    assert events.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)[2] == last_endpoint(rep)


def test_it_is_tls_1_3_and_nothing_less(sock: Any) -> None:
    pull = sock("PULL", bind=ANY, **server())
    context = ssl.create_default_context(cadata=client()["tls_trust_pem"].decode())
    with (
        dial(last_endpoint(pull)) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        assert tls.version() == "TLSv1.3"
        tls.sendall(greeting())
        assert tls.recv(1) == b"\xff"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        dial(last_endpoint(pull)) as connection,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_an_untrusted_server_is_refused(
    sock: Any, monitor: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    options = identity("127.0.0.1", by=certificates.stranger())
    pull, theirs = watched_server(sock, monitor, **options)
    push = sock("PUSH", reconnect_ivl=5, **client())
    ours = monitor(push)
    push.connect(last_endpoint(pull))
    for _ in range(3):  # certificates can be mended: it comes again
        refused(ours)
    refused(theirs)
    text = logged(caplog, "certificate is not accepted")
    assert last_endpoint(pull) in text
    assert caplog.text.count("not accepted") == 1  # however often it tries
    logged(caplog, "refuses us")


def test_the_name_is_checked(sock: Any, monitor: Watch, caplog: pytest.LogCaptureFixture) -> None:
    pull = sock("PULL", bind=ANY, **identity("elsewhere.example"))
    push = sock("PUSH", reconnect_ivl=1000, **client())
    events = monitor(push)
    push.connect(last_endpoint(pull))
    refused(events)
    logged(caplog, "IP address mismatch")
    named = sock("PUSH", connect=last_endpoint(pull), **client(tls_hostname=b"elsewhere.example"))
    named.send(b"that is whom I meant")
    assert pull.recv() == b"that is whom I meant"


def test_reconnect_stop_ends_it(sock: Any, monitor: Watch) -> None:
    pull = sock("PULL", bind=ANY, **identity("elsewhere.example"))
    push = sock("PUSH", reconnect_stop=zmq.RECONNECT_STOP_HANDSHAKE_FAILED, **client())
    events = monitor(push)
    endpoint = last_endpoint(pull)
    push.connect(endpoint)
    refused(events)
    wait_until(lambda: not connected(push, endpoint))


def connected(sock: Any, endpoint: str) -> bool:
    try:
        sock.disconnect(endpoint)
    except zmq.ZMQError:
        return False
    sock.connect(endpoint)
    return True


def test_a_client_may_be_asked_who_it_is(
    sock: Any, monitor: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pull, events = watched_server(sock, monitor, **server(tls_verify_client=1), **client())
    nobody = sock("PUSH", connect=last_endpoint(pull), reconnect_ivl=1000, **client())
    refused(events)
    logged(caplog, "shows no certificate")
    known = sock("PUSH", connect=last_endpoint(pull), **identity("client"), **client())
    known.send(b"known")
    assert pull.recv() == b"known"
    nobody.close(linger=0)
    options = identity("client", by=certificates.stranger())
    other = sock("PUSH", reconnect_ivl=1000, **options, **client())
    theirs = monitor(other)
    other.connect(last_endpoint(pull))
    refused(theirs)  # though with TLS 1.3 it thought it was through


# ---------------------------------------------------------------- strangers


def test_a_plain_peer_is_told_apart(
    sock: Any, monitor: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pull, events = watched_server(sock, monitor, **server())
    address = last_endpoint(pull).removeprefix("tls")
    push = sock("PUSH", connect=f"tcp{address}", reconnect_ivl=1000)
    refused(events)
    logged(caplog, "not TLS")
    push.close(linger=0)
    plain = sock("PULL", bind="tcp://127.0.0.1:*")
    secure = sock("PUSH", reconnect_ivl=1000, **client())
    theirs = monitor(secure)
    secure.connect(last_endpoint(plain).replace("tcp", "tls"))
    refused(theirs)


def test_silence_ends_with_the_handshake_interval(sock: Any, monitor: Watch) -> None:
    pull, events = watched_server(sock, monitor, handshake_ivl=50, **server())
    with dial(last_endpoint(pull)) as silent:
        _, value, _ = events.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
        assert value == errno.ETIMEDOUT
        assert silent.recv(1) == b""


def test_closing_in_the_middle_of_the_handshake(sock: Any) -> None:
    """No word from the other side: both ends of the relay go with the socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        push = sock("PUSH", **client())
        push.connect(f"tls://127.0.0.1:{listener.getsockname()[1]}")
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(TIMEOUT)
            assert peer.recv(10_000)
            push.close(linger=0)
            assert peer.recv(10_000) == b""


@pytest.mark.parametrize("cut", [1, 5, 100, 300])
def test_a_peer_that_leaves_in_the_handshake(sock: Any, monitor: Watch, cut: int) -> None:
    pull, events = watched_server(sock, monitor, **server())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with dial(last_endpoint(pull)) as leaver:
        leaver.sendall(outgoing.read()[:cut])
    events.wait(zmq.EVENT_DISCONNECTED)
    push = sock("PUSH", connect=last_endpoint(pull), **client())
    push.send(b"others are served")
    assert pull.recv() == b"others are served"


def test_rubbish_behind_the_handshake_ends_the_connection(sock: Any, monitor: Watch) -> None:
    pull, events = watched_server(sock, monitor, **server())
    context = ssl.create_default_context(cadata=client()["tls_trust_pem"].decode())
    with (
        dial(last_endpoint(pull)) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        with socket.socket(fileno=os.dup(tls.fileno())) as below:
            below.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        refused(events)
        with pytest.raises(OSError, match=r"."):  # an alert, or the connection is gone
            read_on(tls)


def read_on(tls: ssl.SSLSocket) -> None:
    while tls.recv(100):
        pass
    raise ConnectionResetError


# ---------------------------------------------------------------- nothing is lost at the end


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_what_was_sent_before_close_and_term_arrives(size: int) -> None:
    with new_context() as theirs, new_context() as ours:
        pull = Sockets(theirs)("PULL", bind=ANY, **server())
        push = Sockets(ours)("PUSH", connect=last_endpoint(pull), **client())
        for n in range(20):
            push.send(bytes([n]) * size)
        push.close(linger=-1)
        ender = threading.Thread(target=ours.term)
        ender.start()
        for n in range(20):
            assert pull.recv() == bytes([n]) * size
        ender.join(TIMEOUT)
        assert not ender.is_alive()
        pull.close(linger=0)


def test_linger_has_an_end_when_the_peer_does_not_read() -> None:
    """The data plane has written to the relay; what the relay has nobody takes."""
    with socket.create_server(("127.0.0.1", 0)) as listener, new_context() as context:
        endpoint = f"tls://127.0.0.1:{listener.getsockname()[1]}"
        push = Sockets(context)("PUSH", connect=endpoint, **client())
        peer, _ = listener.accept()
        with peer, server_side(peer) as tls:
            tls.sendall(greeting() + b"\x04\x1b\x05READY\x0bSocket-Type\x00\x00\x00\x04PULL")
            received = 0
            while received < 64 + 20:
                received += len(tls.recv(100))
            push.send(bytes(64_000_000), copy=False)
            push.close(linger=100)
            context.term()  # hangs if nobody sees to it


def server_side(connection: socket.socket) -> ssl.SSLSocket:
    connection.settimeout(TIMEOUT)
    made = certificates.authority().issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.configure_cert(context)
    return context.wrap_socket(connection, server_side=True)
