"""CURVE over tcp: throughput, and handshakes."""

from collections.abc import Iterator

from bench.case import Bar, Case, Entry, Options, Sample, Settings, human, plain
from bench.crew import Crew
from bench.scenarios.pushpull import throughput
from bench.workers.common import QUANTILES

BARS = {128: 1.5, 1024: 1.5, 64 << 10: 1.2}
"""The demanded ratio to pyzmq, by message size."""
CROWDS = ((1, 1), (1, 16), (1, 64), (2, 16))
"""Client processes, and connections that each of them makes at once."""


def throughput_cases(settings: Settings) -> Iterator[Case]:
    """Every size that has a bar."""
    for size, ratio in BARS.items():
        if not settings.wants("tcp", size):
            continue

        def measure(crew: Crew, count: int, options: Options, size: int = size) -> Sample:
            return throughput(crew, "tcp", size, count, {"curve": 1, **options})

        yield Case(
            "curve",
            f"tcp {human(size)}",
            "msg/s",
            plain("peromq", "pyzmq"),
            measure,
            (Bar("msg/s", ratio, "pyzmq"),),
            first_count=max(200, min(50_000, (32 << 20) // size)),
            most=max(1000, min(10_000_000, (8 << 30) // size)),
            transport="tcp",
            size=size,
        )


def handshake_cases(settings: Settings) -> Iterator[Case]:
    """One connection after the other, and many at once."""
    entries = (
        *plain("peromq", "pyzmq"),
        Entry("pyzmq's clients", "pyzmq", {"server": "peromq"}),
        Entry("pyzmq's server", "peromq", {"server": "zmq"}),
    )
    for processes, sockets in CROWDS if settings.wants("tcp", 1) else ():

        def measure(
            crew: Crew,
            count: int,
            options: Options,
            processes: int = processes,
            sockets: int = sockets,
        ) -> Sample:
            return handshakes(crew, processes, sockets, count, options)

        yield Case(
            "handshakes",
            f"CURVE, {processes} × {sockets} at once",
            "per s",
            entries,
            measure,
            (Bar("per s", 1.0, "pyzmq"),),
            first_count=192,
            most=2000,
            transport="tcp",
            size=1,
        )


def handshakes(crew: Crew, processes: int, sockets: int, count: int, options: Options) -> Sample:
    """From connect to the answer to a first message; processor time per connection."""
    server = {"lib": options["server"]} if "server" in options else {}
    work: Options = {"curve": 1, "count": count}
    host = crew.start("admit", endpoint=crew.endpoint("tcp"), peers=processes, **work, **server)
    endpoint = host.expect("endpoint")["endpoint"]
    guests = [
        crew.start("knock", endpoint=endpoint, sockets=sockets, **work) for _ in range(processes)
    ]
    for guest in guests:
        guest.expect("ready")
    for guest in guests:
        guest.go()
    told = [guest.expect("seconds") for guest in guests]
    seconds = max(each["seconds"] for each in told)
    quantiles = [1e6 * value for value in told[0]["quantiles"]]
    values = {
        "per s": processes * count / seconds,
        "p50": quantiles[QUANTILES.index(0.5)],
        "cpu, server": 1e6 * host.expect("cpu")["cpu"],
        "cpu, client": 1e6 * max(each["cpu"] for each in told),
    }
    return Sample(seconds, values)
