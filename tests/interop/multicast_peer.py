"""One end of a multicast test, in its own process: a publisher or a subscriber, ours or libzmq's.

A publisher says "ready", sends when it reads a line, says "sent", closes at the next line. A
subscriber says "ready" when it has joined, and what it got as JSON when the last message came or
none for a while.
"""

import argparse
import json
import sys
import zlib

from tests.interop.multicast_groups import Joining

RATE, RECOVERY_IVL, SNDHWM, RCVHWM, RCVTIMEO, LINGER = 8, 9, 23, 24, 27, 17
MULTICAST_HOPS, MAXTPDU, SNDBUF, RCVBUF = 25, 84, 11, 12
PUB, SUB, XPUB, XSUB, SUBSCRIBE = 1, 2, 9, 10, 6


def message(number: int, size: int) -> list[bytes]:
    """A numbered message of two parts; sizes vary around `size`."""
    body = (b"%d." % number) * (1 + size * (number % 7 + 1) // 4 // 4)
    return [b"%d" % number, body]


def make(kind: str, socket_type: int):
    if kind == "ours":
        import peromq

        return peromq.Context().socket(socket_type)
    from tests.interop import libzmq_ctypes

    lib = libzmq_ctypes.load()
    assert lib is not None
    return libzmq_ctypes.Context(lib).socket(socket_type)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["ours", "libzmq"])
    parser.add_argument("role", choices=["pub", "sub"])
    parser.add_argument("endpoint")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--recovery", type=int, default=30_000)
    parser.add_argument("--patience", type=int, default=40_000)
    parser.add_argument("--topic", default="")
    parser.add_argument("--bind", action="store_true")
    parser.add_argument("--tpdu", type=int, default=1500)
    parser.add_argument("--x", action="store_true", help="XPUB or XSUB")
    parser.add_argument("--last", type=int, default=-1, help="the number that ends it")
    parser.add_argument("--all", type=int, default=0, help="so many messages end it")
    chosen = parser.parse_args()
    publisher = chosen.role == "pub"
    kinds = (XPUB, XSUB) if chosen.x else (PUB, SUB)
    sock = make(chosen.kind, kinds[0] if publisher else kinds[1])
    for option, value in (
        (RATE, chosen.rate),
        (RECOVERY_IVL, chosen.recovery),
        (SNDHWM, 0),
        (RCVHWM, 0),
        (LINGER, 5000),
        (RCVTIMEO, chosen.patience),
        (MAXTPDU, chosen.tpdu),
    ):
        sock.setsockopt(option, value)
    if not publisher and not chosen.x:
        sock.setsockopt(SUBSCRIBE, chosen.topic.encode())
    joining = Joining(chosen.endpoint)
    (sock.bind if chosen.bind else sock.connect)(chosen.endpoint)
    if not publisher:
        joining.wait()
    print("ready", flush=True)
    if publisher:
        while line := sys.stdin.readline().split():
            if line[0] != "send":
                break
            for number in range(int(line[1]), int(line[2])):
                sock.send_multipart(message(number, chosen.size))
            print("sent", flush=True)
        sock.close()
    else:
        last = chosen.count - 1 if chosen.last < 0 else chosen.last
        receive(sock, last, chosen.all, chosen.size)


def receive(sock, last: int, count: int, size: int) -> None:
    got, spoilt = [], 0
    while len(got) < count if count else not got or got[-1] < last:
        try:
            parts = sock.recv_multipart()
        except Exception as failure:  # each library has its own
            if getattr(failure, "errno", None) != 11:
                raise
            break
        got.append(int(parts[0]))
        spoilt += parts != message(got[-1], size)
    print(
        json.dumps({"got": got, "spoilt": spoilt, "crc": zlib.crc32(repr(got).encode())}),
        flush=True,
    )
    sys.stdin.readline()
    sock.close(0) if hasattr(sock, "handle") else sock.close(linger=0)


if __name__ == "__main__":
    main()
