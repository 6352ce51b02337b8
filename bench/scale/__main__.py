"""What thousands of connections on one socket cost, and a storm of them that comes back.

    python -m bench.scale [--connections 10000] [--processes 4] [--kinds ROUTER,PUB] [--apart]

The clients are sockets of their own in a few processes, the server is one more. Reported for each
kind of server: handshakes a second while all connect at once; the server's resident growth for each
connection (between two readings of its own /proc/self/statm: with eight used connections, and with
all of them idle); that each client is served, with its own reply or its copy of what is published;
the round trips of a client that works all the while they come (ROUTER); and how long after a killed
server is back on its port the last client is served again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.contestants import find
from bench.crew import Crew, Worker

MEMORY_BAR = 8192
"""Octets for each idle connection."""

STORM_BAR = 10.0
"""Seconds until all are back."""

LONGEST = 150.0
"""Seconds until we give up."""

CLIENT = {"ROUTER": "DEALER", "PUB": "SUB"}
WARM_UP = 8


@dataclass
class Figures:
    """What one kind of server came to."""

    kind: str
    connections: int
    served: int = 0
    served_again: int = 0
    octets: float = 0.0
    rate: float = 0.0
    storm: float = 0.0
    processor: float = 0.0
    failed: int = 0
    trips: list[float] = field(default_factory=list)

    def good(self) -> bool:
        """Whether every bar is cleared."""
        everybody = self.served == self.served_again == self.connections
        return everybody and self.octets <= MEMORY_BAR and self.storm <= STORM_BAR

    def __str__(self) -> str:
        text = (
            f"{self.kind}: {self.served} of {self.connections} served, "
            f"{self.octets:.0f} octets each, {self.rate:.0f} handshakes/s; server back: "
            f"{self.served_again} served within {self.storm:.2f} s "
            f"({self.processor:.2f} s of its processor), {self.failed} turned away"
        )
        if self.trips:
            text += (
                f"; meanwhile {len(self.trips)} round trips of another client: "
                f"{1e3 * statistics.median(self.trips):.2f} ms, at most {1e3 * max(self.trips):.0f}"
            )
        return f"{text}: {'PASS' if self.good() else 'FAIL'}"


class Scene:
    """A server and its clients."""

    def __init__(self, crew: Crew, options: argparse.Namespace, kind: str) -> None:
        self._crew = crew
        self._options = options
        self.kind = kind
        self.server, self.endpoint, _ = self._serve("tcp://127.0.0.1:*")
        share, rest = divmod(options.connections, options.processes)
        counts = [share + (number < rest) for number in range(options.processes)]
        self.warm = self._clients(WARM_UP)
        self.crowd = [self._clients(count) for count in counts]
        self.run([self.warm], "connect", "connected")
        self.exchange([self.warm])
        self.quiet = self.figures()

    def figures(self) -> dict[str, Any]:
        """The server's."""
        return self.run([self.server], "figures", "rss")[0]

    def run(self, workers: Sequence[Worker], word: str, key: str) -> list[dict[str, Any]]:
        """Tell them all; what they say."""
        for worker in workers:
            worker.tell(word)
        return [worker.expect(key, 2 * LONGEST) for worker in workers]

    def exchange(self, workers: Sequence[Worker]) -> tuple[int, float]:
        """Everybody asks, or hears: how many were served, and when the last one was."""
        if self.kind == "ROUTER":
            said = self.run(workers, "ask", "served")
        else:
            for worker in workers:
                worker.tell("hear")
            said = []
            for worker in workers:
                while not worker.spoke(0.5):
                    self.server.tell("publish")
                said.append(worker.expect("served"))
        return sum(one["served"] for one in said), max(one["last"] for one in said)

    def come(self) -> float:
        """All connect at once; seconds until the last has shaken hands with the server."""
        began = time.monotonic()
        self.run(self.crowd, "connect", "connected")
        wanted = self._options.connections + WARM_UP
        while (now := self.figures())["entered"] < wanted:
            if time.monotonic() - began > LONGEST:
                raise TimeoutError(f"{now['entered']} of {wanted} have come")
        return float(now["last"]) - began

    def crash(self) -> float:
        """Kill the server, and start it again; when it listened."""
        self.server.kill()
        if self.kind == "PUB":
            self.run(self.crowd, "drain", "drained")
        self.server, _, bound = self._serve(self.endpoint)
        return bound

    def _serve(self, endpoint: str) -> tuple[Worker, str, float]:
        extra = ["--profile", self._options.profile] if self._options.profile else []
        server = self._start("server", self.kind, endpoint, *extra)
        said = server.expect("endpoint")
        return server, said["endpoint"], said["bound"]

    def _clients(self, count: int) -> Worker:
        worker = self._start("clients", CLIENT[self.kind], self.endpoint, str(count))
        worker.expect("ready", 60)
        return worker

    def _start(self, module: str, *arguments: str) -> Worker:
        worker = self._crew.start_module(
            f"bench.scale.{module}", *arguments, "--library", self._options.name
        )
        if self._options.apart:
            first, second, *_ = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(worker.pid, {first if module == "server" else second})
        return worker


def measure(options: argparse.Namespace, kind: str) -> Figures:
    """One kind of server."""
    figures = Figures(kind, options.connections)
    with Crew(find("raw")) as crew:
        scene = Scene(crew, options, kind)
        if kind == "ROUTER":
            scene.run([scene.warm], "work", "working")
        took = scene.come()
        if kind == "ROUTER":
            figures.trips = scene.run([scene.warm], "rest", "trips")[0]["trips"]
        figures.rate = options.connections / took
        settled = scene.figures()
        figures.octets = (settled["rss"] - scene.quiet["rss"]) / options.connections
        figures.served, _ = scene.exchange(scene.crowd)
        bound = scene.crash()
        figures.served_again, last = scene.exchange(scene.crowd)
        figures.storm = last - bound
        after = scene.figures()
        figures.processor, figures.failed = after["cpu"], after["failed"] + settled["failed"]
    return figures


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4, help="of clients")
    parser.add_argument("--kinds", default="ROUTER,PUB")
    parser.add_argument("--library", dest="name", choices=("peromq", "zmq"), default="peromq")
    parser.add_argument("--profile", default="", help="file for the control thread's profile")
    parser.add_argument(
        "--apart",
        action="store_true",
        help="one processor for the server, one for all clients, which are the slower ones then",
    )
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    good = True
    for kind in options.kinds.split(","):
        figures = measure(options, kind)
        print(figures, flush=True)
        good = good and figures.good()
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
