"""Wrong endpoints, options, arguments: pyzmq's exception and errno, a text that names them."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, differs_from_libzmq, last_endpoint, raises_errno, zmq

BAD_ENDPOINTS = {
    "": errno.EINVAL,
    "nonsense": errno.EINVAL,
    "tcp://": errno.EINVAL,
    "tcp:/127.0.0.1:80": errno.EINVAL,
    "tcp://127.0.0.1": errno.EINVAL,
    "tcp://127.0.0.1:http": errno.EINVAL,
    "bogus://127.0.0.1:80": zmq.EPROTONOSUPPORT,
}
NO_HOSTS = ["", "a b", "127.0.0.1/", "@", "[]", "[::1", "-"]


@pytest.mark.parametrize("endpoint", BAD_ENDPOINTS)
@pytest.mark.parametrize("how", ["bind", "connect"])
def test_a_malformed_endpoint(sock: Any, how: str, endpoint: str) -> None:
    with raises_errno(BAD_ENDPOINTS[endpoint]) as caught:
        getattr(sock("PULL"), how)(endpoint)
    assert f"addr={endpoint!r}" in str(caught.value)


@differs_from_libzmq
@pytest.mark.parametrize("port", ["99999", "65536", "-1", "0x50", "80x", "٣"])
@pytest.mark.parametrize("how", ["bind", "connect"])
def test_a_port_that_is_none(sock: Any, how: str, port: str) -> None:
    """libzmq takes what atoi() makes of it, modulo 65536."""
    endpoint = f"tcp://127.0.0.1:{port}"
    with raises_errno(errno.EINVAL) as caught:
        getattr(sock("PULL"), how)(endpoint)
    assert endpoint in str(caught.value)


def test_an_address_that_is_not_ours(sock: Any) -> None:
    with raises_errno(zmq.EADDRNOTAVAIL) as caught:
        sock("PULL").bind("tcp://192.0.2.1:5555")
    assert "tcp://192.0.2.1:5555" in str(caught.value)


def test_an_interface_that_is_not_there(sock: Any) -> None:
    with raises_errno(errno.ENODEV) as caught:
        sock("PULL").bind("tcp://nosuchinterface0:5555")
    assert "tcp://nosuchinterface0:5555" in str(caught.value)


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_can_be_no_interface_to_bind_to(sock: Any, host: str) -> None:
    with raises_errno(errno.ENODEV) as caught:
        sock("PULL").bind(f"tcp://{host}:*")
    assert f"tcp://{host}:*" in str(caught.value)


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_an_address_that_is_taken(sock: Any, endpoints: Any, transport: str) -> None:
    first = sock("PULL", bind=endpoints.any(transport))
    with raises_errno(zmq.EADDRINUSE) as caught:
        sock("PULL").bind(last_endpoint(first))
    assert last_endpoint(first) in str(caught.value)


def test_an_ipc_path_that_is_too_long(sock: Any) -> None:
    with raises_errno(errno.ENAMETOOLONG) as caught:
        sock("PULL").bind("ipc:///tmp/" + "x" * 200)
    assert "107" in str(caught.value)


def test_an_ipc_directory_that_is_missing(sock: Any) -> None:
    with raises_errno(errno.ENOENT) as caught:
        sock("PULL").bind("ipc:///tmp/no/such/directory/here")
    assert "/tmp/no/such/directory/here" in str(caught.value)


@pytest.mark.parametrize("how", ["unbind", "disconnect"])
@pytest.mark.parametrize("transport", ["tcp", "ipc", "inproc"])
def test_an_endpoint_never_used(sock: Any, endpoints: Any, how: str, transport: str) -> None:
    with raises_errno(errno.ENOENT):
        getattr(sock("PULL"), how)(endpoints.fixed(transport))


def test_unbinding_twice(sock: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    endpoint = last_endpoint(pull)
    pull.unbind(endpoint)
    with raises_errno(errno.ENOENT):
        pull.unbind(endpoint)


@pytest.mark.parametrize("how", ["unbind", "disconnect"])
@pytest.mark.parametrize(
    ("endpoint", "number"),
    [
        ("", errno.EINVAL),
        ("nonsense", errno.EINVAL),
        ("tcp://", errno.EINVAL),
        ("tcp://no port", errno.ENOENT),
        ("bogus://127.0.0.1:80", zmq.EPROTONOSUPPORT),
        ("udp://127.0.0.1:5555", zmq.ENOCOMPATPROTO),
    ],
)
def test_dropping_what_can_be_no_endpoint(sock: Any, how: str, endpoint: str, number: int) -> None:
    for before in (None, "tcp://127.0.0.1:*"):
        with raises_errno(number):
            getattr(sock("PULL", bind=before), how)(endpoint)


@pytest.mark.parametrize("made_by", ["localhost", "127.0.0.1", "127.1"])
@pytest.mark.parametrize("ended_by", ["localhost", "127.0.0.1", "127.1"])
def test_an_endpoint_by_another_name(
    sock: Any, endpoints: Any, made_by: str, ended_by: str
) -> None:
    """What is bound is known by its address, whatever it was bound by; a name is resolved."""
    port = endpoints.hold_port()
    pull = sock("PULL", bind=f"tcp://{made_by}:{port}")
    pull.unbind(f"tcp://{ended_by}:{port}")
    with raises_errno(errno.ENOENT):
        pull.unbind(f"tcp://{ended_by}:{port}")


def test_a_connect_by_another_name(sock: Any) -> None:
    """A connect is known by the text it was made with, or by what a name here resolves to."""
    push = sock("PUSH", connect="tcp://127.0.0.1:5")
    push.disconnect("tcp://localhost:5")
    push.connect("tcp://localhost:5")
    with raises_errno(errno.ENOENT):
        push.disconnect("tcp://127.0.0.1:5")


def test_unbinding_by_the_wildcard(sock: Any) -> None:
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    with raises_errno(errno.ENOENT):
        pull.unbind("tcp://127.0.0.1:*")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("LINGER", -2),
        ("SNDHWM", -1),
        ("RCVHWM", -1),
        ("RCVTIMEO", -2),
        ("SNDTIMEO", -2),
        ("RECONNECT_IVL", -2),
        ("RECONNECT_IVL_MAX", -1),
        ("BACKLOG", -1),
        ("IMMEDIATE", 2),
        ("IPV6", 2),
        ("TCP_KEEPALIVE", 2),
        ("HEARTBEAT_TTL", 6_553_600),
        ("HEARTBEAT_IVL", -1),
        ("HANDSHAKE_IVL", -1),
        ("SNDBUF", -2),
        ("CONNECT_TIMEOUT", -1),
        ("CONFLATE", 2),
        ("ROUTING_ID", b""),
        ("ROUTING_ID", b"x" * 256),
        ("SUBSCRIBE", b"to a dealer"),
        ("TYPE", 1),
        ("RCVMORE", 1),
        ("EVENTS", 1),
    ],
)
def test_an_option_value_out_of_range(sock: Any, option: str, value: Any) -> None:
    dealer = sock("DEALER")
    with raises_errno(zmq.EINVAL) as caught:
        dealer.setsockopt(getattr(zmq, option), value)
    if not AGAINST_LIBZMQ:
        assert option in str(caught.value).upper()


@pytest.mark.parametrize("option", [10, 20, 26, 9999, -1])
def test_an_option_that_is_none(sock: Any, option: int) -> None:
    dealer = sock("DEALER")
    with raises_errno(zmq.EINVAL):
        dealer.setsockopt(option, 1)
    with raises_errno(zmq.EINVAL):
        dealer.getsockopt(option)


@pytest.mark.parametrize("value", ["text", 1.5, None])
def test_an_option_value_of_the_wrong_type(sock: Any, value: Any) -> None:
    with pytest.raises(TypeError):
        sock("DEALER").setsockopt(zmq.SNDHWM, value)


def test_text_for_a_bytes_option(sock: Any) -> None:
    with pytest.raises(TypeError, match=r"setsockopt_string|set_string"):
        sock("SUB").setsockopt(zmq.SUBSCRIBE, "text")


@pytest.mark.parametrize("option", ["SUBSCRIBE", "ROUTER_MANDATORY", "PROBE_ROUTER"])
def test_a_write_only_option(sock: Any, option: str) -> None:
    with raises_errno(zmq.EINVAL):
        sock("ROUTER").getsockopt(getattr(zmq, option))


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("PUSH", "ROUTER_MANDATORY"),
        ("PULL", "REQ_RELAXED"),
        ("SUB", "XPUB_VERBOSE"),
        ("DEALER", "ROUTER_HANDOVER"),
        ("PUSH", "PROBE_ROUTER"),
    ],
)
def test_an_option_of_another_socket_type(sock: Any, kind: str, option: str) -> None:
    with raises_errno(zmq.EINVAL):
        sock(kind).setsockopt(getattr(zmq, option), 1)


@pytest.mark.parametrize("kind", ["PULL", "SUB"])
def test_sending_where_nothing_can_be_sent(sock: Any, kind: str) -> None:
    with raises_errno(zmq.ENOTSUP):
        sock(kind, bind="tcp://127.0.0.1:*").send(b"x")


@pytest.mark.parametrize("kind", ["PUSH", "PUB"])
def test_receiving_where_nothing_can_be_received(sock: Any, kind: str) -> None:
    with raises_errno(zmq.ENOTSUP):
        sock(kind, bind="tcp://127.0.0.1:*").recv()


@pytest.mark.parametrize("message", ["text", 5, None, 1.5, [b"list"]])
def test_a_message_of_the_wrong_type(sock: Any, message: Any) -> None:
    with pytest.raises(TypeError):
        sock("PUB", bind="tcp://127.0.0.1:*").send(message)


def test_a_part_of_the_wrong_type_sends_nothing(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("inproc"))
    push = sock("PUSH", connect=last_endpoint(pull))
    with pytest.raises(TypeError):
        push.send_multipart([b"good", "bad"])
    push.send(b"next")
    assert pull.recv_multipart() == [b"next"]


def test_an_unknown_socket_type(ctx: Any) -> None:
    with raises_errno(zmq.EINVAL):
        ctx.socket(99)


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="pyzmq leaves the context it could not set up behind")
def test_a_negative_number_of_io_threads() -> None:
    with raises_errno(zmq.EINVAL):
        zmq.Context(io_threads=-1)


def test_again_is_a_class_of_its_own(sock: Any) -> None:
    pull = sock("PULL", rcvtimeo=10)
    with pytest.raises(zmq.Again):
        pull.recv()
    with pytest.raises(zmq.Again):
        pull.recv(zmq.DONTWAIT)


@differs_from_libzmq
def test_the_option_is_named_in_a_type_error(sock: Any) -> None:
    with pytest.raises(TypeError, match=r"(?i)sndhwm"):
        sock("DEALER").setsockopt(zmq.SNDHWM, b"bytes")
