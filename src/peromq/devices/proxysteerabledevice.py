"""Devices with a fourth socket, which takes commands."""

from __future__ import annotations

from typing import Any

import peromq as zmq

from .basedevice import SocketPlan, apply_plans
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy


class ProxySteerableBase(ProxyBase):
    """The control socket of a proxy: PAUSE, RESUME, TERMINATE, STATISTICS; see proxy_steerable.

    ctrl_type: its type, which must be given. `bind_ctrl`, … are as `bind_in`, ….
    """

    def __init__(
        self,
        in_type: int,
        out_type: int,
        mon_type: int = zmq.PUB,
        ctrl_type: int | None = None,
    ) -> None:
        super().__init__(in_type=in_type, out_type=out_type, mon_type=mon_type)
        self.ctrl_type = ctrl_type
        self._ctrl = SocketPlan()

    def bind_ctrl(self, addr: str) -> None:
        """Bind the control socket, when there is one."""
        self._ctrl.binds.append(addr)

    def bind_ctrl_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the control socket to a free port of `addr`; the port."""
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_ctrl(f"{addr}:{port}")
        return port

    def connect_ctrl(self, addr: str) -> None:
        """Connect the control socket, when there is one."""
        self._ctrl.connects.append(addr)

    def setsockopt_ctrl(self, opt: int, value: Any) -> None:
        """Set an option of the control socket, before anything else is done with it."""
        self._ctrl.sockopts.append((opt, value))

    def _setup_sockets(self) -> tuple[Any, ...]:
        if self.ctrl_type is None:
            raise TypeError("ctrl_type must be specified")
        sockets = super()._setup_sockets()
        ctrls = self._make_socket(self.ctrl_type)
        apply_plans([(ctrls, self._ctrl)])
        return *sockets, ctrls

    def run_device(self) -> None:
        zmq.proxy_steerable(*self._setup_sockets())


class ProxySteerable(ProxySteerableBase, Proxy):
    """A Proxy that takes commands."""


class ThreadProxySteerable(ProxySteerableBase, ThreadProxy):
    """A ProxySteerable that runs in a thread of its own."""


class ProcessProxySteerable(ProxySteerableBase, ProcessProxy):
    """A ProxySteerable that runs in a process of its own."""


__all__ = ["ProcessProxySteerable", "ProxySteerable", "ThreadProxySteerable"]
