"""PUSH to PULL and REQ to REP between two asyncio programs."""

from collections.abc import Iterator

from bench.case import Bar, Case, Entry, Options, Sample, Settings, human, plain
from bench.crew import Crew
from bench.workers.common import QUANTILES

SIZES = (8, 16, 128, 1024)
ROUND_TRIP = 8

LOOPS = (*plain("peromq", "pyzmq", "pyomq"), Entry("peromq, uvloop", "peromq", {"loop": "uvloop"}))


def cases(settings: Settings) -> Iterator[Case]:
    """Throughput, then round trips."""
    for size in SIZES:
        if settings.wants("tcp", size):
            yield throughput(size)
    if settings.wants("tcp", ROUND_TRIP):
        yield round_trip(1000 if settings.quick else 5000)


def throughput(size: int) -> Case:
    """One size over tcp."""

    def measure(crew: Crew, count: int, options: Options) -> Sample:
        work: Options = {"size": size, "count": count, **options}
        pull = crew.start("apull", endpoint=crew.endpoint("tcp"), **work)
        push = crew.start("apush", endpoint=pull.expect("endpoint")["endpoint"], **work)
        pull.expect("ready")
        push.go()
        seconds = pull.expect("seconds")["seconds"]
        return Sample(seconds, {"msg/s": count / seconds})

    bars = (Bar("msg/s", 15.0, "pyzmq"), Bar("msg/s", 1.2, "pyomq")) if size <= 128 else ()
    return Case(
        "asyncio",
        f"tcp {human(size)}",
        "msg/s",
        LOOPS,
        measure,
        bars,
        first_count=5_000,
        most=5_000_000,
        transport="tcp",
        size=size,
    )


def round_trip(count: int) -> Case:
    """REQ to REP over tcp."""

    def measure(crew: Crew, count: int, options: Options) -> Sample:
        work: Options = {"size": ROUND_TRIP, "count": count, **options}
        rep = crew.start("arep", endpoint=crew.endpoint("tcp"), **work)
        req = crew.start("areq", endpoint=rep.expect("endpoint")["endpoint"], **work)
        req.go()
        told = req.expect("seconds")
        curve = [1e6 * value for value in told["quantiles"]]
        values = {"p50": curve[QUANTILES.index(0.5)], "p99": curve[QUANTILES.index(0.99)]}
        return Sample(told["seconds"], values, curve)

    return Case(
        "asyncio",
        f"round trip tcp {ROUND_TRIP} B",
        "p50",
        LOOPS,
        measure,
        (Bar("p50", 0.5, "pyzmq", at_least=False),),
        first_count=count,
        most=count,
        transport="tcp",
        size=ROUND_TRIP,
    )
