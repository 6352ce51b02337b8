"""Tells when interfaces or addresses of this host may have changed."""

from __future__ import annotations

import socket

from .. import unpatched
from .loop import READ, Callback, Loop, Owner, Timer, Watch

_NETLINK_ROUTE = 0
_GROUPS = 0x1 | 0x10 | 0x100  # linux/rtnetlink.h: RTMGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR
_NOTE = 1 << 16
_EACH = 1.0  # seconds between two looks where the kernel tells nothing


class InterfaceWatch:
    """Calls back after each change that the kernel tells of (rtnetlink(7)), or else once a second.

    Control thread only. Callbacks must look for themselves: what the kernel says is not read.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._interested: dict[Owner, Callback] = {}
        self._sock: socket.socket | None = None
        self._watch: Watch | None = None
        self._timer: Timer | None = None

    def add(self, owner: Owner, callback: Callback) -> None:
        """Call `callback` from now on."""
        self._interested[owner] = callback
        if self._sock is not None or self._timer is not None:
            return
        try:
            self._sock = _open()
        except OSError:
            self._timer = self._loop.later(_EACH, self._look)
        else:
            self._watch = self._loop.watch(self._sock.fileno(), READ, self._changed)

    def remove(self, owner: Owner) -> None:
        """Idempotent."""
        self._interested.pop(owner, None)
        if self._interested:
            return
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.close()

    def close(self) -> None:
        """After the loop has ended, or in a forked child. Idempotent."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _changed(self) -> None:
        assert self._sock is not None
        for _ in range(100):
            try:
                self._sock.recv(_NOTE)
            except BlockingIOError:
                break
            except OSError:
                continue  # ENOBUFS: there was more than the kernel kept
        self._tell()

    def _look(self) -> None:
        self._timer = self._loop.later(_EACH, self._look)
        self._tell()

    def _tell(self) -> None:
        for owner, callback in list(self._interested.items()):
            self._loop.guard(callback, owner)


def _open() -> socket.socket:
    sock = unpatched.new_socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE)
    try:
        sock.setblocking(False)
        sock.bind((0, _GROUPS))
    except BaseException:
        sock.close()
        raise
    return sock
