"""The live table, drawn by rich."""

from collections import deque

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .screen import COLUMNS, EVENTS_SHOWN, Row, Screen

STYLES = {"running": "green", "killed": "bold red", "starting": "yellow", "ended": "dim"}


class LiveScreen(Screen):
    def __init__(self) -> None:
        super().__init__()
        self._events: deque[str] = deque(maxlen=EVENTS_SHOWN)
        self._rows: list[Row] = []
        self._live = Live(refresh_per_second=4, get_renderable=self._draw)

    def say(self, text: str) -> None:
        self._events.append(self.stamped(text))

    def show(self, rows: list[Row]) -> None:
        self._rows = rows

    def _draw(self) -> Group:
        table = Table(title="PeroMQ: a pipeline that loses a worker, but no task")
        for number, column in enumerate(COLUMNS):
            table.add_column(column, justify="left" if number in (0, 1, 3) else "right")
        for row in self._rows:
            cells = row.cells()
            table.add_row(*cells[:3], Text(row.state, STYLES.get(row.state, "")), *cells[4:])
        return Group(table, Panel(Text("\n".join(self._events)), title="what happens"))

    def __enter__(self) -> "LiveScreen":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
