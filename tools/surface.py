"""Write docs/surface.md: libzmq's whole surface, what of it works here, and the test that says so.

    python tools/surface.py           rewrite the page
    python tools/surface.py --check   fail if it is stale, or says what is not so

What an option is comes from the package's tables, the rest from surface_data/*.toml.
"""

from __future__ import annotations

import ast
import functools
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from peromq.constants import Event, SocketOption
from peromq.option_table import (
    ALL_TYPES,
    CONTEXT_OPTIONS,
    INT64_MAX,
    INT64_MIN,
    INT_MAX,
    INT_MIN,
    SOCKET_OPTIONS,
    OptionSpec,
)

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(__file__).resolve().parent / "surface_data"
PAGE = ROOT / "docs" / "surface.md"
TESTS = ROOT / "tests"

Row = dict[str, str]
Tables = dict[str, dict[str, Row]]


SECTIONS = [
    ("Socket types", "types.toml"),
    ("Transports", "transports.toml"),
    ("Socket options", "options.toml"),
    ("Context options", "options.toml"),
    ("Functions and message properties", "functions.toml"),
    ("Monitor events", "events.toml"),
    ("Security", "security.toml"),
    ("What is easily missed", "behaviours.toml"),
]

LIVE = frozenset(
    SocketOption[name]
    for name in [
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "LINGER",
        "SNDHWM",
        "RCVHWM",
        "SNDTIMEO",
        "RCVTIMEO",
        "ROUTER_MANDATORY",
        "XPUB_VERBOSE",
        "XPUB_VERBOSER",
        "PROBE_ROUTER",
        "REQ_CORRELATE",
        "REQ_RELAXED",
        "ROUTER_HANDOVER",
        "XPUB_NODROP",
        "XPUB_MANUAL",
        "XPUB_MANUAL_LAST_VALUE",
        "XPUB_WELCOME_MSG",
        "INVERT_MATCHING",
        "ONLY_FIRST_SUBSCRIBE",
        "ROUTER_NOTIFY",
        "STREAM_NOTIFY",
        "XSUB_VERBOSE_UNSUBSCRIBE",
        "SPIN_US",
    ]
)


def load() -> dict[str, Tables]:
    """The data: tables by file and name."""
    found = {}
    for path in sorted(DATA.glob("*.toml")):
        found[path.name] = tomllib.loads(path.read_text(encoding="utf-8"))
    return found


def page(data: dict[str, Tables]) -> str:
    """The text of docs/surface.md."""
    parts = []
    for number, (title, name) in enumerate(SECTIONS, 1):
        parts.append(f"## {number}. {title}\n")
        if title == "Socket options":
            parts.append((DATA / "options.md").read_text(encoding="utf-8"))
            parts.append("\n".join(_option_table(SOCKET_OPTIONS.values(), data[name]["socket"])))
        elif title == "Context options":
            parts.append("\n".join(_option_table(_context_specs(), data[name]["context"])))
        else:
            for heading, rows in data[name].items():
                parts.append(f"### {heading[0].upper()}{heading[1:]}\n")
                parts.append("\n".join(_table(rows, heading)))
    rows = list(all_rows(data))
    states = [_state(row).partition(":")[0] for _, _, row in rows]
    counts = (
        f"{len(rows)} lines: {states.count('works')} work, {states.count('differs')} differ, "
        f"{states.count('not applicable')} are not applicable."
    )
    intro = (DATA / "intro.md").read_text(encoding="utf-8").format(counts=counts)
    return intro + "\n" + "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def all_rows(data: dict[str, Tables]) -> Iterator[tuple[str, str, Row]]:
    """(table, name, row) of everything."""
    for file, tables in data.items():
        for table, rows in tables.items():
            for name, row in rows.items():
                yield f"{file} [{table}]", name, row


