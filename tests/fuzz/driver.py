"""What the fuzz targets share: the command line, the loop, and how inputs are damaged.

Every target's input is two octets of set-up, then what the peer sends.
"""

import argparse
import importlib
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

SEED = 37

Target = Callable[[bytes], None]


def main(target: Target, corpus: list[bytes], *, growth: int | None = None) -> None:
    """Fuzz for about as many seconds as the command line says: `[--seconds] N`, 10 without.

    `--atheris` has Google's atheris choose the inputs, by the lines of Python that they reach.
    growth: octets that the process may grow by; a leak of one input each exceeds it many times.
    """
    before = memory()
    parser = argparse.ArgumentParser()
    parser.add_argument("at_most", nargs="?", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--atheris", action="store_true", help="guided by coverage")
    chosen = parser.parse_args()
    seconds = chosen.at_most if chosen.seconds is None else chosen.seconds
    if chosen.atheris:
        sys.exit(_guided(target, corpus, int(seconds), chosen.seed))
    executions = 0
    deadline = time.monotonic() + seconds
    for data in mutations(corpus, chosen.seed):
        report(target, data)
        executions += 1
        if time.monotonic() >= deadline:
            break
    print(f"{executions} executions, no finding")
    # The address sanitizer keeps what was freed, to see who still uses it.
    if growth is not None and "libasan" not in os.environ.get("LD_PRELOAD", ""):
        grown = memory() - before
        assert grown < growth, f"the process grew by {grown >> 20} MiB"


def _guided(target: Target, corpus: list[bytes], seconds: int, seed: int) -> int:
    """atheris, which ends the process when it is done: it gets one of its own."""
    atheris = importlib.import_module("atheris")
    with tempfile.TemporaryDirectory() as directory:
        for number, data in enumerate(corpus):
            (Path(directory) / f"{number:05}").write_bytes(data)
        child = os.fork()
        if child == 0:
            atheris.instrument_all()
            limits = [f"-max_total_time={seconds}", f"-seed={seed}", "-print_final_stats=1"]
            limits += [f"-max_len={2 * max(map(len, corpus))}", "-timeout=20", "-rss_limit_mb=1024"]
            atheris.Setup([sys.argv[0], *limits, directory], lambda data: report(target, data))
            atheris.Fuzz()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def memory() -> int:
    """The most octets that the process has taken so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def run(target: Target, corpus: list[bytes], executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    for data in islice(mutations(corpus), executions):
        report(target, data)


def report(target: Target, data: bytes) -> None:
    try:
        target(data)
    except BaseException:
        print(f"input: {data.hex()}", file=sys.stderr)
        raise


def mutations(corpus: list[bytes], seed: int = SEED) -> Iterator[bytes]:
    """An endless sequence of damaged inputs, the same for the same seed; the corpus comes first."""
    rng = random.Random(seed)
    yield from corpus
    while True:
        data = bytearray(rng.choice(corpus))
        data[1] = rng.randrange(256)
        for _ in range(rng.choice((1, 1, 2, 4, 8))):
            _damage(data, rng, corpus)
        yield bytes(data)


def _damage(data: bytearray, rng: random.Random, inputs: list[bytes]) -> None:
    """One change behind the set-up octets; sizes and names sit where most of it lands."""
    at = rng.randrange(2, len(data)) if len(data) > 2 else 2
    match rng.randrange(7):
        case 0:
            data[at : at + 1] = bytes((rng.randrange(256),))
        case 1:
            data[at : at + 1] = rng.choice((b"\0", b"\x01", b"\x7f", b"\x80", b"\xff"))
        case 2:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 300)))
        case 3:
            del data[at : at + rng.choice((1, 2, 4, 8, 64))]
        case 4:
            del data[at:]
        case 5:
            other = rng.choice(inputs)
            data[at:] = other[rng.randrange(2, len(other)) :]
        case 6:
            size = rng.choice((0, 1, 255, 256, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
            data[at : at + 8] = size.to_bytes(8, "big")
