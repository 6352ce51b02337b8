"""Devices with a third socket, which gets a copy of every message."""

from __future__ import annotations

from typing import Any

import peromq as zmq

from .basedevice import Device, ProcessDevice, SocketPlan, ThreadDevice, apply_plans


class ProxyBase(Device):
    """The monitor socket of a device.

    mon_type: its type; a PUB never holds the others up. `bind_mon`, … are as `bind_in`, ….
    """

    def __init__(self, in_type: int, out_type: int, mon_type: int = zmq.PUB) -> None:
        super().__init__(in_type=in_type, out_type=out_type)
        self.mon_type = mon_type
        self._mon = SocketPlan()

    def bind_mon(self, addr: str) -> None:
        """Bind the monitor socket, when there is one."""
        self._mon.binds.append(addr)

    def bind_mon_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the monitor socket to a free port of `addr`; the port."""
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_mon(f"{addr}:{port}")
        return port

    def connect_mon(self, addr: str) -> None:
        """Connect the monitor socket, when there is one."""
        self._mon.connects.append(addr)

    def setsockopt_mon(self, opt: int, value: Any) -> None:
        """Set an option of the monitor socket, before anything else is done with it."""
        self._mon.sockopts.append((opt, value))

    def _setup_sockets(self) -> tuple[Any, ...]:
        sockets = super()._setup_sockets()
        mons = self._make_socket(self.mon_type)
        apply_plans([(mons, self._mon)])
        return *sockets, mons


class Proxy(ProxyBase):
    """A Device whose monitor socket gets a copy of every message."""


class ThreadProxy(ProxyBase, ThreadDevice):
    """A Proxy that runs in a thread of its own."""


class ProcessProxy(ProxyBase, ProcessDevice):
    """A Proxy that runs in a process of its own."""


__all__ = ["ProcessProxy", "Proxy", "ThreadProxy"]
