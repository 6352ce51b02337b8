"""Two thousand idle connections to one PULL: resident memory of its process, per connection."""

from collections.abc import Iterator

from bench.case import Bar, Case, Options, Sample, Settings, plain
from bench.crew import Crew

CONNECTIONS = 2000
SIZE = 100
LIMIT = 8192
RUNS = 3


def cases(settings: Settings) -> Iterator[Case]:
    """The peers are plain sockets that shook hands by hand, the same for every contestant."""
    if not settings.wants("tcp", SIZE):
        return
    yield Case(
        "memory",
        f"tcp, {CONNECTIONS} connections",
        "idle",
        plain("peromq", "pyzmq", "pyomq"),
        measure,
        tuple(Bar(metric, LIMIT, at_least=False) for metric in ("idle", "used once")),
        first_count=CONNECTIONS,
        most=CONNECTIONS,
        runs=min(RUNS, settings.runs),
        transport="tcp",
    )


def measure(crew: Crew, count: int, options: Options) -> Sample:
    """Growth right after the handshakes, and after one message through each."""
    hold = crew.start("hold", endpoint=crew.endpoint("tcp"), peers=count, **options)
    endpoint = hold.expect("endpoint")["endpoint"]
    crowd = crew.start_raw("crowd", endpoint=endpoint, peers=count, size=SIZE)
    crowd.expect("warm")
    before = hold.expect("rss")["rss"]
    crowd.go()
    crowd.expect("ready")
    hold.go()
    idle = hold.expect("rss")["rss"]
    crowd.go()
    crowd.expect("sent")
    hold.go()
    used = hold.expect("rss")["rss"]
    values = {"idle": (idle - before) / count, "used once": (used - before) / count}
    return Sample(0.0, values)
