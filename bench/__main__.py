"""``python -m bench``: run the benchmark, judge the bars, write results. See README.md."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from bench import plots, referee, report
from bench.case import Settings
from bench.contestants import HERE, NAMES, find
from bench.scenarios import SCENARIOS


def words(text: str) -> tuple[str, ...]:
    """A comma-separated list."""
    return tuple(word for word in text.split(",") if word)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", type=words, default=(), help=",".join(SCENARIOS))
    parser.add_argument("--contestants", type=words, default=NAMES, help=",".join(NAMES))
    parser.add_argument("--sizes", type=words, default=(), help="bytes per message: 8,1024")
    parser.add_argument("--transports", type=words, default=("tcp", "ipc", "inproc"))
    parser.add_argument("--runs", type=int, default=5, help="runs per contestant (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="aim per throughput run")
    parser.add_argument("--quick", action="store_true", help="3 short runs: a look, no result")
    parser.add_argument("--check", action="store_true", help="exit 1 unless every bar passes")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where to write")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    options = parser.parse_args(arguments)
    for name, known in (("only", SCENARIOS), ("contestants", NAMES)):
        if unknown := [word for word in getattr(options, name) if word not in known]:
            parser.error(f"--{name}: unknown {', '.join(unknown)}; known: {', '.join(known)}")
    return options


def progress(text: str) -> None:
    """One line that is overwritten; nothing when nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Everything."""
    options = parse(arguments)
    settings = Settings(
        runs=min(options.runs, 3) if options.quick else options.runs,
        seconds=min(options.seconds, 0.2) if options.quick else options.seconds,
        sizes=tuple(map(int, options.sizes)),
        transports=options.transports,
        quick=options.quick,
    )
    facts: dict[str, Any] = {
        "date": report.today(),
        "command": shlex.join(["python", "-m", "bench", *arguments]),
        "runs": settings.runs,
        "machine": report.machine(),
    }
    field = {name: find(name) for name in options.contestants}
    for contestant in field.values():
        print(f"{contestant.name:8} {contestant.state}", flush=True)
    outcomes = []
    for name, cases in SCENARIOS.items():
        if options.only and name not in options.only:
            continue
        for case in cases(settings):
            outcome = referee.run(case, field, settings, progress)
            outcomes.append(outcome)
            progress("")
            print("\n".join(["", *report.summary(outcome)]), flush=True)
    verdicts = [verdict for outcome in outcomes for verdict in outcome.verdicts()]
    failed = [verdict for verdict in verdicts if verdict.word != "PASS"]
    unsure = sum(not verdict.sure for verdict in verdicts)
    unjudged = sum(verdict.figure is None for verdict in verdicts)
    print(
        f"\n{len(verdicts) - len(failed)} of {len(verdicts)} bars passed, "
        f"{unjudged} not judged, {unsure} unsure"
    )
    if not options.dry:
        stem = facts["date"] + ("-quick" if options.quick else "")
        data = report.as_json(outcomes, field.values(), facts)
        options.out.mkdir(parents=True, exist_ok=True)
        drawn = plots.draw_all(data, options.out, stem)
        page = report.as_markdown(outcomes, field.values(), facts, drawn)
        written = report.write(options.out, stem, data, page)
        print("written:", *(path.name for path in [*written, *drawn]))
    return 1 if options.check and failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
