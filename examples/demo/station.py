"""What every process of the demo has: a status feed, an ear for orders, a line to report on."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, Self

STATUS_EVERY = 0.25  # seconds
LIFETIME = 60.0  # seconds after which a process ends by itself, should its director be gone


@dataclass(frozen=True)
class Wiring:
    """The endpoints of the demo, tcp and ipc mixed."""

    status: str
    control: str
    reports: str
    results: str
    acks: str
    tasks: str = ""  # known once the ventilator has bound its port

    @classmethod
    def in_folder(cls, folder: Path, status: str) -> Self:
        """`folder` holds the sockets of the ipc endpoints; `status` is where the feed was bound."""
        ipc = {name: f"ipc://{folder / name}" for name in ("control", "reports", "results", "acks")}
        return cls(status=status, **ipc)

    def to_argument(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> Self:
        return cls(**json.loads(argument))


class LinkWatch:
    """Counts what happens to a socket's connections, from its monitor events."""

    def __init__(self, zmq: ModuleType, socket: Any) -> None:
        self._zmq = zmq
        self._receive = import_module(f"{zmq.__name__}.utils.monitor").recv_monitor_message
        self._up = zmq.EVENT_CONNECTED | zmq.EVENT_ACCEPTED
        self._events = socket.get_monitor_socket(self._up | zmq.EVENT_DISCONNECTED)
        self.connected = self.disconnected = 0

    def update(self) -> None:
        while self._events.poll(0):
            event = self._receive(self._events)["event"]
            self.connected += bool(event & self._up)
            self.disconnected += bool(event & self._zmq.EVENT_DISCONNECTED)

    def close(self) -> None:
        """May be called after the socket itself was closed."""
        self._events.close()


class Station:
    """The director's lines to one process. `zmq` is the library to use: peromq, or pyzmq."""

    def __init__(self, zmq: ModuleType, name: str, wiring: Wiring) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the director gets Ctrl-C and ends us
        self.zmq = zmq
        self.name = name
        self.context = zmq.Context()
        self.context.linger = (
            0  # the default of its sockets: what is unsent when they close is dropped
        )
        self._watches: list[LinkWatch] = []
        self._started = monotonic()
        self._published = 0.0

        # A feed may lose messages: nobody waits for a slow reader.
        self.status = self.context.socket(zmq.PUB)
        self.status.connect(wiring.status)
        self.control = self.context.socket(zmq.SUB)
        self.control.subscribe(name)
        self.control.subscribe("everyone")
        self.control.connect(wiring.control)
        # Reports must arrive, so these go through a PUSH that lingers.
        self.reports = self.context.socket(zmq.PUSH)
        self.reports.linger = 5000  # milliseconds
        self.reports.connect(wiring.reports)

    def commands(self) -> list[str]:
        """What the director said since the last time; "stop" if we are older than LIFETIME."""
        said = []
        while self.control.poll(0):
            _, command = self.control.recv_multipart()
            said.append(command.decode())
        if monotonic() - self._started > LIFETIME:
            said.append("stop")
        return said

    def watch(self, socket: Any) -> None:
        """Count the connections of `socket` in the status feed."""
        self._watches.append(LinkWatch(self.zmq, socket))

    def publish(self, total: int, depth: int | None = None) -> None:
        """Feed the status, at most every STATUS_EVERY seconds.

        `total`: messages handled so far. `depth`: how many wait here, where that is known.
        """
        if monotonic() - self._published < STATUS_EVERY:
            return
        self._published = monotonic()
        for watch in self._watches:
            watch.update()
        figures = {
            "pid": os.getpid(),
            "library": "pyzmq" if self.zmq.__name__ == "zmq" else self.zmq.__name__,
            "total": total,
            "depth": depth,
            "connected": sum(watch.connected for watch in self._watches),
            "disconnected": sum(watch.disconnected for watch in self._watches),
        }
        self.status.send_multipart([self.name.encode(), json.dumps(figures).encode()])

    def report(self, **figures: Any) -> None:
        """Tell the director something it may rely on."""
        self.reports.send_json({"from": self.name, **figures})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.close()
        for socket in (self.status, self.control, self.reports):
            socket.close()
        self.context.term()  # waits until the last report is out
