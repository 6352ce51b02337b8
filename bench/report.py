"""Results as text, Markdown and JSON."""

import json
import os
import platform
import statistics
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.case import UNITS
from bench.contestants import Contestant
from bench.referee import Column, Outcome, Verdict

METRICS = ("msg/s", "MB/s", "per s", "p50", "p99")
METRICS += ("cpu, recv", "cpu, poll", "cpu, server", "cpu, client", "idle", "used once")


def number(value: float | None) -> str:
    """A figure, short enough for a table."""
    if value is None:
        return "–"
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= scale * (10 if unit == "k" else 1):
            return f"{digits(value / scale)} {unit}"
    return digits(value)


def digits(value: float) -> str:
    """Three of them, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(column: Column, metric: str) -> str:
    """Median, and the runs' span."""
    figures = column.figures(metric)
    if not figures:
        return "–"
    middle = number(statistics.median(figures))
    if len(figures) == 1:
        return middle
    return f"{middle} ({number(min(figures))} … {number(max(figures))})"


def summary(outcome: Outcome) -> Iterable[str]:
    """A few lines for the terminal."""
    case = outcome.case
    yield f"{case.scenario} {case.point}"
    for column in outcome.columns:
        figures = [
            f"{metric} {cell(column, metric)}" for metric in METRICS if column.figures(metric)
        ]
        yield f"    {column.entry.label:16} {', '.join(figures) or column.trouble}"
        if figures and column.trouble:
            yield f"    {'':16} {column.trouble}"
        if column.killed:
            yield f"    {'':16} {column.killed} workers hung at the end and were killed"
    for verdict in outcome.verdicts():
        yield f"    {line(verdict)}"


def line(verdict: Verdict) -> str:
    """A bar in words: PASS 6.1 >= 5 x pyzmq (msg/s)."""
    bar = verdict.bar
    sign = ">=" if bar.at_least else "<="
    figure = number(verdict.figure)
    against = f" x {bar.theirs}" if bar.theirs else f" {UNITS.get(bar.metric, '')}"
    text = f"{verdict.word:4} {figure} {sign} {bar.limit:g}{against} ({bar.metric}, {bar.ours})"
    return f"{text}  {remark(verdict)}".rstrip()


def remark(verdict: Verdict) -> str:
    """Why a verdict is missing, or weak."""
    if verdict.sure:
        return verdict.reason
    return f"unsure: {number(min(verdict.turns))} … {number(max(verdict.turns))} turn by turn"


def machine() -> dict[str, Any]:
    """What the figures depend on, without naming the machine."""
    model = ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")
    except OSError:
        pass
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": model or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def as_json(
    outcomes: Sequence[Outcome], field: Collection[Contestant], facts: dict[str, Any]
) -> dict[str, Any]:
    """Everything, run by run."""
    return {
        **facts,
        "contestants": {c.name: c.state for c in field},
        "cases": [
            {
                "scenario": outcome.case.scenario,
                "point": outcome.case.point,
                "transport": outcome.case.transport,
                "size": outcome.case.size,
                "metric": outcome.case.metric,
                "entries": [
                    {
                        "label": column.entry.label,
                        "trouble": column.trouble,
                        "killed": column.killed,
                        "runs": [sample.values for sample in column.samples],
                        "quantiles": _middle(column),
                    }
                    for column in outcome.columns
                ],
                "bars": [
                    {
                        "metric": v.bar.metric,
                        "ours": v.bar.ours,
                        "theirs": v.bar.theirs,
                        "limit": v.bar.limit,
                        "at_least": v.bar.at_least,
                        "figure": v.figure,
                        "turns": v.turns,
                        "word": v.word,
                        "remark": remark(v),
                    }
                    for v in outcome.verdicts()
                ],
            }
            for outcome in outcomes
        ],
    }


def _middle(column: Column) -> list[float]:
    """The median run's distribution, quantile by quantile."""
    curves = [sample.quantiles for sample in column.samples if sample.quantiles]
    return [statistics.median(values) for values in zip(*curves, strict=True)]


