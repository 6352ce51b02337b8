"""RADIO, DISH and DGRAM with a libzmq that has drafts, where there is one (LIBZMQ_WITH_DRAFTS)."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, Sockets, last_endpoint, terminate
from tests.interop import libzmq_ctypes

pytestmark = [
    pytest.mark.no_sanitizer,
    pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheels have no drafts"),
]

PORTS = itertools.count(20_000 + os.getpid() * 31 % 20_000)
TRANSPORTS = [
    "udp://127.0.0.1:{}",
    "udp://239.192.9.8:{}",
    "udp://lo;239.192.9.8:{}",
    "tcp://127.0.0.1:{}",
    "ipc://@radio-dish-{}",
    "ws://127.0.0.1:{}",
]


@pytest.fixture
def theirs() -> Iterator[Callable[..., Any]]:
    lib = libzmq_ctypes.load_drafts()
    lib.zmq_join.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.zmq_msg_group.restype = ctypes.c_char_p
    context = libzmq_ctypes.Context(lib)
    sockets = Sockets(context)
    yield sockets
    sockets.close()
    terminate(context)


def radiate(radio: Any, group: bytes, body: bytes) -> None:
    lib, message = radio.lib, libzmq_ctypes.Message()
    lib.zmq_msg_init_size(ctypes.byref(message), ctypes.c_size_t(len(body)))
    ctypes.memmove(lib.zmq_msg_data(ctypes.byref(message)), body, len(body))
    assert lib.zmq_msg_set_group(ctypes.byref(message), group) == 0
    assert lib.zmq_msg_send(ctypes.byref(message), ctypes.c_void_p(radio.handle), 0) >= 0


def pick_up(dish: Any) -> tuple[bytes, bytes]:
    lib, message = dish.lib, libzmq_ctypes.Message()
    lib.zmq_msg_init(ctypes.byref(message))
    size = lib.zmq_msg_recv(ctypes.byref(message), dish.handle, 0)
    assert size >= 0
    body = ctypes.string_at(lib.zmq_msg_data(ctypes.byref(message)), size)
    return lib.zmq_msg_group(ctypes.byref(message)), body


@pytest.mark.parametrize("endpoint", TRANSPORTS)
def test_their_radio(sock: Any, theirs: Callable[..., Any], endpoint: str) -> None:
    dish = sock("DISH", bind=endpoint.format(next(PORTS)))
    for group in ("weather", ""):
        dish.join(group)
    radio = theirs("RADIO", connect=last_endpoint(dish))
    while not dish.poll(20):  # it does not say when it has heard of the groups
        radiate(radio, b"weather", b"first")
    radiate(radio, b"sports", b"not wanted")
    radiate(radio, b"weather", b"x" * 1000)
    radiate(radio, b"", b"")
    seen = []
    while not seen or seen[-1] != ("", b""):
        frame = dish.recv(copy=False)
        seen.append((frame.group, frame.bytes))
    while seen[0] == ("weather", b"first"):
        del seen[0]
    assert seen == [("weather", b"x" * 1000), ("", b"")]


@pytest.mark.parametrize("endpoint", TRANSPORTS)
def test_their_dish(sock: Any, theirs: Callable[..., Any], endpoint: str) -> None:
    where = endpoint.format(next(PORTS))
    dish = theirs("DISH", bind=where)
    assert dish.lib.zmq_join(dish.handle, b"weather") == 0
    radio = sock("RADIO", connect=where)
    while not dish.poll(20):
        radio.send(b"first", group="weather")
    radio.send(b"not wanted", group="sports")
    radio.send(b"y" * 1000, group="weather")
    while (found := pick_up(dish)) == (b"weather", b"first"):
        pass
    assert found == (b"weather", b"y" * 1000)


def test_datagrams(sock: Any, theirs: Callable[..., Any]) -> None:
    one, two = f"127.0.0.1:{next(PORTS)}", f"127.0.0.1:{next(PORTS)}"
    ours, other = sock("DGRAM", bind=f"udp://{one}"), theirs("DGRAM", bind=f"udp://{two}")
    other.send_multipart([one.encode(), b"hello"])
    assert ours.recv_multipart() == [two.encode() + b"\0", b"hello"]
    ours.send_multipart([two.encode(), b"and you"])
    assert other.recv_multipart() == [one.encode() + b"\0", b"and you"]
