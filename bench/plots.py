"""Charts of a result, as SVG: throughput by message size, latency distribution.

Needs matplotlib, and does without it. ``python -m bench.plots RESULT.json`` draws again.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from bench.case import human
from bench.workers.common import QUANTILES

COLOURS = {
    "peromq": "#c0392b",
    "peromq, no spin": "#e59866",
    "pyzmq": "#2471a3",
    "pyomq": "#7d3c98",
    "c": "#1e8449",
    "raw": "#7f8c8d",
}
LABELS = {"c": "libzmq from C", "raw": "raw sockets"}


def draw_all(data: dict[str, Any], directory: Path, stem: str) -> list[Path]:
    """Every chart that the data has points for; the files."""
    if importlib.util.find_spec("matplotlib") is None:
        print("no charts: matplotlib is not installed")
        return []
    drawn = []
    for transport in ("tcp", "ipc"):
        for scenario, draw in (("pushpull", _throughput), ("reqrep", _latency)):
            cases = [
                case
                for case in data["cases"]
                if case["scenario"] == scenario and case["transport"] == transport
            ]
            if any(entry["runs"] for case in cases for entry in case["entries"]):
                path = directory / f"{stem}-{scenario}-{transport}.svg"
                _save(draw, cases, transport, path)
                drawn.append(path)
    return drawn


def _save(draw: Any, cases: list[dict[str, Any]], transport: str, path: Path) -> None:
    matplotlib: Any = importlib.import_module("matplotlib")

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    pyplot: Any = importlib.import_module("matplotlib.pyplot")

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    draw(axes, cases, transport)
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _throughput(axes: Any, cases: list[dict[str, Any]], transport: str) -> None:
    series: dict[str, list[tuple[int, float, float, float]]] = {}
    for case in cases:
        for entry in case["entries"]:
            rates = sorted(run["msg/s"] for run in entry["runs"])
            if rates:
                point = (case["size"], rates[len(rates) // 2], rates[0], rates[-1])
                series.setdefault(entry["label"], []).append(point)
    for label, points in series.items():
        sizes, middles, lows, highs = zip(*sorted(points), strict=True)
        colour = COLOURS.get(label)
        axes.plot(sizes, middles, "o-", ms=4, color=colour, label=LABELS.get(label, label))
        axes.fill_between(sizes, lows, highs, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({case["size"] for case in cases})
    axes.set_xticks(ticks, [human(size) for size in ticks])
    axes.set_xlabel("message size")
    axes.set_ylabel("messages per second")
    axes.set_title(f"PUSH to PULL, two processes, {transport}: median and span of the runs")


def _latency(axes: Any, cases: list[dict[str, Any]], transport: str) -> None:
    ticker: Any = importlib.import_module("matplotlib.ticker")
    for case in cases:
        for entry in case["entries"]:
            if entry["quantiles"]:
                label = entry["label"]
                axes.plot(
                    [1 / (1 - q) for q in QUANTILES],
                    entry["quantiles"],
                    color=COLOURS.get(label),
                    label=LABELS.get(label, label),
                )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1, 2, 10, 100, 1000], ["min", "p50", "p90", "p99", "p99.9"])
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.minorticks_off()
    axes.set_xlabel("share of the round trips that took no longer")
    axes.set_ylabel("round trip, µs")
    axes.set_title(f"REQ to REP round trip, two processes, {transport}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        source = Path(name)
        print(*draw_all(json.loads(source.read_text()), source.parent, source.stem), sep="\n")
