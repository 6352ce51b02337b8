"""``python -m bench.websocket_echo``: ws against `websockets`, echoing the same frames.

One process echoes, this one sends and receives with a window of messages on the way; both
libraries in turn, several times over. The bar: at least 3 times the messages per second at 128 B.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

BAR = 3.0
WINDOW = 1000  # messages on the way


def peromq_server(told: Connection) -> None:
    """A PAIR that sends back what it gets."""
    import peromq as zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as pair:
        pair.linger = 0
        pair.bind("ws://127.0.0.1:*")
        told.send(pair.last_endpoint.decode())
        while (message := pair.recv()) != b"":
            pair.send(message)


def peromq_client(endpoint: str, count: int, body: bytes) -> float:
    """Seconds for `count` round trips."""
    import peromq as zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as pair:
        pair.linger = 1000
        pair.connect(endpoint)
        pair.send(body)
        pair.recv()
        began = time.perf_counter()
        for n in range(count + WINDOW):
            if n < count:
                pair.send(body)
            if n >= WINDOW:
                pair.recv()
        took = time.perf_counter() - began
        pair.send(b"")
        return took


def websockets_server(told: Connection) -> None:
    """A handler that sends back what it gets."""
    from websockets.asyncio.server import ServerConnection, serve

    async def main() -> None:
        done = asyncio.Event()

        async def echo(connection: ServerConnection) -> None:
            async for message in connection:
                await connection.send(message)
            done.set()

        async with serve(echo, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            told.send(f"ws://127.0.0.1:{port}")
            await done.wait()

    asyncio.run(main())


def websockets_client(endpoint: str, count: int, body: bytes) -> float:
    """Seconds for `count` round trips; each message has ZWS's octet of flags as well."""
    from websockets.asyncio.client import connect

    frame = b"\0" + body

    async def main() -> float:
        async with connect(endpoint, compression=None) as connection:
            await connection.send(frame)
            await connection.recv()
            began = time.perf_counter()
            for n in range(count + WINDOW):
                if n < count:
                    await connection.send(frame)
                if n >= WINDOW:
                    await connection.recv()
            return time.perf_counter() - began

    return asyncio.run(main())


Server = Callable[[Connection], None]
Client = Callable[[str, int, bytes], float]
LIBRARIES: dict[str, tuple[Server, Client]] = {
    "websockets": (websockets_server, websockets_client),
    "peromq": (peromq_server, peromq_client),
}


def measure(name: str, count: int, size: int) -> float:
    """Messages echoed per second."""
    server, client = LIBRARIES[name]
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=server, args=(theirs,))
    process.start()
    try:
        return count / client(ours.recv(), count, b"x" * size)
    finally:
        process.join(10)
        process.kill()


def main() -> int:
    """Print the medians; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--count", type=int, default=20_000)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for _ in range(options.runs):
        for name, found in rates.items():
            count = options.count * (5 if name == "peromq" else 1)
            found.append(measure(name, count, options.size))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, found in rates.items():
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        print(f"{name:12} {medians[name]:12,.0f} messages/s   ({spread})")
    share = medians["peromq"] / medians["websockets"]
    print(f"ratio {share:.1f}, bar {BAR}")
    return 0 if share >= BAR or options.size != 128 else 1


if __name__ == "__main__":
    sys.exit(main())
