"""What the demo shows: a live table in a terminal, plain lines elsewhere."""

import sys
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic

EVENTS_SHOWN = 10
PLAIN_EVERY = 1.0  # seconds between two tables of plain lines


@dataclass
class Row:
    """One process, as its status feed describes it."""

    name: str
    package: str
    pid: int
    state: str = "starting"
    total: int = 0
    rate: float = 0.0  # messages per second
    depth: int | None = None
    connected: int = 0
    disconnected: int = 0

    def cells(self) -> list[str]:
        return [
            self.name,
            self.package,
            str(self.pid),
            self.state,
            f"{self.rate:,.0f}",
            f"{self.total:,}",
            "" if self.depth is None else f"{self.depth:,}",
            f"{self.connected}/{self.disconnected}",
        ]


COLUMNS = (
    "process",
    "library",
    "pid",
    "state",
    "per second",
    "total",
    "in flight",
    "links up/down",
)


class Screen(AbstractContextManager["Screen"]):
    """Where the director writes. A context manager: it may take over the terminal."""

    def __init__(self) -> None:
        self._start = monotonic()

    def stamped(self, text: str) -> str:
        return f"{monotonic() - self._start:5.1f} s  {text}"

    @abstractmethod
    def say(self, text: str) -> None:
        """Tell what happens."""

    @abstractmethod
    def show(self, rows: list[Row]) -> None:
        """Show the state of all processes. Cheap to call often."""


class PlainScreen(Screen):
    """Lines, for pipes and log files."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = self._start

    def say(self, text: str) -> None:
        print(self.stamped(text), flush=True)

    def show(self, rows: list[Row]) -> None:
        if monotonic() - self._shown < PLAIN_EVERY:
            return
        self._shown = monotonic()
        for row in rows:
            cells = zip(COLUMNS[3:], row.cells()[3:], strict=True)
            figures = ", ".join(f"{column} {cell}" for column, cell in cells if cell)
            print(self.stamped(f"    {row.name:11} {row.package:7} {figures}"), flush=True)

    def __exit__(self, *_: object) -> None:
        pass


def make_screen() -> Screen:
    """A live one if stdout is a terminal and rich is installed."""
    if sys.stdout.isatty():
        try:
            from .live import LiveScreen
        except ImportError:
            print("(pip install rich, and this becomes a live table)")
        else:
            return LiveScreen()
    return PlainScreen()
