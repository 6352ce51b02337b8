"""The system's libzmq through ctypes: as much of the C API as a peer in these tests needs.

Contexts and sockets have pyzmq's names for what they share, so that a test does not care.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import struct
import sys
from collections.abc import Iterable
from typing import Any

import pytest

EINTR, EAGAIN, ETERM = 4, 11, 156384765
DONTWAIT, SNDMORE = 1, 2
RCVMORE, FD, EVENTS, TYPE, LINGER, LAST_ENDPOINT = 13, 14, 15, 16, 17, 32
POLLIN, POLLOUT = 1, 2


class Message(ctypes.Structure):
    """zmq_msg_t: 64 octets that only libzmq looks into."""

    _fields_ = (("octets", ctypes.c_ubyte * 64),)
    _align_ = 8


class PollItem(ctypes.Structure):
    _fields_ = (
        ("socket", ctypes.c_void_p),
        ("fd", ctypes.c_int),
        ("events", ctypes.c_short),
        ("revents", ctypes.c_short),
    )


def load(name: str = "libzmq.so.5") -> ctypes.CDLL | None:
    """libzmq with the prototypes set, or None where there is none."""
    try:
        lib = ctypes.CDLL(name, use_errno=True)
    except OSError:
        return None
    pointer, size, number, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    message = ctypes.POINTER(Message)
    prototypes: dict[str, tuple[Any, list[Any]]] = {
        "zmq_errno": (number, []),
        "zmq_strerror": (text, [number]),
        "zmq_version": (None, [ctypes.POINTER(number)] * 3),
        "zmq_ctx_new": (pointer, []),
        "zmq_ctx_term": (number, [pointer]),
        "zmq_socket": (pointer, [pointer, number]),
        "zmq_close": (number, [pointer]),
        "zmq_setsockopt": (number, [pointer, number, pointer, size]),
        "zmq_getsockopt": (number, [pointer, number, pointer, ctypes.POINTER(size)]),
        "zmq_bind": (number, [pointer, text]),
        "zmq_connect": (number, [pointer, text]),
        "zmq_unbind": (number, [pointer, text]),
        "zmq_disconnect": (number, [pointer, text]),
        "zmq_msg_init": (number, [message]),
        "zmq_msg_close": (number, [message]),
        "zmq_msg_recv": (number, [message, pointer, number]),
        "zmq_msg_data": (pointer, [message]),
        "zmq_msg_size": (size, [message]),
        "zmq_msg_more": (number, [message]),
        "zmq_send": (number, [pointer, text, size, number]),
        "zmq_poll": (number, [ctypes.POINTER(PollItem), number, ctypes.c_long]),
    }
    for function, (result, arguments) in prototypes.items():
        prototype = getattr(lib, function)
        prototype.restype, prototype.argtypes = result, arguments
    return lib


def load_drafts() -> ctypes.CDLL:
    """A libzmq with ws and the draft types, or the test is skipped: distributions build none."""
    path = os.environ.get("LIBZMQ_WITH_DRAFTS", "libzmq.so.5")
    lib = load(path)
    if lib is None or not (lib.zmq_has(b"draft") and lib.zmq_has(b"WS")):
        pytest.skip(f"{path} has no drafts; LIBZMQ_WITH_DRAFTS may name a libzmq that has")
    return lib


class LibzmqError(Exception):
    """A call failed: `errno` says how, the text is zmq_strerror()'s."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self.errno: int = lib.zmq_errno()
        super().__init__(lib.zmq_strerror(self.errno).decode())


class Context:
    def __init__(self, lib: ctypes.CDLL) -> None:
        self.lib = lib
        self.handle = lib.zmq_ctx_new()
        self.sockets: list[Socket] = []

    def version(self) -> tuple[int, ...]:
        numbers = [ctypes.c_int() for _ in range(3)]
        self.lib.zmq_version(*map(ctypes.byref, numbers))
        return tuple(number.value for number in numbers)

    def socket(self, kind: int) -> Socket:
        self.sockets.append(Socket(self, kind))
        return self.sockets[-1]

    def destroy(self, linger: int = 0) -> None:
        for sock in self.sockets:
            sock.close(linger)
        self.lib.zmq_ctx_term(self.handle)


class Socket:
    def __init__(self, context: Context, kind: int) -> None:
        self.lib = context.lib
        self.handle = self.lib.zmq_socket(context.handle, kind)
        self.closed = False
        if not self.handle:
            raise LibzmqError(self.lib)

    def _check(self, result: int) -> int:
        if result < 0:
            raise LibzmqError(self.lib)
        return result

    def setsockopt(self, option: int, value: int | bytes) -> None:
        data = value if isinstance(value, bytes) else struct.pack("=i", value)
        self._check(self.lib.zmq_setsockopt(self.handle, option, data, len(data)))

    def getsockopt(self, option: int) -> int | bytes:
        length = 256 if option == LAST_ENDPOINT else 4
        data, size = ctypes.create_string_buffer(length), ctypes.c_size_t(length)
        self._check(self.lib.zmq_getsockopt(self.handle, option, data, ctypes.byref(size)))
        if option == LAST_ENDPOINT:
            return data.raw[: size.value].rstrip(b"\0")
        return int.from_bytes(data.raw, sys.byteorder, signed=True)

    def bind(self, endpoint: str) -> None:
        self._check(self.lib.zmq_bind(self.handle, endpoint.encode()))

    def connect(self, endpoint: str) -> None:
        self._check(self.lib.zmq_connect(self.handle, endpoint.encode()))

    def disconnect(self, endpoint: str) -> None:
        self._check(self.lib.zmq_disconnect(self.handle, endpoint.encode()))

    def send(self, data: bytes, flags: int = 0) -> None:
        self._check(self.lib.zmq_send(self.handle, data, len(data), flags))

    def send_multipart(self, parts: Iterable[bytes], flags: int = 0) -> None:
        *head, last = parts
        for part in head:
            self.send(part, flags | SNDMORE)
        self.send(last, flags)

    def recv(self, flags: int = 0) -> bytes:
        message = Message()
        self.lib.zmq_msg_init(ctypes.byref(message))
        try:
            size = self._check(self.lib.zmq_msg_recv(ctypes.byref(message), self.handle, flags))
            return ctypes.string_at(self.lib.zmq_msg_data(ctypes.byref(message)), size)
        finally:
            self.lib.zmq_msg_close(ctypes.byref(message))

    def recv_multipart(self, flags: int = 0) -> list[bytes]:
        parts = [self.recv(flags)]
        while self.getsockopt(RCVMORE):
            parts.append(self.recv(flags))
        return parts

    def poll(self, timeout: int = -1, flags: int = POLLIN) -> int:
        item = PollItem(self.handle, 0, flags, 0)
        self._check(self.lib.zmq_poll(ctypes.byref(item), 1, timeout))
        return int(item.revents)

    def close(self, linger: int | None = None) -> None:
        if self.closed:
            return
        if linger is not None:
            self.setsockopt(LINGER, linger)
        self.closed = True
        self.lib.zmq_close(self.handle)
