"""REQ to REP between two processes: the round trip's distribution."""

from collections.abc import Iterator

from bench.case import Bar, Case, Entry, Options, Sample, Settings, plain
from bench.crew import Crew
from bench.workers.common import QUANTILES

SIZE = 8
SILENT = "peromq, no spin"

ENTRIES = (
    Entry("peromq", "peromq"),
    Entry(SILENT, "peromq", {"spin": 0}),
    *plain("pyzmq", "pyomq", "c", "raw"),
)
BARS = (
    Bar("p50", 0.2, "pyzmq", at_least=False),
    Bar("p50", 0.5, "raw", at_least=False),
    Bar("p99", 1.0, "pyzmq", at_least=False),
    Bar("p50", 0.7, "pyzmq", ours=SILENT, at_least=False),
    Bar("p99", 1.0, "pyzmq", ours=SILENT, at_least=False),
)


def cases(settings: Settings) -> Iterator[Case]:
    """Both transports."""
    for transport in ("tcp", "ipc"):
        if settings.wants(transport, SIZE):
            yield case(transport, 1000 if settings.quick else 5000)


def case(transport: str, count: int) -> Case:
    """One transport."""

    def measure(crew: Crew, count: int, options: Options) -> Sample:
        return round_trips(crew, transport, count, options)

    return Case(
        "reqrep",
        f"{transport} {SIZE} B",
        "p50",
        ENTRIES,
        measure,
        BARS,
        first_count=count,
        most=count,
        transport=transport,
        size=SIZE,
    )


def round_trips(crew: Crew, transport: str, count: int, options: Options) -> Sample:
    """Round trips in microseconds, at the client."""
    work: Options = {"size": SIZE, "count": count, **options}
    rep = crew.start("rep", endpoint=crew.endpoint(transport), **work)
    req = crew.start("req", endpoint=rep.expect("endpoint")["endpoint"], **work)
    req.go()
    told = req.expect("seconds")
    curve = [1e6 * value for value in told["quantiles"]]
    values = {"p50": curve[QUANTILES.index(0.5)], "p99": curve[QUANTILES.index(0.99)]}
    return Sample(told["seconds"], values, curve)
