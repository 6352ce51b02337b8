"""`wait_connected`: is there a connection, and if not, why? In every style of waiting."""

from __future__ import annotations

import errno
import socket as stdsocket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import peromq as zmq
import peromq.asyncio
from peromq.utils.monitor import recv_monitor_message
from tests.helpers import TIMEOUT, new_context, wait_until


@pytest.fixture
def context() -> Iterator[Any]:
    with new_context() as made:
        yield made


@pytest.fixture
def sock(context: Any) -> Iterator[Callable[..., Any]]:
    made_here: list[Any] = []

    def make(kind: int, **options: Any) -> Any:
        made = context.socket(kind)
        made_here.append(made)
        made.linger = 0
        for name, value in options.items():
            setattr(made, name, value)
        return made

    yield make
    for made in made_here:
        made.close()


def closed_port() -> str:
    with stdsocket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{sock.getsockname()[1]}"


def bound(sock: Any, **options: Any) -> tuple[Any, str]:
    server = sock(zmq.PULL, **options)
    server.bind("tcp://127.0.0.1:*")
    return server, server.last_endpoint.decode()


def test_it_returns_when_hands_are_shaken(sock: Any) -> None:
    server, endpoint = bound(sock)
    client = sock(zmq.PUSH)
    client.connect(endpoint)
    client.wait_connected(endpoint, timeout=TIMEOUT)
    client.wait_connected(timeout=0)
    client.wait_connected(endpoint.encode())
    server.close()


def test_refused(sock: Any) -> None:
    endpoint = closed_port()
    client = sock(zmq.PUSH)
    client.connect(endpoint)
    with pytest.raises(zmq.ConnectError, match="refused") as caught:
        client.wait_connected(timeout=TIMEOUT)
    assert caught.value.errno == errno.ECONNREFUSED
    assert caught.value.endpoint == endpoint
    assert caught.value.reason == "Connection refused"
    assert endpoint in str(caught.value)
    assert not isinstance(caught.value, zmq.HandshakeError)


def test_refused_for_good(sock: Any) -> None:
    client = sock(zmq.PUSH, reconnect_ivl=-1)
    client.connect(closed_port())
    for patient in (False, True):
        with pytest.raises(zmq.ConnectError, match="refused"):
            client.wait_connected(timeout=TIMEOUT, patient=patient)


def test_the_patient_wait_for_the_server(sock: Any) -> None:
    endpoint = closed_port()
    client = sock(zmq.PUSH, reconnect_ivl=10)
    client.connect(endpoint)
    with pytest.raises(zmq.ConnectError):
        client.wait_connected(timeout=TIMEOUT)
    server = sock(zmq.PULL)
    server.bind(endpoint)
    client.wait_connected(endpoint, timeout=TIMEOUT, patient=True)


def test_the_patient_are_told_at_last(sock: Any) -> None:
    endpoint = closed_port()
    client = sock(zmq.PUSH, reconnect_ivl=10)
    client.connect(endpoint)
    with pytest.raises(
        zmq.ConnectTimeout, match=r"within 0\.5 s; last: Connection refused"
    ) as caught:
        client.wait_connected(timeout=0.5, patient=True)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, zmq.ConnectError)
    assert caught.value.errno == errno.ETIMEDOUT
    assert caught.value.endpoint == endpoint


