"""One PUB, many SUBs: all deliveries together, a second."""

from collections.abc import Iterator

from bench.case import Bar, Case, Options, Sample, Settings, plain
from bench.crew import Crew

SUBSCRIBERS = 32
SIZE = 100
MOST = 100_000
"""Messages published: some 320 MB if all of them were queued at once."""
HWM = 2 * MOST
"""More than is ever published, so nothing is dropped. 0 is not unlimited for every contestant."""


def cases(settings: Settings) -> Iterator[Case]:
    """32 subscribers in one process, over tcp."""
    if settings.wants("tcp", SIZE):
        yield Case(
            "pubsub",
            f"tcp {SIZE} B, {SUBSCRIBERS} SUBs",
            "msg/s",
            plain("peromq", "pyzmq", "pyomq"),
            measure,
            (Bar("msg/s", 3.0, "pyzmq"),),
            first_count=2000,
            most=MOST,
            transport="tcp",
            size=SIZE,
        )


def measure(crew: Crew, count: int, options: Options) -> Sample:
    """Deliveries a second, from when every SUB has its first message until all have the last."""
    work: Options = {"size": SIZE, "count": count, "hwm": HWM, **options}
    pub = crew.start("pub", endpoint=crew.endpoint("tcp"), **work)
    endpoint = pub.expect("endpoint")["endpoint"]
    sub = crew.start("sub", endpoint=endpoint, sockets=SUBSCRIBERS, **work)
    sub.expect("ready")
    pub.go()
    told = sub.expect("seconds")
    return Sample(told["seconds"], {"msg/s": told["count"] / told["seconds"]})
