"""Options as attributes of sockets; on pyzmq as well."""

import inspect
import os
import warnings
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

import peromq as zmq
from tests.eitherlib import TIMEOUT_MS, context, errno_of, make, pair

__all__ = ["context", "make", "pair"]


def test_attributes_in_any_case(make: Any) -> None:
    socket = make("DEALER")
    socket.RCVHWM = 5
    socket.sndhwm = 6
    socket.Identity = b"me"  # ours can be set thus, but not read
    assert (socket.rcvhwm, socket.SNDHWM, socket.ROUTING_ID) == (5, 6, b"me")
    assert socket.mechanism == 0


def test_unknown_attributes(make: Any) -> None:
    socket = make("DEALER")
    with pytest.raises(AttributeError, match="Socket has no such option: MADE_UP"):
        socket.made_up = 1
    with pytest.raises(AttributeError, match=r"(?i)made_up"):
        _ = socket.made_up


def test_write_only_options_are_no_attributes(make: Any) -> None:
    socket = make("ROUTER")
    with pytest.raises(AttributeError, match="write-only"):
        _ = socket.router_mandatory
    assert not hasattr(socket, "subscribe_to")
    assert not hasattr(socket, "PAIR")


def test_no_method_hides_an_option() -> None:
    for name in zmq.SocketOption.__members__:
        for key in (name.lower(), name):
            if key not in ("subscribe", "unsubscribe", "type"):  # both; an enum member
                assert inspect.isdatadescriptor(inspect.getattr_static(zmq.Socket, key))


def test_nothing_makes_method_calls_slow() -> None:
    """A __getattr__ would, even if it were never called."""
    assert not hasattr(zmq.Socket, "__getattr__")
    assert not [base for base in zmq.Socket.__mro__ if "__getattribute__" in base.__dict__][:-1]


def test_dir_lists_options(make: Any) -> None:
    names = dir(make("PUSH"))
    assert {"RCVHWM", "send", "bind"} <= set(names)
    assert len(set(names)) == len(names)


def test_mock_with_a_socket_as_spec(make: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks at deprecated attributes, too
        fake = mock.Mock(spec=make("SUB"))
    fake.subscribe(b"x")
    fake.subscribe.assert_called_once_with(b"x")


def test_subscribe_is_an_option_and_a_method(lib: ModuleType, make: Any) -> None:
    pub, sub = make("PUB"), make("SUB")
    pub.bind("inproc://topics")
    sub.connect("inproc://topics")
    sub.subscribe = b"a"
    sub.subscribe("b")
    sub.SUBSCRIBE = "c"
    sub.set(lib.SUBSCRIBE, b"d")
    sub.unsubscribe(b"a")
    sub.UNSUBSCRIBE = b"b"
    assert callable(sub.subscribe)
    for topic in (b"a", b"b", b"c", b"d"):
        pub.send(topic)
    assert [sub.recv(), sub.recv()] == [b"c", b"d"]


def test_get_and_set(lib: ModuleType, make: Any) -> None:
    socket = make("DEALER")
    socket.setsockopt(lib.IDENTITY, b"one")
    assert socket.getsockopt(lib.IDENTITY) == socket.get(lib.ROUTING_ID) == b"one"
    for name in ("set_string", "setsockopt_string", "setsockopt_unicode"):
        getattr(socket, name)(lib.IDENTITY, name)
        assert socket.getsockopt_string(lib.IDENTITY) == socket.get_string(lib.IDENTITY) == name
    with pytest.raises(TypeError, match="setsockopt_string"):
        socket.set(lib.IDENTITY, "text")
    with pytest.raises(TypeError, match="strings only"):
        socket.set_string(lib.IDENTITY, b"bytes")
    with pytest.raises(TypeError, match="string"):
        socket.get_string(lib.RCVHWM)
    assert errno_of(lib, socket.get, 4711) == lib.EINVAL
    assert errno_of(lib, socket.set, 4711, 1) == lib.EINVAL
    assert errno_of(lib, socket.set, lib.REQ_RELAXED, 1) == lib.EINVAL


def test_hwm_is_both(lib: ModuleType, make: Any) -> None:
    socket = make("DEALER")
    socket.hwm = 5
    assert (socket.hwm, socket.sndhwm, socket.rcvhwm) == (5, 5, 5)
    socket.set_hwm(7)
    assert socket.get_hwm() == socket.get(lib.RCVHWM) == 7


def test_live_options(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    right.send_multipart([b"1", b"2"])
    assert left.poll(TIMEOUT_MS)
    assert left.events == left.EVENTS == lib.POLLIN | lib.POLLOUT
    assert left.rcvmore == 0
    left.recv()
    assert left.rcvmore == 1
    left.recv()
    assert left.rcvmore == 0
    assert left.fd == left.FD == left.fileno() > 0
    os.fstat(left.fd)
    assert left.get(lib.TYPE) == lib.PAIR
    assert left.thread_safe == 0


def test_spin_us_is_ours() -> None:
    with zmq.Context() as own, own.socket(zmq.PUSH) as socket:
        assert socket.spin_us == 50
        socket.spin_us = 0
        assert socket.get(zmq.SPIN_US) == 0
