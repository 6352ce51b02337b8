"""A million subscriptions in one XPUB: memory, and what it costs to find who wants a message.

    python -m bench.scale.subscriptions [--topics 1000000] [--transport tcp]

The subscriber is a process of its own. Memory is the resident growth of the XPUB's process, between
two readings of its own /proc/self/statm: connected, and with all notices of subscriptions received.
The cost of a match is that of the index alone (`peromq._core.trie`, by its tests' window), for
messages that each match one topic of those there are, in random order, so that nothing is in the
processor's caches; and that of a whole `send` in the XPUB to a subscriber that gets every message.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench.contestants import find
from bench.crew import Crew
from bench.workers.common import hear, live_briefly, say
from bench.workers.memory import resident

MODULE = "bench.scale.subscriptions"
MEMORY_BAR = 150e6
MATCH_BAR = 2000
LOOKED_UP = 200_000


def path(number: int, size: int) -> bytes:
    """As people name things: mostly prefixes in common."""
    text = b"site/%03d/rack/%03d/host/%03d/" % (
        number // 10**6,
        number // 1000 % 1000,
        number % 1000,
    )
    return text[-size:] if size <= len(text) else text.ljust(size, b"m")


def topics(kind: str, size: int, count: int) -> Iterator[bytes]:
    """`count` different topics, the same ones each time."""
    source = random.Random(1)
    for number in range(count):
        if kind == "number":
            yield b"%0*d" % (size, number)
        elif kind == "path":
            yield path(number, size)
        elif kind == "hex":
            yield source.randbytes(size // 2).hex().encode()
        else:
            yield source.randbytes(size)


KINDS = [
    ("number", 8),
    ("random", 8),
    ("path", 32),
    ("random", 16),
    ("path", 64),
    ("random", 32),
    ("random", 64),
    ("hex", 64),
]


def measure_index(kind: str, size: int, count: int) -> tuple[float, float]:
    """Octets, and ns for each match."""
    from peromq._core._window_trie import TrieWindow

    whole = b"".join(topics(kind, size, count))
    order = random.Random(2).choices(range(count), k=LOOKED_UP)
    messages = b"".join(whole[number * size : (number + 1) * size] for number in order)
    trie = TrieWindow()
    before = resident()
    trie.add_many(1, whole, size)
    octets = resident() - before
    took = min(_matching(trie, messages, size) for _ in range(3))
    return octets, took / LOOKED_UP * 1e9


def _matching(trie: Any, messages: bytes, size: int) -> float:
    """Seconds of the processor; the least of several is what it costs on a machine at rest."""
    began = time.process_time()
    found = trie.match_many(messages, size)
    took = time.process_time() - began
    assert found == LOOKED_UP, found
    return took


def index(options: argparse.Namespace) -> None:
    """Say what `measure_index` finds, in a process whose memory is fresh."""
    octets, match = measure_index(options.kind, options.size, options.topics)
    say(octets=octets, match=match)


def publisher(options: argparse.Namespace) -> None:
    """An XPUB that hears of them all, and publishes one message for each of some of them."""
    import peromq as zmq

    context = zmq.Context()
    sock = context.socket(zmq.XPUB)
    sock.linger = 0
    sock.sndhwm = 0
    sock.bind("ipc://*" if options.transport == "ipc" else "tcp://127.0.0.1:*")
    say(endpoint=sock.last_endpoint.decode())
    sock.recv()  # connected
    before = resident()
    say(rss=before)
    began = time.perf_counter()
    for _ in range(options.topics):
        sock.recv()
    took = time.perf_counter() - began
    say(octets=resident() - before, seconds=took)
    hear()
    every = max(options.topics // LOOKED_UP, 1)
    chosen = list(topics(options.kind, options.size, options.topics))[::every]
    random.Random(3).shuffle(chosen)
    began = time.perf_counter()
    for topic in chosen:
        sock.send(topic)
    say(sent=len(chosen), seconds=time.perf_counter() - began)
    hear()


def subscriber(options: argparse.Namespace) -> None:
    """A SUB that asks for them all."""
    import peromq as zmq

    context = zmq.Context()
    sock = context.socket(zmq.SUB)
    sock.rcvhwm = 0
    sock.subscribe(b"\xff connected")
    sock.connect(options.endpoint)
    hear()
    for topic in topics(options.kind, options.size, options.topics):
        sock.subscribe(topic)
    expected = int(hear())
    sock.rcvtimeo = 60_000
    for _ in range(expected):
        sock.recv()
    say(received=expected)
    hear()


def measure_sockets(options: argparse.Namespace, kind: str, size: int) -> dict[str, Any]:
    """Both processes, once."""
    with Crew(find("raw")) as crew:
        common = ["--topics", str(options.topics), "--kind", kind, "--size", str(size)]
        common += ["--transport", options.transport]
        xpub = crew.start_module(MODULE, "--role", "publisher", *common)
        endpoint = xpub.expect("endpoint")["endpoint"]
        sub = crew.start_module(MODULE, "--role", "subscriber", "--endpoint", endpoint, *common)
        xpub.expect("rss")
        sub.tell("subscribe")
        heard = xpub.expect("octets", 120)
        xpub.tell("publish")
        sent = xpub.expect("sent", 120)
        sub.tell(str(sent["sent"]))
        sub.expect("received", 120)
        return {
            "octets": heard["octets"],
            "taken in": heard["seconds"],
            "send": sent["seconds"] / sent["sent"] * 1e9,
        }


ROLES = {"index": index, "publisher": publisher, "subscriber": subscriber}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale.subscriptions")
    parser.add_argument("--topics", type=int, default=1_000_000)
    parser.add_argument("--transport", choices=("tcp", "ipc"), default="tcp")
    parser.add_argument("--role", choices=list(ROLES), help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    parser.add_argument("--kind", default="path", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=32, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    if options.role:
        live_briefly()
        ROLES[options.role](options)
        return 0
    good = True
    for kind, size in KINDS:
        with Crew(find("raw")) as crew:
            counting = ["--topics", str(options.topics), "--kind", kind, "--size", str(size)]
            worker = crew.start_module(MODULE, "--role", "index", *counting)
            said = worker.expect("match", 120)
        octets, match = said["octets"], said["match"]
        passed = octets <= MEMORY_BAR and match <= MATCH_BAR
        good = good and passed
        print(
            f"index, {options.topics} topics of {size} octets ({kind}): {octets / 1e6:.0f} MB, "
            f"{match:.0f} ns a match: {'PASS' if passed else 'FAIL'}",
            flush=True,
        )
    for kind, size in (("path", 32), ("random", 16)):
        figures = measure_sockets(options, kind, size)
        passed = figures["octets"] <= MEMORY_BAR
        good = good and passed
        print(
            f"XPUB, {options.topics} topics of {size} octets ({kind}), {options.transport}: "
            f"{figures['octets'] / 1e6:.0f} MB, all heard of within {figures['taken in']:.1f} s, "
            f"{figures['send']:.0f} ns a send: {'PASS' if passed else 'FAIL'}",
            flush=True,
        )
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
