"""Connecting through a SOCKS5 proxy: as libzmq does it, and what else may happen."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests import certificates
from tests.helpers import QUIET_MS, Monitor, last_endpoint, raises_errno, zmq
from tests.socksproxy import SocksProxy, answering

LOGIN = (b"user", b"secret")
pytestmark = pytest.mark.no_sanitizer


def passes(front: Any, back: Any) -> None:
    front.send(b"through the proxy")
    assert back.recv() == b"through the proxy"


def port_of(sock: Any) -> int:
    return int(last_endpoint(sock).rpartition(":")[2])


@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
def test_a_proxy_in_between(sock: Any, login: tuple[bytes, bytes] | None) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    with SocksProxy(login) as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode())
        if login:
            push.socks_username, push.socks_password = login
        push.connect(last_endpoint(pull))
        passes(push, pull)
        greeting, *_, request = proxy.next_said()
        assert greeting == (b"\x05\x01\x02" if login else b"\x05\x01\x00")
        assert request == b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port_of(pull).to_bytes(2, "big")


def test_the_proxy_resolves_names(sock: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    with SocksProxy(names={b"no.such.example": "127.0.0.1"}) as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode())
        push.connect(f"tcp://no.such.example:{port_of(pull)}")
        passes(push, pull)


def test_ipv6_on_either_leg(sock: Any) -> None:
    pull = sock("PULL", ipv6=1, bind="tcp://[::1]:*")
    with SocksProxy() as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode())
        push.connect(last_endpoint(pull))
        passes(push, pull)
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    with SocksProxy(family=socket.AF_INET6) as proxy:
        push = sock("PUSH", ipv6=1, socks_proxy=proxy.address.encode())
        push.connect(last_endpoint(pull))
        passes(push, pull)


@pytest.mark.parametrize("scheme", ["tls", "ws", "wss"])
def test_other_transports_on_tcp_go_through_it_too(sock: Any, scheme: str) -> None:
    pull = sock("PULL", bind=f"{scheme}://127.0.0.1:*", **certificates.server())
    with SocksProxy() as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode(), **certificates.client())
        push.connect(last_endpoint(pull))
        passes(push, pull)
        assert len(proxy.next_said()) == 2


def test_events_of_a_connection(sock: Any, monitor: Callable[[Any], Monitor]) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    with SocksProxy() as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode())
        events = monitor(push)
        push.connect(last_endpoint(pull))
        events.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        assert [event for event, _, _ in events.seen] == [
            zmq.EVENT_CONNECT_DELAYED,
            zmq.EVENT_CONNECTED,
            zmq.EVENT_HANDSHAKE_SUCCEEDED,
        ]
        # ours are about the peer's endpoint; libzmq names the proxy here
        assert {endpoint for _, _, endpoint in events.seen} == {last_endpoint(pull)}


def test_a_refusal_is_reported_and_tried_again(
    sock: Any, monitor: Callable[[Any], Monitor], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "peromq")
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    with SocksProxy(reply=b"\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00") as proxy:
        push = sock("PUSH", reconnect_ivl=10, socks_proxy=proxy.address.encode())
        events = monitor(push)
        push.connect(last_endpoint(pull))
        for _ in range(2):
            events.wait(zmq.EVENT_CLOSED)
            events.wait(zmq.EVENT_CONNECT_RETRIED)
        assert zmq.EVENT_CONNECTED not in [event for event, _, _ in events.seen]
        proxy.reply = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
        passes(push, pull)
    assert [r.getMessage() for r in caplog.records if "SOCKS" in r.getMessage()] == [
        f"PUSH {last_endpoint(pull)}: SOCKS proxy: host unreachable (No route to host)"
    ]


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"",),
        (b"\x05\xff",),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"\x05\x00", b"\x05\x00\x00"),
    ],
)
def test_proxies_that_are_none(sock: Any, monitor: Callable[[Any], Monitor], answers: Any) -> None:
    with answering(*answers) as address:
        push = sock("PUSH", reconnect_ivl=10, socks_proxy=address.encode())
        events = monitor(push)
        push.connect("tcp://127.0.0.1:9")
        events.wait(zmq.EVENT_CLOSED)
        events.wait(zmq.EVENT_CONNECT_RETRIED)
        push.disconnect("tcp://127.0.0.1:9")


def test_a_wrong_login(sock: Any, monitor: Callable[[Any], Monitor]) -> None:
    with SocksProxy(LOGIN) as proxy:
        push = sock("PUSH", reconnect_ivl=10, socks_proxy=proxy.address.encode())
        push.socks_username, push.socks_password = b"user", b"guess"
        events = monitor(push)
        push.connect("tcp://127.0.0.1:9")
        events.wait(zmq.EVENT_CLOSED)
        assert proxy.next_said() == [b"\x05\x01\x02", b"\x01\x04user\x05guess"]


def test_refused_by_the_peers_host_stops_if_asked_to(
    sock: Any, monitor: Callable[[Any], Monitor]
) -> None:
    with SocksProxy(reply=b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00") as proxy:
        push = sock("PUSH", reconnect_stop=zmq.RECONNECT_STOP_CONN_REFUSED)
        push.socks_proxy = proxy.address.encode()
        events = monitor(push)
        push.connect("tcp://127.0.0.1:9")
        events.wait(zmq.EVENT_CLOSED)
        assert events.next(QUIET_MS / 1000) is None
        with raises_errno(errno.ENOENT):
            push.disconnect("tcp://127.0.0.1:9")


@pytest.mark.parametrize("limit", [{"connect_timeout": 50}, {"handshake_ivl": 50}], ids=str)
def test_a_proxy_that_says_nothing(
    sock: Any, monitor: Callable[[Any], Monitor], limit: dict[str, int]
) -> None:
    with SocksProxy(silent=True) as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode(), reconnect_ivl=10, **limit)
        events = monitor(push)
        push.connect("tcp://127.0.0.1:9")
        events.wait(zmq.EVENT_CLOSED)
        events.wait(zmq.EVENT_CONNECT_RETRIED)


@pytest.mark.parametrize("end", ["disconnect", "close", "term"])
def test_the_end_while_the_proxy_thinks(sock: Any, end: str) -> None:
    with SocksProxy(silent=True) as proxy:
        push = sock("PUSH", socks_proxy=proxy.address.encode())
        push.connect("tcp://127.0.0.1:9")
        if end == "disconnect":
            push.disconnect("tcp://127.0.0.1:9")
        elif end == "close":
            push.close(linger=0)
        # and the fixture terminates the context


def test_a_lost_connection_comes_back_through_the_proxy(
    sock: Any, monitor: Callable[[Any], Monitor]
) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    endpoint = last_endpoint(pull)
    with SocksProxy() as proxy:
        push = sock("PUSH", reconnect_ivl=10, socks_proxy=proxy.address.encode())
        events = monitor(push)
        push.connect(endpoint)
        passes(push, pull)
        pull.unbind(endpoint)
        again = sock("PULL", bind=endpoint)
        events.wait(zmq.EVENT_DISCONNECTED)
        passes(push, again)


@pytest.mark.parametrize("login", [None, LOGIN, (b"user", b"")], ids=["open", "login", "half"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "no.such.example", "[::1]"])
def test_the_same_octets_as_libzmq(
    sock: Any, theirs: Any, login: tuple[bytes, bytes] | None, host: str
) -> None:
    said = []
    for make in (sock, theirs):
        # (a refusal makes libzmq abort the process)
        with SocksProxy(login, nowhere=True) as proxy:
            push = make("PUSH")
            push.setsockopt(zmq.SOCKS_PROXY, proxy.address.encode())
            if login:
                push.setsockopt(zmq.SOCKS_USERNAME, login[0])
                push.setsockopt(zmq.SOCKS_PASSWORD, login[1])
            push.connect(f"tcp://{host}:5555")
            said.append(proxy.next_said())
            push.close(linger=0)
    assert said[0] == said[1]