def test_no_such_name(sock: Any, monkeypatch: Any) -> None:
    def unknown(*_: object) -> Any:
        raise stdsocket.gaierror(stdsocket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("peromq.unpatched.getaddrinfo", unknown)
    client = sock(zmq.PUSH)
    client.connect("tcp://no-such-host.invalid:5555")
    with pytest.raises(zmq.ConnectError, match="Name or service not known") as caught:
        client.wait_connected(timeout=TIMEOUT)
    assert caught.value.errno == errno.ENODEV


def test_a_handshake_that_fails(sock: Any, caplog: Any) -> None:
    """The types do not fit."""
    _, endpoint = bound(sock)
    client = sock(zmq.SUB)
    client.connect(endpoint)
    with pytest.raises(zmq.HandshakeError) as caught:
        client.wait_connected(timeout=TIMEOUT)
    assert caught.value.mechanism == "NULL"
    assert caught.value.endpoint == endpoint
    assert "PULL" in caught.value.reason
    assert "NULL handshake failed" in str(caught.value)


def test_a_handshake_of_another_mechanism(sock: Any, caplog: Any) -> None:
    public, secret = zmq.curve_keypair()
    _, endpoint = bound(sock, curve_server=1, curve_secretkey=secret, curve_publickey=public)
    client = sock(zmq.PUSH)
    client.connect(endpoint)
    with pytest.raises(zmq.HandshakeError):
        client.wait_connected(timeout=TIMEOUT)


def test_a_peer_that_says_nothing(sock: Any) -> None:
    with stdsocket.create_server(("127.0.0.1", 0)) as mute:
        client = sock(zmq.PUSH)
        client.connect(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(zmq.ConnectTimeout, match="no connection within"):
            client.wait_connected(timeout=0.05)


def test_a_name_that_is_taken(sock: Any, caplog: Any) -> None:
    router = sock(zmq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    clients = [sock(zmq.DEALER, routing_id=b"same") for _ in range(2)]
    for client in clients:
        client.connect(router.last_endpoint)
        if client is clients[0]:
            client.wait_connected(timeout=TIMEOUT)
    with pytest.raises(zmq.HandshakeError, match="closed the connection"):
        clients[1].wait_connected(timeout=TIMEOUT)


def test_all_or_one(sock: Any) -> None:
    _, good = bound(sock)
    bad = closed_port()
    client = sock(zmq.PUSH)
    client.connect(good)
    client.connect(bad)
    client.wait_connected(good, timeout=TIMEOUT)
    with pytest.raises(zmq.ConnectError, match=bad):
        client.wait_connected(timeout=TIMEOUT)
    client.disconnect(bad)
    client.wait_connected(timeout=TIMEOUT)


def test_after_the_server_was_away(sock: Any) -> None:
    server, endpoint = bound(sock)
    client = sock(zmq.PUSH, reconnect_ivl=10)
    client.connect(endpoint)
    client.wait_connected(timeout=TIMEOUT)
    server.close()
    wait_until(lambda: fails(client))
    again = sock(zmq.PULL)
    again.bind(endpoint)
    client.wait_connected(timeout=TIMEOUT, patient=True)


def fails(client: Any) -> bool:
    try:
        client.wait_connected(timeout=TIMEOUT)
    except zmq.ConnectError:
        return True
    return False


def test_nothing_to_wait_for(sock: Any) -> None:
    server, endpoint = bound(sock)
    for where in (None, endpoint):
        with pytest.raises(zmq.ZMQError) as caught:
            server.wait_connected(where)
        assert caught.value.errno == errno.ENOENT


def test_inproc(sock: Any) -> None:
    client, server = sock(zmq.PUSH), sock(zmq.PULL)
    client.connect("inproc://later")
    with pytest.raises(zmq.ConnectTimeout):
        client.wait_connected(timeout=0)
    server.bind("inproc://later")
    client.wait_connected("inproc://later", timeout=0)
    other = sock(zmq.PUSH)
    other.connect("inproc://later")
    other.wait_connected(timeout=0)


def test_udp_has_no_connections(sock: Any) -> None:
    radio = sock(zmq.RADIO)
    radio.connect("udp://127.0.0.1:5555")
    radio.wait_connected(timeout=0)


@pytest.mark.parametrize("bind_first", [True, False])
def test_inproc_a_name_that_is_taken(
    context: Any, sock: Any, caplog: Any, bind_first: bool
) -> None:
    """libzmq leaves such a peer deaf, and says nothing."""
    router = sock(zmq.ROUTER)
    clients = [sock(zmq.DEALER, routing_id=b"same") for _ in range(2)]
    monitor = router.get_monitor_socket(zmq.EVENT_ALL_V2 | zmq.EVENT_DETAILS, version=2)
    if bind_first:
        router.bind("inproc://names")
    for client in clients:
        client.connect("inproc://names")
    if not bind_first:
        router.bind("inproc://names")
    clients[0].wait_connected(timeout=0)
    for patient in (False, True):
        with pytest.raises(zmq.ConnectError, match="another peer has the routing id") as caught:
            clients[1].wait_connected(timeout=0, patient=patient)
        assert caught.value.errno == errno.EADDRINUSE
    event = recv_monitor_message(monitor, zmq.DONTWAIT)
    assert event["event"] == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    assert (event["value"], event["routing_id"]) == (errno.EADDRINUSE, b"same")
    assert event["local"] == b"inproc://names"
    assert "a peer is ignored: another peer has the routing id b'same'" in caplog.text
    assert [peer.ignored for peer in router.statistics().peers] == [False, True]
    caplog.clear()
    router.router_handover = 1
    newest = sock(zmq.DEALER, routing_id=b"same")
    newest.connect("inproc://names")
    newest.wait_connected(timeout=0)
    assert not caplog.text
    monitor.close()


def test_for_ever(sock: Any) -> None:
    _, endpoint = bound(sock)
    client = sock(zmq.PUSH)
    client.connect(endpoint)
    for timeout in (float("inf"), 1e300):
        client.wait_connected(timeout=timeout)


@pytest.mark.parametrize("end", ["close", "shutdown"])
def test_the_end_wakes_who_waits(context: Any, sock: Any, end: str) -> None:
    with stdsocket.create_server(("127.0.0.1", 0)) as mute:
        client = sock(zmq.PUSH)
        client.connect(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
        errors: list[int] = []

        def wait() -> None:
            try:
                client.wait_connected()
            except zmq.ZMQError as error:
                errors.append(error.errno or 0)

        thread = threading.Thread(target=wait)
        thread.start()
        client.close() if end == "close" else context.shutdown()
        thread.join(TIMEOUT)
        client.close()
    assert errors == [zmq.ENOTSOCK if end == "close" else zmq.ETERM]


def test_what_is_over_is_forgotten_in_the_end(sock: Any) -> None:
    client = sock(zmq.PUSH, reconnect_ivl=-1)
    endpoints = [closed_port() for _ in range(70)]
    for endpoint in endpoints:
        client.connect(endpoint)
        with pytest.raises(zmq.ConnectError):
            client.wait_connected(endpoint, timeout=TIMEOUT)
    wait_until(lambda: len(client._state.links._links) == 64)


async def both_ways(context: Any) -> None:
    with context, context.socket(zmq.PULL) as server, context.socket(zmq.PUSH) as client:
        endpoint = closed_port()
        client.linger = server.linger = 0
        client.reconnect_ivl = 10
        client.connect(endpoint)
        with pytest.raises(zmq.ConnectError, match="refused"):
            await client.wait_connected(timeout=TIMEOUT)
        server.bind(endpoint)
        await client.wait_connected(endpoint, timeout=TIMEOUT, patient=True)
        client.connect("inproc://nobody")
        with pytest.raises(zmq.ConnectTimeout):
            await client.wait_connected(timeout=0.01)


def test_asyncio() -> None:
    import asyncio

    asyncio.run(both_ways(peromq.asyncio.Context()))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(backend: str) -> None:
    anyio = pytest.importorskip("anyio")
    pytest.importorskip(backend)
    import peromq.anyio

    anyio.run(both_ways, peromq.anyio.Context(), backend=backend)


def test_a_cancelled_wait_leaves_nothing() -> None:
    import asyncio

    async def main() -> None:
        with peromq.asyncio.Context() as context, context.socket(zmq.PUSH) as client:
            client.linger = 0
            client.connect("inproc://nobody")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.wait_connected(), 0.01)
            assert client._state.links._watchers == []

    asyncio.run(main())
