"""Many peers pushing to one PULL with one I/O thread, and with four."""

from collections.abc import Iterator

from bench.case import Bar, Case, Entry, Options, Sample, Settings
from bench.crew import Crew

PUSHERS = 2
SOCKETS = 8
SIZE = 128


def cases(settings: Settings) -> Iterator[Case]:
    """16 peers in two processes, over tcp."""
    if settings.wants("tcp", SIZE):
        yield Case(
            "iothreads",
            f"tcp {SIZE} B, {PUSHERS * SOCKETS} PUSHes",
            "msg/s",
            tuple(
                Entry(f"{name}, {threads} I/O", name, {"io_threads": threads})
                for name in ("peromq", "pyzmq")
                for threads in (1, 4)
            ),
            measure,
            (Bar("msg/s", 0.9, "peromq, 1 I/O", ours="peromq, 4 I/O"),),
            first_count=50_000,
            most=10_000_000,
            transport="tcp",
            size=SIZE,
        )


def measure(crew: Crew, count: int, options: Options) -> Sample:
    """Messages a second at the receiver; only its number of I/O threads varies."""
    each = count // PUSHERS
    pull = crew.start(
        "pull",
        endpoint=crew.endpoint("tcp"),
        peers=PUSHERS * SOCKETS,
        count=PUSHERS * each - 1,
        **options,
    )
    endpoint = pull.expect("endpoint")["endpoint"]
    pushers = [
        crew.start("push", endpoint=endpoint, sockets=SOCKETS, size=SIZE, count=each)
        for _ in range(PUSHERS)
    ]
    pull.expect("ready")
    for push in pushers:
        push.go()
    told = pull.expect("seconds")
    return Sample(told["seconds"], {"msg/s": told["count"] / told["seconds"]})
