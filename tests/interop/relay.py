"""Carries frames between interfaces `left` and `right`: not all of them, and some twice or late.

Only UDP and PGM suffer, neighbour discovery does not. The same seed gives the same choices for the
same sequence of frames.
"""

import argparse
import heapq
import random
import select
import socket
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
VICTIMS = {17, 113}
SO_RCVBUFFORCE = 33  # beyond the host's limit: what is lost is lost on purpose


def protocol(frame: bytearray) -> int:
    """Of the IPv4 packet in it, or -1."""
    return frame[23] if len(frame) > 33 and frame[12:14] == b"\x08\0" else -1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--copies", type=float, default=0.0)
    parser.add_argument("--late", type=float, default=0.0, help="share of frames that are delayed")
    parser.add_argument("--delay", type=float, default=0.005, help="seconds, for those")
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    ends = []
    for name in ("left", "right"):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        sock.bind((name, ETH_P_ALL))
        sock.setblocking(False)
        ends.append(sock)
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    print("ready", flush=True)
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select(ends, [], [], patience)
        for sock in ready:
            other = 1 - ends.index(sock)
            for _ in range(64):
                try:
                    octets, origin = sock.recvfrom(65536)
                except OSError:
                    break
                if origin[2] == PACKET_OUTGOING:
                    continue
                frame = bytearray(octets)
                due = 0.0
                kind = protocol(frame)
                if kind in VICTIMS:
                    if rng.random() < chosen.loss:
                        continue
                    if kind == 17:  # the kernel left the checksum to a device that is not there
                        at = 14 + (frame[14] & 15) * 4
                        frame[at + 6 : at + 8] = b"\0\0"
                    if rng.random() < chosen.late:
                        due = time.monotonic() + chosen.delay * rng.random()
                    if rng.random() < chosen.copies:
                        send(ends[other], bytes(frame))
                if due:
                    count += 1
                    heapq.heappush(waiting, (due, count, other, bytes(frame)))
                else:
                    send(ends[other], bytes(frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, other, late = heapq.heappop(waiting)
            send(ends[other], late)


def send(sock: socket.socket, frame: bytes) -> None:
    try:
        sock.send(frame)
    except OSError:
        pass  # lost, as frames are


if __name__ == "__main__":
    main()