def problems(data: dict[str, Tables]) -> list[str]:
    """What the data says that is not so, or does not say."""
    found = []
    options = data["options.toml"]
    for table, specs in (("socket", SOCKET_OPTIONS.values()), ("context", _context_specs())):
        names = {spec.name for spec in specs}
        found += [f"option {name} has no row" for name in sorted(names - options[table].keys())]
        found += [f"row {name}: no such option" for name in sorted(options[table].keys() - names)]
    events = {event.name for event in Event if 0 < event <= 0x10000 and event.bit_count() == 1}
    found += [
        f"event {name} has no row" for name in sorted(events - set(data["events.toml"]["events"]))
    ]
    for table, name, row in all_rows(data):
        where = f"{table} {name}"
        if row.keys() - {"has", "test", "differs", "absent"} or {"differs", "absent"} <= row.keys():
            found.append(f"{where}: {sorted(row)} do not go together")
        if "test" not in row:
            if table.startswith("options") or "absent" not in row:
                found.append(f"{where}: no test")
            continue
        file, _, function = row["test"].partition("::")
        if function not in _functions(TESTS / file):
            found.append(f"{where}: there is no test {row['test']}")
    return found


@functools.cache
def _functions(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


def _context_specs() -> list[OptionSpec]:
    """With THREAD_PRIORITY, which shares its number with SOCKET_LIMIT."""
    limit = next(spec for spec in CONTEXT_OPTIONS.values() if spec.name == "SOCKET_LIMIT")
    priority = limit._replace(
        name="THREAD_PRIORITY",
        default=None,
        readable=False,
        writable=True,
        doc="priority of the threads",
    )
    return [*CONTEXT_OPTIONS.values(), priority]


def _state(row: Row) -> str:
    if "absent" in row:
        return f"not applicable: {row['absent']}"
    return f"differs: {row['differs']}" if "differs" in row else "works"


def _table(rows: dict[str, Row], heading: str) -> Iterator[str]:
    """One of the tables that are all data."""
    has = any("has" in row for row in rows.values())
    yield f"| {heading} | {'what | ' if has else ''}state | test |"
    yield f"|---|{'---|' if has else ''}---|---|"
    for name, row in rows.items():
        cells = [name, *([row.get("has", "")] if has else []), _state(row), _test(row)]
        yield f"| {' | '.join(map(_cell, cells))} |"


def _option_table(specs: Iterable[OptionSpec], rows: dict[str, Row]) -> Iterator[str]:
    yield "| option | number | type | default | accepts | | sockets | what | state | test |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for spec in specs:
        row = rows.get(spec.name, {})
        live = ", live" if spec.number in LIVE and spec.types else ""
        cells = [
            _option_name(spec),
            str(spec.number),
            f"{spec.kind}, many" if spec.many else spec.kind,
            _default(spec),
            _range(spec),
            ("G" if spec.readable else "") + ("S" if spec.writable else "") + live,
            _types(spec),
            spec.doc,
            _state(row),
            _test(row),
        ]
        yield f"| {' | '.join(map(_cell, cells))} |"


def _option_name(spec: OptionSpec) -> str:
    others = [
        name
        for name, member in SocketOption.__members__.items()
        if member.name == spec.name and name != spec.name and spec.types
    ]
    return f"{spec.name} ({', '.join(others)})" if others else spec.name


def _default(spec: OptionSpec) -> str:
    if spec.default is None or (not spec.readable and spec.is_bytes):
        return "–"
    if spec.default in ("", b"", ()):
        return "none"
    return {INT_MAX: "2³¹−1"}.get(spec.default, str(spec.default))  # type: ignore[arg-type]


def _range(spec: OptionSpec) -> str:
    if not spec.writable:
        return "–"
    unit = " octets" if spec.is_bytes else ""
    least = spec.low in (INT_MIN, INT64_MIN) or (spec.is_bytes and spec.low == 0)
    most = spec.high in (INT_MAX, INT64_MAX)
    if least and most:
        return "any"
    if most:
        return f"≥ {spec.low}{unit}"
    return f"≤ {spec.high}{unit}" if least else f"{spec.low}…{spec.high}{unit}"


def _types(spec: OptionSpec) -> str:
    if not spec.types:
        return "–"
    return "all" if spec.types == ALL_TYPES else " ".join(kind.name for kind in sorted(spec.types))


def _test(row: Row) -> str:
    return f"`{row['test']}`" if "test" in row else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    data: Any = load()
    wrong = problems(data)
    text = page(data)
    if arguments == ["--check"]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            wrong.append("docs/surface.md is stale: make surface")
    elif not wrong:
        PAGE.write_text(text, encoding="utf-8")
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
