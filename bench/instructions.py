"""``python -m bench.instructions``: instructions executed per send and per recv.

Counted by valgrind's callgrind, hence nearly free of noise, unlike every time measured here.
A run of N messages is taken from one of 2 N: start and end cancel out. The caller's thread is
told apart from the library's own threads. Python's own share is in it. On inproc one thread sends
and receives in turn, and both are counted together.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import NAMES, Contestant, find
from bench.crew import Crew, Failed, Unfit

VALGRIND = ("valgrind", "--tool=callgrind", "--separate-threads=yes", "--quiet")
PATIENCE = 150.0
COUNTED = tuple(name for name in NAMES if name != "raw")
WORKERS = {"inproc": (("inproc_bursts", "both"),)}
OVER_A_WIRE = (("push", "send"), ("pull", "recv"))


@dataclass(frozen=True)
class Count:
    """Instructions: of the thread that called, and of all others."""

    caller: float
    others: float

    def per_message(self, smaller: "Count", messages: int) -> "Count":
        """The difference to a smaller run, per message of the difference."""
        caller = (self.caller - smaller.caller) / messages
        return Count(caller, (self.others - smaller.others) / messages)


def measure(contestant: Contestant, transport: str, worker: str, size: int, count: int) -> Count:
    """One run, with one of its processes under callgrind."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        prefix = (*VALGRIND, f"--callgrind-out-file={directory}/out")
        run = _alone if transport == "inproc" else _over_a_wire
        with Crew(contestant, grace=PATIENCE) as crew:
            run(crew, prefix, crew.endpoint(transport), worker, {"size": size, "count": count})
        return read(Path(directory))


def _alone(
    crew: Crew, prefix: Sequence[str], endpoint: str, worker: str, options: dict[str, int]
) -> None:
    crew.start_under(prefix, worker, hwm=1000, **options).expect("seconds", PATIENCE)


def _over_a_wire(
    crew: Crew, prefix: Sequence[str], endpoint: str, worker: str, options: dict[str, int]
) -> None:
    for name in ("pull", "push"):
        under = prefix if name == worker else ()
        process = crew.start_under(under, name, endpoint=endpoint, hwm=1000, **options)
        if name == "pull":
            pull = process
            endpoint = pull.expect("endpoint", PATIENCE)["endpoint"]
    pull.expect("ready", PATIENCE)
    process.go()
    pull.expect("seconds", PATIENCE)


def read(directory: Path) -> Count:
    """The totals of callgrind's files, one a thread: out-01 is the main thread."""
    totals = {}
    for path in directory.glob("out*-*"):
        line = next(x for x in path.read_text().splitlines() if x.startswith("totals:"))
        totals[int(path.name.rpartition("-")[2])] = float(line.split()[1])
    return Count(totals.pop(1), sum(totals.values()))


def main(arguments: list[str]) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="bench.instructions", description=__doc__)
    parser.add_argument("--contestants", default=",".join(COUNTED))
    parser.add_argument("--transports", default="ipc", help="of ipc, tcp, inproc")
    parser.add_argument("--size", type=int, default=16, help="bytes per message")
    parser.add_argument("--count", type=int, default=20_000, help="messages of the smaller run")
    options = parser.parse_args(arguments)
    os.environ["PYTHONHASHSEED"] = "0"  # or a dict costs more or less than in the run before
    if not shutil.which(VALGRIND[0]):
        print("skipped: no valgrind")
        return 0
    print(f"{'':24}{'caller':>10}{'other threads':>16}   instructions a message")
    for name in options.contestants.split(","):
        contestant = find(name)
        if contestant.missing:
            print(f"{name:24}skipped: {contestant.missing}")
            continue
        for transport in options.transports.split(","):
            for worker, verb in WORKERS.get(transport, OVER_A_WIRE):
                label = f"{name} {transport} {verb}"
                try:
                    small, large = (
                        measure(contestant, transport, worker, options.size, count)
                        for count in (options.count, 2 * options.count)
                    )
                except (Failed, Unfit) as reason:
                    print(f"{label:24}{reason}")
                    continue
                each = large.per_message(small, options.count)
                print(f"{label:24}{each.caller:10.0f}{each.others:16.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
