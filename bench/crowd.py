"""What a crowd that never shakes hands costs a server, and the honest clients among it.

    python -m bench.crowd [--strangers 5000] [--mechanism CURVE] [--library peromq] [--times 101]

The server is a process of its own. First its clients have it for themselves, then the strangers
connect and stay silent, then the clients come again: each figure is the median time from a client's
connect to the arrival of its first message. Memory is the server's resident growth per stranger.
The bars: at most twice the quiet time, at most 4 KiB each.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

SERVER = """
import importlib, sys
zmq = importlib.import_module(sys.argv[1])
context = zmq.Context()
server = context.socket(zmq.PULL)
server.setsockopt(zmq.BACKLOG, 4096)
server.setsockopt(zmq.HANDSHAKE_IVL, 0)
if hasattr(zmq, "HALF_OPEN_MAX"):
    server.setsockopt(zmq.HALF_OPEN_MAX, 1000000)  # all are to stay: that is what is measured
if sys.argv[2]:
    server.setsockopt(zmq.CURVE_SERVER, 1)
    server.setsockopt(zmq.CURVE_SECRETKEY, sys.argv[2].encode())
server.bind("tcp://127.0.0.1:*")
answers = context.socket(zmq.PUSH)
answers.bind("tcp://127.0.0.1:*")
for one in (server, answers):
    print(one.getsockopt(zmq.LAST_ENDPOINT).decode(), flush=True)
while True:
    answers.send(server.recv())
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--strangers", type=int, default=5000)
    parser.add_argument("--mechanism", choices=("NULL", "CURVE"), default="CURVE")
    parser.add_argument("--library", dest="name", choices=("peromq", "zmq"), default="peromq")
    parser.add_argument("--times", type=int, default=101, help="clients, each time")
    options = parser.parse_args()
    _allow_descriptors(2 * options.strangers + 200)
    zmq = importlib.import_module(options.name)
    keys: dict[str, Any] = {}
    secret = b""
    if options.mechanism == "CURVE":
        public, secret = zmq.curve_keypair()
        mine = zmq.curve_keypair()
        keys = {"CURVE_SERVERKEY": public, "CURVE_PUBLICKEY": mine[0], "CURVE_SECRETKEY": mine[1]}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, options.name, secret.decode()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        return _measure(options, zmq, keys, server)
    finally:
        server.kill()
        server.wait()


def _measure(options: Any, zmq: Any, keys: dict[str, Any], server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    endpoint, answers = (server.stdout.readline().strip() for _ in range(2))
    context = zmq.Context()
    heard = context.socket(zmq.PULL)
    heard.connect(answers)

    def get_in() -> float:
        began = time.perf_counter()
        client = context.socket(zmq.PUSH)
        for name, value in keys.items():
            client.setsockopt(getattr(zmq, name), value)
        client.connect(endpoint)
        client.send(b"hello")
        heard.recv()
        took = time.perf_counter() - began
        client.close(linger=0)
        return took

    def median() -> float:
        return statistics.median(get_in() for _ in range(options.times))

    median()  # warm
    quiet = median()
    before = _resident(server.pid)
    address = endpoint.removeprefix("tcp://").rsplit(":", 1)
    crowd = [
        socket.create_connection((address[0], int(address[1]))) for _ in range(options.strangers)
    ]
    get_in()  # behind them all
    each = (_resident(server.pid) - before) / options.strangers
    among = median()
    for stranger in crowd:
        stranger.close()
    heard.close(linger=0)
    context.term()
    good = among <= 2 * quiet and each <= 4096
    print(
        f"{options.name}, {options.mechanism}, {options.strangers} strangers: "
        f"{1e3 * quiet:.2f} ms alone, {1e3 * among:.2f} ms among them ({among / quiet:.2f} times), "
        f"{each:.0f} octets each: {'PASS' if good else 'FAIL'}"
    )
    return int(not good)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _allow_descriptors(count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        sys.exit(f"only {hard} descriptors allowed, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


if __name__ == "__main__":
    sys.exit(main())
