"""libzmq 2, 3 and 4.0 through ctypes: what of the API all of them share, but for names."""

from __future__ import annotations

import ctypes
import errno
import functools
from typing import Any

from tests.helpers import TIMEOUT, wait_until
from tests.interop.libzmq_ctypes import Message
from tests.raw_old import KINDS

IDENTITY, SUBSCRIBE, UNSUBSCRIBE, RCVMORE, EVENTS = 5, 6, 7, 13, 15
LINGER, RCVTIMEO, SNDTIMEO = 17, 27, 28
DONTWAIT, SNDMORE = 1, 2


class OldLibzmq:
    """One library, one context. Made for a test that ends it."""

    def __init__(self, path: str) -> None:
        self.lib = ctypes.CDLL(path, use_errno=True)
        numbers = [ctypes.c_int() for _ in range(3)]
        self.lib.zmq_version(*(ctypes.byref(number) for number in numbers))
        self.version = tuple(number.value for number in numbers)
        for name in ("zmq_init", "zmq_socket"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.zmq_msg_data.restype = ctypes.c_void_p
        self.lib.zmq_msg_size.restype = ctypes.c_size_t
        self.put = self.lib.zmq_send if self.version < (3,) else self.lib.zmq_sendmsg
        self.get = self.lib.zmq_recv if self.version < (3,) else self.lib.zmq_recvmsg
        self.context = ctypes.c_void_p(self.lib.zmq_init(1))
        self.sockets: list[OldSocket] = []

    def __call__(self, kind: str, *, identity: bytes = b"", **where: str) -> OldSocket:
        """`bind=` or `connect=`: an endpoint."""
        made = OldSocket(self, kind, identity)
        self.sockets.append(made)
        for verb, endpoint in where.items():
            wait_until(functools.partial(made.goes, verb, endpoint))
        return made

    def close(self) -> None:
        for made in self.sockets:
            made.close()
        self.lib.zmq_term(self.context)


class OldSocket:
    def __init__(self, owner: OldLibzmq, kind: str, identity: bytes) -> None:
        self.owner, self.lib = owner, owner.lib
        number = KINDS.index(kind)
        self.handle = ctypes.c_void_p(self.lib.zmq_socket(owner.context, number))
        self.open = True
        for option in (RCVTIMEO, SNDTIMEO):
            self.set(option, ctypes.c_int(int(TIMEOUT * 1000)))
        self.set(LINGER, ctypes.c_int(0))
        if identity:
            self.set(IDENTITY, identity)

    def check(self, rc: int) -> None:
        if rc < 0:
            raise OSError(ctypes.get_errno(), "libzmq")

    def goes(self, verb: str, endpoint: str) -> bool:
        """Bind or connect. False: the address is in use, perhaps still."""
        rc = getattr(self.lib, f"zmq_{verb}")(self.handle, endpoint.encode())
        if rc < 0 and ctypes.get_errno() == errno.EADDRINUSE:
            return False
        self.check(rc)
        return True

    def look(self) -> None:
        """What it has to do on a new connection, it does when looked at."""
        events, size = ctypes.c_int64(), ctypes.c_size_t(8 if self.owner.version < (3,) else 4)
        self.lib.zmq_getsockopt(self.handle, EVENTS, ctypes.byref(events), ctypes.byref(size))

    def set(self, option: int, value: Any) -> None:
        if isinstance(value, bytes):
            self.check(self.lib.zmq_setsockopt(self.handle, option, value, len(value)))
        else:
            size = ctypes.sizeof(value)
            self.check(self.lib.zmq_setsockopt(self.handle, option, ctypes.byref(value), size))

    def send_multipart(self, parts: list[bytes], flags: int = 0) -> None:
        for i, part in enumerate(parts):
            message = Message()
            self.lib.zmq_msg_init_size(ctypes.byref(message), ctypes.c_size_t(len(part)))
            data = ctypes.c_void_p(self.lib.zmq_msg_data(ctypes.byref(message)))
            ctypes.memmove(data, part, len(part))
            more = SNDMORE if i < len(parts) - 1 else 0
            self.check(self.owner.put(self.handle, ctypes.byref(message), flags | more))
            self.lib.zmq_msg_close(ctypes.byref(message))

    def recv_multipart(self) -> list[bytes]:
        parts = []
        more = ctypes.c_int64(1)
        while more.value:
            message = Message()
            self.lib.zmq_msg_init(ctypes.byref(message))
            self.check(self.owner.get(self.handle, ctypes.byref(message), 0))
            size = self.lib.zmq_msg_size(ctypes.byref(message))
            data = ctypes.c_void_p(self.lib.zmq_msg_data(ctypes.byref(message)))
            parts.append(ctypes.string_at(data, size))
            self.lib.zmq_msg_close(ctypes.byref(message))
            more.value = 0
            wide = ctypes.c_size_t(8 if self.owner.version < (3,) else 4)
            self.lib.zmq_getsockopt(self.handle, RCVMORE, ctypes.byref(more), ctypes.byref(wide))
        return parts

    def close(self) -> None:
        if self.open:
            self.open = False
            self.lib.zmq_close(self.handle)
