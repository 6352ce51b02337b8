"""Devices: two sockets and what runs between them, where they are run."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import peromq as zmq


@dataclass
class SocketPlan:
    """What a socket is to be like, once it is made where the device runs."""

    sockopts: list[tuple[int, Any]] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)
    connects: list[str] = field(default_factory=list)


def apply_plans(planned: Iterable[tuple[zmq.Socket[Any], SocketPlan]]) -> None:
    """All options first (routing ids are for later connects), then all binds, then connects."""
    sockets = list(planned)
    for socket, plan in sockets:
        for option, value in plan.sockopts:
            socket.setsockopt(option, value)
    for socket, plan in sockets:
        for address in plan.binds:
            socket.bind(address)
    for socket, plan in sockets:
        for address in plan.connects:
            socket.connect(address)


class Device:
    """A proxy between two sockets that it makes where it runs: for this class, in `start`.

    device_type: QUEUE, FORWARDER, STREAMER; it makes no difference.
    in_type, out_type: socket types. out_type -1: one socket is both ends.

    The methods `bind_in`, `connect_out`, `setsockopt_in`, … say beforehand what is to be done with
    the sockets. The device ends, silently, when its context is terminated or a socket closed.
    """

    context_factory: Callable[[], zmq.Context[Any]] = zmq.Context.instance
    """Where the sockets' context comes from: the process's own, but for ProcessDevice."""

    daemon: bool
    done: bool
    device_type: int
    in_type: int
    out_type: int

    def __init__(
        self,
        device_type: int = zmq.QUEUE,
        in_type: int | None = None,
        out_type: int | None = None,
    ) -> None:
        if in_type is None:
            raise TypeError("in_type must be specified")
        if out_type is None:
            raise TypeError("out_type must be specified")
        self.device_type = device_type
        self.in_type = in_type
        self.out_type = out_type
        self.daemon = True
        self.done = False
        self._in = SocketPlan()
        self._out = SocketPlan()
        self._random_addrs: list[str] = []
        self._sockets: list[zmq.Socket[Any]] = []
        self._context: zmq.Context[Any] | None = None

    def bind_in(self, addr: str) -> None:
        """Bind the in socket, when there is one."""
        self._in.binds.append(addr)

    def bind_in_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the in socket to a free port of `addr`; the port. See Socket.bind_to_random_port."""
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_in(f"{addr}:{port}")
        return port

    def connect_in(self, addr: str) -> None:
        """Connect the in socket, when there is one."""
        self._in.connects.append(addr)

    def setsockopt_in(self, opt: int, value: Any) -> None:
        """Set an option of the in socket, before anything else is done with it."""
        self._in.sockopts.append((opt, value))

    def bind_out(self, addr: str) -> None:
        """Bind the out socket, when there is one."""
        self._out.binds.append(addr)

    def bind_out_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the out socket to a free port of `addr`; the port."""
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_out(f"{addr}:{port}")
        return port

    def connect_out(self, addr: str) -> None:
        """Connect the out socket, when there is one."""
        self._out.connects.append(addr)

    def setsockopt_out(self, opt: int, value: Any) -> None:
        """Set an option of the out socket, before anything else is done with it."""
        self._out.sockopts.append((opt, value))

    def _reserve_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """A port that is free now, and not yet given to another socket of this device."""
        with zmq.Context() as context, context.socket(zmq.PUSH) as binder:
            for _ in range(5):
                port = binder.bind_to_random_port(addr, *args, **kwargs)
                address = f"{addr}:{port}"
                if address not in self._random_addrs:
                    self._random_addrs.append(address)
                    return port
        raise zmq.ZMQBindError("Could not reserve random port.")

    def _make_socket(self, socket_type: int) -> zmq.Socket[Any]:
        if self._context is None:
            self._context = self.context_factory()
        socket: zmq.Socket[Any] = self._context.socket(socket_type)
        self._sockets.append(socket)
        return socket

    def _setup_sockets(self) -> tuple[Any, ...]:
        """Make the sockets, in the order that the proxy takes them."""
        ins = self._make_socket(self.in_type)
        outs = ins if self.out_type < 0 else self._make_socket(self.out_type)
        apply_plans([(ins, self._in), (outs, self._out)])
        return ins, outs

    def _close_sockets(self) -> None:
        for socket in self._sockets:
            socket.close()

    def run_device(self) -> None:
        """The work. For subclasses to override; call `start`."""
        zmq.proxy(*self._setup_sockets())

    def run(self) -> None:
        """`run_device`, with the end of the context as a clean end."""
        try:
            self.run_device()
        except zmq.ZMQError as error:
            if error.errno not in (zmq.ETERM, zmq.ENOTSOCK):
                raise
        finally:
            self.done = True
            self._close_sockets()

    def start(self) -> None:
        """Run here and now, until the end. Subclasses run elsewhere and return at once."""
        self.run()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, at most `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.done and (deadline is None or time.monotonic() < deadline):
            time.sleep(0.001)


class BackgroundDevice(Device):
    """A device with something to run it: `launcher`, made by `_launch_class`."""

    launcher: Any = None
    _launch_class: Any = None

    def start(self) -> None:
        """Start the thread or process; `daemon` is passed on to it."""
        self.launcher = self._launch_class(target=self.run)
        self.launcher.daemon = self.daemon
        self.launcher.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread or process to end, at most `timeout` seconds."""
        self.launcher.join(timeout=timeout)


class ThreadDevice(BackgroundDevice):
    """A device that runs in a thread of its own."""

    _launch_class = threading.Thread


class ProcessDevice(BackgroundDevice):
    """A device that runs in a process of its own, with a context of its own."""

    _launch_class = multiprocessing.Process
    context_factory = zmq.Context


__all__ = ["Device", "ProcessDevice", "ThreadDevice"]
