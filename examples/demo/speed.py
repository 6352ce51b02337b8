"""PUSH to PULL over tcp between two processes, 100 octets a message, on peromq or on pyzmq.

A taste, not a benchmark: one run, on whatever else this machine is doing.
"""

import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from itertools import repeat
from time import perf_counter

SIZE = 100  # octets
BATCH = 1000  # messages between two looks at the clock, and per call if batched


def measure(library: str, seconds: float, *, batched: bool = False) -> float:
    """Messages per second, measured by a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", __spec__.name, "receive", library, str(seconds), str(int(batched))],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=True,
    )
    return float(run.stdout)


def receive(library: str, seconds: float, batched: bool) -> float:
    zmq = import_module(library)
    with zmq.Context() as context, context.socket(zmq.PULL) as sock:
        sock.rcvtimeo = 20_000  # milliseconds
        port = sock.bind_to_random_port("tcp://127.0.0.1")
        arguments = ["send", library, str(port), str(int(batched))]
        with subprocess.Popen([sys.executable, "-m", __spec__.name, *arguments]) as sender:
            try:
                sock.recv()
                received = 0
                start = perf_counter()
                while (elapsed := perf_counter() - start) < seconds:
                    if batched:
                        received += len(sock.recv_many(BATCH))
                    else:
                        for _ in range(BATCH):
                            sock.recv()
                        received += BATCH
            finally:
                sender.terminate()
    return received / elapsed


def send(library: str, port: int, batched: bool) -> None:
    zmq = import_module(library)
    message = bytes(SIZE)
    with zmq.Context() as context, context.socket(zmq.PUSH) as sock:
        sock.connect(f"tcp://127.0.0.1:{port}")
        while True:  # until the receiver has had enough
            if batched:
                sock.send_many(repeat(message, BATCH))
            else:
                sock.send(message)


if __name__ == "__main__":
    role, name, number, flag = sys.argv[1:]
    if role == "receive":
        print(receive(name, float(number), flag == "1"))
    else:
        with suppress(KeyboardInterrupt):
            send(name, int(number), flag == "1")
