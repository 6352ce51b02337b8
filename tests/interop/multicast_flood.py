"""Floods a group, and one of its publishers, with whatever PGM can be forged, for some seconds."""

import itertools
import os
import random
import socket
import sys
import time

from tests.oracle import pgm


def forged(rng: random.Random, port: int) -> list[bytes]:
    """Datagrams of a kind each; the sequence numbers are nowhere near each other."""
    found = []
    for _ in range(2000):
        ids = {"gsi": rng.randbytes(6), "sport": rng.randrange(65536), "dport": port}
        sqn = rng.randrange(1 << 32)
        many = [rng.randrange(1 << 32) for _ in range(63)]
        payload = pgm.apdu(rng.randbytes(rng.choice((0, 10, 1300))), rng.choice((0, 3, 0xFFFF)))
        option = pgm.options(*[(kind, rng.randbytes(250)) for kind in range(0x60, 0x64)])
        head = pgm.header(pgm.ODATA, options=1, tsdu=len(payload), **ids) + pgm.words(sqn, sqn)
        found += [
            pgm.spm(sqn, sqn, sqn - 1, **ids),
            pgm.spm(sqn, sqn - 2_000_000_000, sqn, **ids),
            pgm.data(sqn, sqn - rng.randrange(1000), payload, **ids),
            pgm.data(sqn, sqn - 100_000, payload, pgm.RDATA, **ids),
            pgm.nak(many, **ids),
            pgm.nak(many, pgm.NCF, **ids),
            pgm.spmr(**ids),
            pgm.seal(head + option + payload),
            rng.randbytes(rng.randrange(1400)),
        ]
    return found


def main() -> None:
    own, group, port, victim, seconds = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        datagrams = forged(random.Random(7), int(port))
        print("ready", flush=True)
        end = time.monotonic() + float(seconds)
        count = 0
        for datagram in itertools.cycle(datagrams):
            for host in (group, victim):
                try:
                    sock.sendto(datagram, (host, int(port)))
                except OSError:
                    continue  # no room just now
            count += 1
            if count % 64 == 0:
                os.sched_yield()
                if time.monotonic() > end:
                    break
    print(count, flush=True)


if __name__ == "__main__":
    main()
