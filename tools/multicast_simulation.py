#!/usr/bin/env python3
"""One PGM source and many receivers on virtual time, with losses and delays on every link.

    python -m tools.multicast_simulation [--plot docs/multicast_naks.svg]

Prints how many NAKs the source gets and how long recoveries take, for groups of 1 to 200
receivers. Everything follows from the seed: two runs say the same.
"""

import argparse
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from peromq._core._window_pgm import ReceiverWindow, SourceWindow

MS = 1_000_000
RDATA, NAK = 5, 8
SOURCE_IP = bytes([10, 0, 0, 1])


@dataclass
class Outcome:
    """What one run came to."""

    receivers: int
    packets: int
    naks: int = 0  # that reached or would have reached the source
    repairs: int = 0
    holes: int = 0  # packets missed, of all receivers together
    distinct: int = 0  # packets that somebody missed
    lost: int = 0  # for good
    late: list[float] = field(default_factory=list)  # ms from first missing it to having it
    complete: int = 0  # receivers that got everything
    disordered: int = 0  # messages that did not follow an earlier one
    told: int = 0  # packets that receivers reported as lost


class Simulation:
    """A star: each receiver has its own delay (ms) and its own losses; `shared` ones hit all.

    jitter: ms, at random, on top of each delay, so that packets overtake each other; copies: the
    share of packets that come twice.
    """

    def __init__(
        self,
        receivers: int,
        *,
        packets: int = 400,
        loss: float = 0.02,
        shared: float = 0.0,
        delays: tuple[float, float] = (0.5, 5.0),
        jitter: float = 0.0,
        copies: float = 0.0,
        interval: float = 1.0,
        window: int = 4000,
        seed: int = 1,
    ) -> None:
        self.rng = random.Random(seed)
        self.loss, self.shared = loss, shared
        self.jitter, self.copies = jitter, copies
        self.interval = int(interval * MS)
        self.source = SourceWindow(nla=SOURCE_IP, sqns=window)
        self.group = [
            ReceiverWindow(sqns=window, seed=self.rng.getrandbits(63)) for _ in range(receivers)
        ]
        self.delays = [int(self.rng.uniform(*delays) * MS) for _ in range(receivers)]
        self.outcome = Outcome(receivers, packets)
        self.got = [0] * receivers
        self.newest = [-1] * receivers
        self.published = 0
        self.missed: list[dict[int, int]] = [{} for _ in range(receivers)]
        self.hit: set[int] = set()
        self.events: list[tuple[int, int, Callable[[int], None]]] = []
        self.order = itertools.count()
        self.woken: dict[int, int] = {}

    def at(self, when: int, what: Callable[[int], None]) -> None:
        heapq.heappush(self.events, (when, next(self.order), what))

    def run(self) -> Outcome:
        """Until all is repaired or given up."""
        self.at(0, self.pump_source)
        begin = int((10 + self.jitter) * MS)  # who has heard no SPM joins with what comes first
        for number in range(self.outcome.packets):
            self.at(begin + number * self.interval, self.publish)
        end = begin + self.outcome.packets * self.interval + 20_000 * MS
        while self.events and self.events[0][0] <= end:
            when, _, what = heapq.heappop(self.events)
            what(when)
        self.outcome.distinct = len(self.hit)
        self.outcome.lost = sum(member.stats()["lost"] for member in self.group)
        self.outcome.told = sum(sum(member.losses().values()) for member in self.group)
        self.outcome.complete = sum(got == self.outcome.packets for got in self.got)
        return self.outcome

    # -- the source

    def publish(self, now: int) -> None:
        self.source.write(b"\0\4" + self.published.to_bytes(4, "big"))
        self.published += 1
        self.pump_source(now)

    def pump_source(self, now: int) -> None:
        for octets, _ in self.source.pull(now):
            kind, sqn = octets[4], int.from_bytes(octets[16:20], "big")
            self.outcome.repairs += kind == RDATA
            gone = self.rng.random() < self.shared
            for i in range(len(self.group)):
                if gone or self.rng.random() < self.loss:
                    if kind == 4:
                        self.hit.add(sqn)
                        self.outcome.holes += 1
                        self.missed[i].setdefault(sqn, now + self.delays[i])
                else:
                    self.at(now + self.delay(i), self.arrival(i, octets))
                    if self.copies and self.rng.random() < self.copies:
                        self.at(now + self.delay(i), self.arrival(i, octets))
        self.wake(-1, self.source.due(now), self.pump_source)

    def delay(self, i: int) -> int:
        jitter = int(self.rng.uniform(0, self.jitter) * MS) if self.jitter else 0
        return self.delays[i] + jitter

    # -- a receiver

    def arrival(self, i: int, octets: bytes) -> Callable[[int], None]:
        def arrive(now: int) -> None:
            member = self.group[i]
            member.feed(octets, now, SOURCE_IP)
            if octets[4] == RDATA:
                since = self.missed[i].pop(int.from_bytes(octets[16:20], "big"), None)
                if since is not None:
                    self.outcome.late.append((now - since) / MS)
            if member.waiting:
                self.take(i, member.take())
            self.pump(i, now)

        return arrive

    def take(self, i: int, stream: bytes) -> None:
        """Messages of four octets: their numbers."""
        for at in range(2, len(stream), 6):
            number = int.from_bytes(stream[at : at + 4], "big")
            self.outcome.disordered += number <= self.newest[i]
            self.newest[i] = number
            self.got[i] += 1

    def pump(self, i: int, now: int) -> None:
        member = self.group[i]
        if member.due(now) <= now:
            for octets, to in member.pull(now):
                self.outcome.naks += octets[4] == NAK
                if to is not None and self.rng.random() >= self.loss:
                    self.at(now + self.delays[i], self.request(octets))
        self.wake(i, member.due(now), lambda later: self.pump(i, later))

    def request(self, octets: bytes) -> Callable[[int], None]:
        def arrive(now: int) -> None:
            self.source.feed(octets, now)
            self.pump_source(now)

        return arrive

    def wake(self, who: int, when: int, what: Callable[[int], None]) -> None:
        """One pending wake-up each is enough: the earliest."""
        pending = self.woken.get(who)
        if pending is not None and pending <= when:
            return
        self.woken[who] = when

        def call(now: int) -> None:
            if self.woken.get(who) == when:
                del self.woken[who]
                what(now)

        self.at(when, call)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0


