"""What is measured, and the bar it has to clear."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.crew import Crew

Options = dict[str, str | int | float]


@dataclass(frozen=True)
class Settings:
    """What the command line asks for."""

    runs: int = 5
    seconds: float = 1.0
    sizes: tuple[int, ...] = ()
    transports: tuple[str, ...] = ("tcp", "ipc", "inproc")
    quick: bool = False

    def wants(self, transport: str, size: int) -> bool:
        """Whether this point was selected."""
        return transport in self.transports and (not self.sizes or size in self.sizes)


class Sample(NamedTuple):
    """One run of one contestant."""

    seconds: float
    values: dict[str, float]
    quantiles: Sequence[float] = ()


@dataclass(frozen=True)
class Entry:
    """One column of a case: a contestant with some options."""

    label: str
    contestant: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """`ours` / `theirs` of a metric must reach `limit`, or stay under it.

    Without `theirs` the bar is on the value itself.
    """

    metric: str
    limit: float
    theirs: str = ""
    ours: str = "peromq"
    at_least: bool = True

    def passes(self, figure: float) -> bool:
        """Whether a ratio (or value) clears the bar."""
        return figure >= self.limit if self.at_least else figure <= self.limit


Measure = Callable[[Crew, int, Options], Sample]


@dataclass(frozen=True)
class Case:
    """One row: entries that do the same work, run in turn."""

    scenario: str
    point: str
    metric: str
    entries: tuple[Entry, ...]
    measure: Measure
    bars: tuple[Bar, ...] = ()
    first_count: int = 1
    most: int = 1
    """Work items per run: calibrated from `first_count` to the wished seconds, up to `most`."""
    runs: int = 0
    """Overrides the number of runs, when the measurement is long and steady."""
    transport: str = ""
    size: int = 0


def plain(*names: str) -> tuple[Entry, ...]:
    """Entries without options."""
    return tuple(Entry(name, name) for name in names)


def human(size: int) -> str:
    """A size in words."""
    if size >= 1 << 20:
        return f"{size >> 20} MiB"
    return f"{size >> 10} KiB" if size >= 1024 else f"{size} B"


Cases = Callable[[Settings], Iterator[Case]]

UNITS = {
    "msg/s": "messages a second",
    "per s": "handshakes a second",
    "cpu, server": "µs a handshake",
    "cpu, client": "µs a handshake",
    "p50": "µs",
    "p99": "µs",
    "cpu, recv": "% of a core",
    "cpu, poll": "% of a core",
    "idle": "bytes a connection",
    "used once": "bytes a connection",
}
