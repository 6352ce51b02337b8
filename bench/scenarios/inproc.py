"""PUSH to PULL between two threads of one process."""

from collections.abc import Iterator

from bench.case import Bar, Case, Options, Sample, Settings, human, plain
from bench.crew import Crew

SIZES = (16, 1024)


def cases(settings: Settings) -> Iterator[Case]:
    """A small and a middling message."""
    for size in SIZES:
        if settings.wants("inproc", size):
            yield case(size)


def case(size: int) -> Case:
    """One size."""

    def measure(crew: Crew, count: int, options: Options) -> Sample:
        worker = crew.start("inproc", size=size, count=count, **options)
        seconds = worker.expect("seconds")["seconds"]
        return Sample(seconds, {"msg/s": count / seconds})

    return Case(
        "inproc",
        f"inproc {human(size)}",
        "msg/s",
        plain("peromq", "pyzmq", "pyomq", "c"),
        measure,
        (Bar("msg/s", 5.0, "pyzmq"),),
        first_count=20_000,
        most=10_000_000,
        transport="inproc",
        size=size,
    )
