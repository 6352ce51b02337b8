"""PUSH to proxy() to PULL: three processes."""

from collections.abc import Iterator

from bench.case import Bar, Case, Options, Sample, Settings, plain
from bench.crew import Crew

SIZE = 128


def cases(settings: Settings) -> Iterator[Case]:
    """One size, over tcp."""
    if settings.wants("tcp", SIZE):
        yield Case(
            "proxy",
            f"tcp {SIZE} B",
            "msg/s",
            plain("peromq", "pyzmq", "pyomq"),
            measure,
            (Bar("msg/s", 2.0, "pyzmq"),),
            first_count=20_000,
            most=10_000_000,
            transport="tcp",
            size=SIZE,
        )


def measure(crew: Crew, count: int, options: Options) -> Sample:
    """Messages a second behind the proxy."""
    work: Options = {"size": SIZE, "count": count, **options}
    front, back = crew.endpoint("tcp", "front"), crew.endpoint("tcp", "back")
    middle = crew.start("proxy", endpoint=front, backend=back, **options)
    told = middle.expect("endpoint")
    pull = crew.start("pull", endpoint=told["backend"], attach="connect", **work)
    pull.expect("endpoint")
    push = crew.start("push", endpoint=told["endpoint"], **work)
    pull.expect("ready")
    push.go()
    seconds = pull.expect("seconds")["seconds"]
    return Sample(seconds, {"msg/s": count / seconds})