def plot(outcomes: dict[str, list[Outcome]], where: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "peromq"
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for name, found in outcomes.items():
        sizes = [outcome.receivers for outcome in found]
        each = [outcome.naks / max(1, outcome.distinct) for outcome in found]
        left.plot(sizes, each, marker="o", label=name)
        right.hist(found[-1].late, bins=60, range=(0, 300), histtype="step", label=name)
    sizes = [outcome.receivers for outcome in next(iter(outcomes.values()))]
    left.plot(sizes, sizes, linestyle=":", color="grey", label="everybody asks")
    left.set(xscale="log", yscale="log", xlabel="receivers", ylabel="NAKs per packet lost")
    right.set(xlabel="ms from missing to repaired, 200 receivers", ylabel="repairs", yscale="log")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(where, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    outcomes: dict[str, list[Outcome]] = {}
    kinds = {
        "2 % lost at each receiver": {"loss": 0.02},
        "2 % lost before all": {"loss": 0.001, "shared": 0.02},
    }
    print("receivers  NAKs  per lost packet  repairs  p50 ms  p99 ms  complete")
    for name, options in kinds.items():
        print(name)
        for receivers in (1, 2, 5, 10, 20, 50, 100, 200):
            outcome = Simulation(receivers, seed=chosen.seed, **options).run()
            outcomes.setdefault(name, []).append(outcome)
            print(
                f"{receivers:9} {outcome.naks:5} {outcome.naks / max(1, outcome.distinct):16.2f}"
                f" {outcome.repairs:8} {percentile(outcome.late, 0.5):7.1f}"
                f" {percentile(outcome.late, 0.99):7.1f} {outcome.complete:9}"
            )
    if chosen.plot:
        plot(outcomes, chosen.plot)


if __name__ == "__main__":
    main()
