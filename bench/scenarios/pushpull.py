"""PUSH to PULL between two processes, one call a message, and by the batch."""

from collections.abc import Iterator

from bench.case import Bar, Case, Entry, Options, Sample, Settings, human, plain
from bench.crew import Crew

SIZES = (8, 16, 128, 1024, 64 << 10, 1 << 20)
BATCH = 1000
LARGEST_QUEUE = 64 << 20
"""Bytes: the high-water mark of 1000 is lowered where it would queue more than this."""


def bars(size: int) -> tuple[Bar, ...]:
    """The demanded ratios, by message size."""
    if size <= 128:
        ratios = {"pyzmq": 5.0, "pyomq": 3.0, "c": 1.5}
    elif size <= 1024:
        ratios = {"pyzmq": 2.5, "pyomq": 1.8}
    else:
        ratios = {"pyzmq": 1.5, "pyomq": 1.2}
    return tuple(Bar("msg/s", ratio, theirs) for theirs, ratio in ratios.items())


def cases(settings: Settings) -> Iterator[Case]:
    """Every transport with every size."""
    for transport in ("tcp", "ipc"):
        for size in SIZES:
            if settings.wants(transport, size):
                yield case(transport, size)


def case(transport: str, size: int) -> Case:
    """One transport, one size."""

    def measure(crew: Crew, count: int, options: Options) -> Sample:
        return throughput(crew, transport, size, count, options)

    return Case(
        "pushpull",
        f"{transport} {human(size)}",
        "msg/s",
        plain("peromq", "pyzmq", "pyomq", "c", "raw"),
        measure,
        bars(size),
        first_count=max(200, min(50_000, (32 << 20) // size)),
        most=max(1000, min(10_000_000, (8 << 30) // size)),
        transport=transport,
        size=size,
    )


def batch_cases(settings: Settings) -> Iterator[Case]:
    """Our send_many and recv_many against the C program's single calls."""
    size = 16
    for transport in ("tcp", "ipc"):
        if not settings.wants(transport, size):
            continue

        def measure(crew: Crew, count: int, options: Options, transport: str = transport) -> Sample:
            return throughput(crew, transport, size, count, options)

        yield Case(
            "batch",
            f"{transport} {human(size)}",
            "msg/s",
            (Entry("peromq", "peromq", {"batch": BATCH}), *plain("c")),
            measure,
            (Bar("msg/s", 3.0, "c"),),
            first_count=100_000,
            most=40_000_000,
            transport=transport,
            size=size,
        )


def throughput(crew: Crew, transport: str, size: int, count: int, options: Options) -> Sample:
    """Messages a second at the receiver."""
    options = {"hwm": min(1000, max(16, LARGEST_QUEUE // size)), **options}
    pull = crew.start("pull", endpoint=crew.endpoint(transport), size=size, count=count, **options)
    endpoint = pull.expect("endpoint")["endpoint"]
    push = crew.start("push", endpoint=endpoint, size=size, count=count, **options)
    pull.expect("ready")
    push.go()
    seconds = pull.expect("seconds")["seconds"]
    return Sample(seconds, {"msg/s": count / seconds, "MB/s": count * size / seconds / 1e6})
