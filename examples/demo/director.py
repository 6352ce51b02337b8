"""The director: starts the processes, kills one and brings it back, does the final sums.

It follows their status feed (PUB/SUB: may lose), and their reports (PUSH/PULL: may not).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Self

import peromq as zmq

from .screen import Row, Screen
from .station import Wiring

STARTUP = 30.0  # seconds to wait for the ventilator's port
DRAIN = 30.0  # seconds to wait for the last acknowledgements
FAREWELL = 10.0  # seconds a process gets to end by itself


@dataclass
class Accounts:
    """What both ends of the pipeline say they did."""

    created: int = 0
    resent: int = 0
    sent_checksum: int = 0
    received: int = 0
    duplicates: int = 0
    received_checksum: int = 0
    complete: bool = False  # both ends have reported

    @property
    def lost(self) -> int:
        return self.created - self.received

    @property
    def balanced(self) -> bool:
        """Every task done, counted once, with the right result."""
        return self.complete and self.lost == 0 and self.sent_checksum == self.received_checksum


@dataclass
class Player:
    """One process of the demo."""

    module: str
    arguments: list[str]
    process: subprocess.Popen[bytes]
    row: Row
    measured: tuple[float, int] = field(
        default=(0.0, 0)
    )  # when the last status came, and its total


class Director:
    """Owns the processes. A context manager: none of them outlives it."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.players: dict[str, Player] = {}
        self._reports: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="peromq-demo-")))
            context = stack.enter_context(zmq.Context())
            context.linger = 0
            self._status = stack.enter_context(context.socket(zmq.SUB))
            self._control = stack.enter_context(context.socket(zmq.PUB))
            self._inbox = stack.enter_context(context.socket(zmq.PULL))
            stack.callback(self._end_all)

            self._status.subscribe("")
            port = self._status.bind_to_random_port("tcp://127.0.0.1")
            self.wiring = Wiring.in_folder(folder, f"tcp://127.0.0.1:{port}")
            self._control.bind(self.wiring.control)
            self._inbox.bind(self.wiring.reports)
            self._poller = zmq.Poller()
            self._poller.register(self._status, zmq.POLLIN)
            self._poller.register(self._inbox, zmq.POLLIN)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- processes

    def start(self, name: str, module: str, *arguments: str, library: str = "peromq") -> None:
        command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
        process = subprocess.Popen([*command, self.wiring.to_argument()])
        row = Row(name, "pyzmq" if library == "zmq" else library, process.pid)
        self.players[name] = Player(module, list(arguments), process, row)

    def start_pipeline(self, libraries: list[str]) -> None:
        """The ventilator, the sink, and one worker per library named."""
        self.start("ventilator", "ventilator")
        self.start("sink", "sink")
        if not self.run_until(lambda: "ventilator bound" in self._reports, STARTUP):
            raise RuntimeError("the ventilator did not start")
        endpoint = self._reports["ventilator bound"]["endpoint"]
        self.wiring = replace(self.wiring, tasks=endpoint)
        self.screen.say(f"tasks go out over {endpoint}, results and orders over ipc")
        for number, library in enumerate(libraries, 1):
            name = f"worker-{number}"
            self.start(name, "worker", name, library, library=library)

    def kill(self, name: str) -> None:
        """SIGKILL: no farewell, no flushing of queues."""
        player = self.players[name]
        os.kill(player.process.pid, signal.SIGKILL)
        player.process.wait()
        player.row.state = "killed"
        player.row.rate = 0.0

    def revive(self, name: str) -> None:
        player = self.players[name]
        library = "zmq" if player.row.package == "pyzmq" else player.row.package
        self.start(name, player.module, *player.arguments, library=library)

    def _end_all(self) -> None:
        self.order("everyone", "stop")
        deadline = monotonic() + FAREWELL
        for player in self.players.values():
            try:
                player.process.wait(max(0.0, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                player.process.kill()
                player.process.wait()

    # -- messages

    def order(self, name: str, command: str) -> None:
        """Tell a process, or "everyone"."""
        self._control.send_multipart([name.encode(), command.encode()])

    def run_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Follow the feed until `condition` holds; False after `timeout` seconds.

        A process that ended without being told to is an error.
        """
        deadline = monotonic() + timeout
        while not condition():
            if monotonic() > deadline:
                return False
            self._poller.poll(50)  # milliseconds
            while self._status.poll(0):
                name, figures = self._status.recv_multipart()
                self._note_status(name.decode(), json.loads(figures))
            while self._inbox.poll(0):
                report = self._inbox.recv_json()
                self._reports[f"{report['from']} {report['event']}"] = report
            for player in self.players.values():
                if player.process.poll() and player.row.state != "killed":
                    raise RuntimeError(f"{player.row.name} failed")
            self.screen.show([player.row for player in self.players.values()])
        return True

    def run_for(self, seconds: float) -> None:
        self.run_until(lambda: False, seconds)

    def _note_status(self, name: str, figures: dict[str, Any]) -> None:
        player = self.players.get(name)
        if player is None or player.row.state == "killed" or figures["pid"] != player.row.pid:
            return  # the last words of one that was killed
        now, row = monotonic(), player.row
        then, before = player.measured
        if then and now > then:
            row.rate = (figures["total"] - before) / (now - then)
        player.measured = now, figures["total"]
        row.state = "running"
        row.total, row.depth = figures["total"], figures["depth"]
        for name in ("connected", "disconnected"):
            setattr(row, name, figures[name])

    # -- the end

    def finish(self) -> Accounts:
        """No new tasks; wait until the last one is acknowledged; stop everyone; do the sums."""
        self.order("ventilator", "finish")
        self.run_until(lambda: bool(self._done("ventilator")), DRAIN)
        self.order("everyone", "stop")
        self.run_until(lambda: all(self._done(name) for name in self.players), FAREWELL)
        for name, player in self.players.items():
            player.row.state, player.row.rate, player.row.depth = "ended", 0.0, None
            player.row.total = self._done(name).get("total", player.row.total)
        sent, received = self._done("ventilator"), self._done("sink")
        return Accounts(
            created=self.players["ventilator"].row.total,
            resent=sent.get("resent", 0),
            sent_checksum=sent.get("checksum", 0),
            received=received.get("total", 0),
            duplicates=received.get("duplicates", 0),
            received_checksum=received.get("checksum", 0),
            complete=bool(sent and received),
        )

    def _done(self, name: str) -> dict[str, Any]:
        """The last report of a process; empty if it has not sent one."""
        return self._reports.get(f"{name} done", {})
