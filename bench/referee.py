"""Runs a case: contestants in turn, run by run, and the medians of it."""

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.case import Bar, Case, Entry, Sample, Settings
from bench.contestants import Contestant
from bench.crew import Crew, Failed, Unfit

FEWEST = 200
"""Messages in a run, however slow the contestant."""


@dataclass
class Column:
    """What one entry of a case did."""

    entry: Entry
    samples: list[Sample] = field(default_factory=list)
    trouble: str = ""
    """Why there is no figure, or why there are fewer than asked for."""
    killed: int = 0
    """Workers that gave their figure, but did not end by themselves."""

    def figures(self, metric: str) -> list[float]:
        """The metric, run by run."""
        return [sample.values[metric] for sample in self.samples if metric in sample.values]

    def median(self, metric: str) -> float | None:
        """The metric's median over the runs."""
        figures = self.figures(metric)
        return statistics.median(figures) if figures else None


@dataclass(frozen=True)
class Verdict:
    """A bar and how it went; figure None means it could not be judged.

    `turns` are the figures turn by turn, each from runs that were neighbours in time.
    """

    case: Case
    bar: Bar
    figure: float | None
    turns: tuple[float, ...] = ()
    reason: str = ""

    @property
    def word(self) -> str:
        """PASS, FAIL, or - when it could not be judged."""
        if self.figure is None:
            return "-"
        return "PASS" if self.bar.passes(self.figure) else "FAIL"

    @property
    def sure(self) -> bool:
        """Whether every turn by itself says the same: else the noise may have decided."""
        return len({self.bar.passes(figure) for figure in self.turns}) < 2


@dataclass
class Outcome:
    """A case after its runs."""

    case: Case
    columns: list[Column]

    def column(self, label: str) -> Column | None:
        """The entry of that label, if it took part."""
        return next((c for c in self.columns if c.entry.label == label), None)

    def verdicts(self) -> list[Verdict]:
        """Every bar of the case."""
        return [self._judge(bar) for bar in self.case.bars]

    def _judge(self, bar: Bar) -> Verdict:
        values, turns = [], []
        for label in (bar.ours, bar.theirs) if bar.theirs else (bar.ours,):
            column = self.column(label)
            median = column.median(bar.metric) if column else None
            if median is None:
                return Verdict(self.case, bar, None, reason=f"no figure for {label}")
            assert column
            values.append(median)
            turns.append(column.figures(bar.metric))
        if not bar.theirs:
            return Verdict(self.case, bar, values[0], tuple(turns[0]))
        ratios = (ours / theirs for ours, theirs in zip(*turns, strict=False))
        return Verdict(self.case, bar, values[0] / values[1], tuple(ratios))


def run(
    case: Case,
    field: Mapping[str, Contestant],
    settings: Settings,
    progress: Callable[[str], None],
) -> Outcome:
    """All runs of a case, the contestants alternating and taking turns at going first."""
    columns = [Column(entry) for entry in case.entries if entry.contestant in field]
    for column in columns:
        column.trouble = field[column.entry.contestant].missing
    alive = [column for column in columns if not column.trouble]
    counts: dict[str, int] = {}
    for column in alive:
        progress(f"{case.scenario} {case.point}: {column.entry.label}, calibrating")
        counts[column.entry.label] = _calibrate(case, column, field, settings.seconds)
    runs = case.runs or settings.runs
    for turn in range(runs):
        alive = [column for column in alive if not column.trouble]
        shift = turn % len(alive) if alive else 0
        for column in alive[shift:] + alive[:shift]:
            label = column.entry.label
            progress(f"{case.scenario} {case.point}: {label}, run {turn + 1} of {runs}")
            sample = _once(case, column, field, counts[label])
            if sample:
                column.samples.append(sample)
    return Outcome(case, columns)


def _calibrate(case: Case, column: Column, field: Mapping[str, Contestant], seconds: float) -> int:
    """How much work fills `seconds`: tried with little, then with more, as short runs mislead."""
    count = case.first_count
    for _ in range(3):
        if count >= case.most:
            break
        sample = _once(case, column, field, count)
        if not sample:
            break
        wish = int(count * seconds / max(sample.seconds, 1e-6))
        count = max(FEWEST, min(case.most, wish, 30 * count))
        if sample.seconds > seconds / 5:
            break
    return count


def _once(case: Case, column: Column, field: Mapping[str, Contestant], count: int) -> Sample | None:
    """One measurement; a contestant in trouble is out of the case."""
    try:
        with Crew(field[column.entry.contestant]) as crew:
            sample = case.measure(crew, count, column.entry.options)
        column.killed += crew.killed
        return sample
    except Unfit as reason:
        column.trouble = str(reason)
    except Failed as reason:
        column.trouble = f"failed: {reason}"
        print(f"{case.scenario} {case.point}: {reason}\n{reason.detail}", file=sys.stderr)
    return None
