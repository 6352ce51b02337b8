"""epgm between two network namespaces: goodput and latency, ours and libzmq's with OpenPGM.

    sudo python -m bench.multicast [--rate KBITS] [--size OCTETS] [--messages N] [--loss PERCENT]

Publisher and subscriber are of the same kind. Losses are made by nftables at the subscriber's side.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import struct
import sys
import time
from pathlib import Path

from tests.interop.netns import A, B, Network

GROUP = "239.192.7.1:7500"
SNDBUF, RCVBUF = 11, 12
RATE, RECOVERY_IVL, SNDHWM, RCVHWM, RCVTIMEO, LINGER, SUBSCRIBE = 8, 9, 23, 24, 27, 17, 6
PUB, SUB = 1, 2
LAST = b"last"


class Ours:
    def __init__(self, kind: int) -> None:
        import peromq

        self.sock = peromq.Context().socket(kind)
        self.set = self.sock.setsockopt
        self.connect = self.sock.connect
        self.send = self.sock.send
        self.recv = self.sock.recv

    def close(self) -> None:
        self.sock.close()

    def counters(self) -> dict[str, int]:
        control = self.sock.context._state.control
        (peer,) = control._records[id(self.sock._state.options)].peers.values()
        return peer.stats()


class Libzmq:
    """Through ctypes, into one buffer: about a microsecond a call."""

    def __init__(self, kind: int) -> None:
        from tests.interop import libzmq_ctypes

        lib = libzmq_ctypes.load()
        assert lib is not None
        lib.zmq_recv.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.sock = libzmq_ctypes.Context(lib).socket(kind)
        self.lib, self.handle = lib, self.sock.handle
        self.set = self.sock.setsockopt
        self.connect = self.sock.connect
        self.buffer = ctypes.create_string_buffer(1 << 20)

    def send(self, data: bytes) -> None:
        self.lib.zmq_send(self.handle, data, len(data), 0)

    def recv(self) -> bytes:
        size = self.lib.zmq_recv(self.handle, self.buffer, len(self.buffer), 0)
        if size < 0:
            raise TimeoutError
        return self.buffer[:size]

    def close(self) -> None:
        self.sock.close()


def worker(kind: str, role: str, chosen: argparse.Namespace) -> None:
    sock = (Ours if kind == "ours" else Libzmq)(PUB if role == "pub" else SUB)
    for option, value in (
        (RATE, chosen.rate),
        (RECOVERY_IVL, chosen.recovery),
        (SNDHWM, 0),
        (RCVHWM, 0),
        (RCVTIMEO, 5000),
        (LINGER, 0),
        (RCVBUF, 1 << 22),
        (SNDBUF, 1 << 20),
    ):
        sock.set(option, value)
    if role == "sub":
        sock.set(SUBSCRIBE, b"")
    sock.connect(f"epgm://{A if role == 'pub' else B};{GROUP}")
    print("ready", flush=True)
    if role == "pub":
        publish(sock, chosen)
    else:
        subscribe(sock)
    sys.stdin.readline()
    print(json.dumps(kernel() | (sock.counters() if isinstance(sock, Ours) else {})), flush=True)
    sock.close()


def kernel() -> dict[str, int]:
    """Datagrams that the kernel dropped, in this namespace, for want of room in a socket."""
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    names, values = [line[1:] for line in lines if line[0] == "Udp:"]
    return {"overruns": int(dict(zip(names, values, strict=True))["RcvbufErrors"])}


def publish(sock: Ours | Libzmq, chosen: argparse.Namespace) -> None:
    sys.stdin.readline()
    if chosen.latency:
        for _ in range(chosen.messages):
            sock.send(struct.pack("=d", time.monotonic()).ljust(chosen.size, b"x"))
            until = time.monotonic() + 0.001
            while time.monotonic() < until:
                time.sleep(0.0002)
    else:
        body = b"x" * chosen.size
        for _ in range(chosen.messages):
            sock.send(body)
    for _ in range(3):
        sock.send(LAST)


def subscribe(sock: Ours | Libzmq) -> None:
    """Of everything received: how many, how long from the first to the last, and the delays."""
    octets = count = 0
    delays = []
    begin = end = 0.0
    try:
        while (message := sock.recv()) != LAST:
            if not count:
                begin = time.monotonic()
            count += 1
            octets += len(message)
            if count % 16 == 0 or len(message) < 100:
                end = time.monotonic()
                if len(message) >= 8 and message[8:9] == b"x":
                    delays.append(end - struct.unpack("=d", message[:8])[0])
        end = time.monotonic()
    except Exception as failure:
        print(f"gave up: {failure}", file=sys.stderr)
    result = {"count": count, "octets": octets, "seconds": end - begin}
    if delays:
        delays.sort()
        result["p50"] = delays[len(delays) // 2]
        result["p99"] = delays[len(delays) * 99 // 100]
    print(json.dumps(result), flush=True)


def measure(kind: str, chosen: argparse.Namespace, latency: bool, loss: int) -> dict[str, float]:
    words = []
    for name in ("rate", "size", "messages", "recovery"):
        words += [f"--{name}", str(getattr(chosen, name))]
    if latency:
        words += ["--latency", "--messages", "2000", "--size", "64"]
    with Network() as network:
        if loss:
            network.forbid("b", "input", f"udp dport 7500 numgen random mod 100 < {loss}")
        script = str(Path(__file__))
        sub = network.start("b", script, "--worker", kind, "sub", *words)
        assert sub.stdout is not None
        assert sub.stdout.readline() == "ready\n"
        pub = network.start("a", script, "--worker", kind, "pub", *words)
        assert pub.stdout is not None
        assert pub.stdin is not None
        assert pub.stdout.readline() == "ready\n"
        pub.stdin.write("go\n")
        pub.stdin.flush()
        found: dict[str, float] = json.loads(sub.stdout.readline())
        if chosen.verbose:
            for role, process in (("sub", sub), ("pub", pub)):
                assert process.stdin is not None
                process.stdin.write("end\n")
                process.stdin.flush()
                assert process.stdout is not None
                print(f"  {kind} {role}: {found} {process.stdout.readline().strip()}")
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--recovery", type=int, default=2000)
    parser.add_argument("--loss", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="counters of each run")
    parser.add_argument("--worker", nargs=2, metavar=("KIND", "ROLE"))
    chosen = parser.parse_args()
    if chosen.worker:
        worker(*chosen.worker, chosen)
        return
    for name, latency, loss in (
        ("goodput, MB/s", False, 0),
        (f"goodput with {chosen.loss} % loss, MB/s", False, chosen.loss),
        ("latency p50, us", True, 0),
    ):
        found: dict[str, list[float]] = {"ours": [], "libzmq": []}
        for _ in range(chosen.rounds):
            for kind, values in found.items():
                one = measure(kind, chosen, latency, loss)
                missing = (2000 if latency else chosen.messages) - one["count"]
                if missing:
                    print(f"  {kind}: {missing} messages missing")
                if latency:
                    values.append(one["p50"] * 1e6)
                else:
                    values.append(one["octets"] / one["seconds"] / 1e6)
        medians = {kind: statistics.median(values) for kind, values in found.items()}
        print(f"{name}: " + ", ".join(f"{k} {v:.1f}" for k, v in medians.items()), found)


if __name__ == "__main__":
    main()
