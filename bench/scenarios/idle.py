"""Two connected peers with nothing to say: one blocked in recv, one in a Poller."""

from collections.abc import Iterator

from bench.case import Bar, Case, Options, Sample, Settings, plain
from bench.crew import Crew

SILENCE = 10.0
LIMIT = 0.2
"""Per cent of a core."""


def cases(settings: Settings) -> Iterator[Case]:
    """Over tcp. One run is enough: it is an average over the silence."""
    if not settings.wants("tcp", 1):
        return
    silence = 2.0 if settings.quick else SILENCE

    def measure(crew: Crew, count: int, options: Options) -> Sample:
        return wait(crew, silence, options)

    yield Case(
        "idle",
        f"tcp, {silence:g} s of silence",
        "cpu, recv",
        plain("peromq", "pyzmq", "pyomq"),
        measure,
        (
            Bar("cpu, recv", LIMIT, at_least=False),
            Bar("cpu, poll", LIMIT, at_least=False),
        ),
        runs=1,
        transport="tcp",
    )


def wait(crew: Crew, silence: float, options: Options) -> Sample:
    """Processor time of each process while it waits, in per cent of a core."""
    work: Options = {"seconds": silence, **options}
    first = crew.start("idle", endpoint=crew.endpoint("tcp"), how="recv", **work)
    endpoint = first.expect("endpoint")["endpoint"]
    second = crew.start("idle", endpoint=endpoint, attach="connect", how="poll", **work)
    second.expect("endpoint")
    values = {}
    for name, worker in (("cpu, recv", first), ("cpu, poll", second)):
        told = worker.expect("cpu")
        values[name] = 100 * told["cpu"] / told["seconds"]
    return Sample(silence, values)