def as_markdown(
    outcomes: Sequence[Outcome],
    field: Collection[Contestant],
    facts: dict[str, Any],
    drawn: Sequence[Path] = (),
) -> str:
    """The page for people."""
    out = [f"# Benchmark of {facts['date']}", ""]
    out += [f"{facts['command']}; {facts['runs']} runs, contestants in turn; medians, and the"]
    out += ["span of the runs in brackets."]
    out += [f"{key}: {value}  " for key, value in facts["machine"].items()]
    out += ["", "| contestant | version |", "| --- | --- |"]
    out += [f"| {c.name} | {c.state} |" for c in field]
    verdicts = [verdict for outcome in outcomes for verdict in outcome.verdicts()]
    counts = {word: sum(v.word == word for v in verdicts) for word in ("PASS", "FAIL", "-")}
    out += ["", f"{counts['PASS']} bars passed, {counts['FAIL']} failed, {counts['-']} not judged."]
    for name in dict.fromkeys(outcome.case.scenario for outcome in outcomes):
        group = [outcome for outcome in outcomes if outcome.case.scenario == name]
        out += ["", f"## {name}"]
        for metric in METRICS:
            out += _table(group, metric)
        out += ["", "| bar | point | figure | demanded | | |", "| --- |" + " --- |" * 5]
        out += [_bar_row(verdict) for outcome in group for verdict in outcome.verdicts()]
    if drawn:
        out += ["", *(f"![{path.stem}]({path.name})" for path in drawn)]
    if notes := list(_notes(outcomes, field)):
        out += ["", "## Notes", "", *notes]
    return "\n".join([*out, ""])


def _notes(outcomes: Sequence[Outcome], field: Collection[Contestant]) -> Iterable[str]:
    """What went wrong, other than a contestant that is missing altogether."""
    missing = {contestant.name: contestant.missing for contestant in field}
    for outcome in outcomes:
        for column in outcome.columns:
            where = f"* {outcome.case.scenario} {outcome.case.point}, {column.entry.label}:"
            if column.trouble and column.trouble != missing[column.entry.contestant]:
                yield f"{where} {column.trouble}"
            if column.killed:
                yield f"{where} {column.killed} workers hung at the end and were killed"


def _table(group: Sequence[Outcome], metric: str) -> list[str]:
    if not any(column.figures(metric) for outcome in group for column in outcome.columns):
        return []
    labels = list(dict.fromkeys(c.entry.label for o in group for c in o.columns))
    unit = UNITS.get(metric, "")
    rows = ["", f"| {metric}{f' ({unit})' if unit else ''} | {' | '.join(labels)} |"]
    rows += ["| --- |" + " ---: |" * len(labels)]
    for outcome in group:
        cells = []
        for label in labels:
            column = outcome.column(label)
            cells.append(cell(column, metric) if column else "")
        rows.append(f"| {outcome.case.point} | {' | '.join(cells)} |")
    return rows


def _bar_row(verdict: Verdict) -> str:
    bar = verdict.bar
    against = f"{bar.ours} / {bar.theirs}" if bar.theirs else bar.ours
    figure = number(verdict.figure)
    sign = "≥" if bar.at_least else "≤"
    point = verdict.case.point
    cells = (f"{bar.metric}: {against}", point, figure, f"{sign} {bar.limit:g}", verdict.word)
    return f"| {' | '.join(cells)} | {remark(verdict)} |"


def write(directory: Path, stem: str, data: dict[str, Any], page: str) -> tuple[Path, Path]:
    """Both files; the paths."""
    table, raw = directory / f"{stem}.md", directory / f"{stem}.json"
    table.write_text(page)
    raw.write_text(json.dumps(data, indent=1) + "\n")
    return table, raw


def today() -> str:
    """The date, as the results' files are named."""
    return datetime.now().strftime("%Y-%m-%d")
