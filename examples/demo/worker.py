"""A worker: PULLs tasks, PUSHes results.

It keeps no books: what it holds when it is killed, others will do again.

The same file runs on peromq and on pyzmq; all that changes is the name of the module.
"""

import sys
from importlib import import_module
from zlib import crc32

from .station import Station, Wiring

BATCH = 200  # tasks between two looks at the clock and the director


def main(name: str, library: str, wiring: Wiring) -> None:
    zmq = import_module(library)
    total = 0
    with (
        Station(zmq, name, wiring) as station,
        station.context.socket(zmq.PULL) as tasks,
        station.context.socket(zmq.PUSH) as results,
    ):
        station.watch(tasks)
        tasks.reconnect_ivl = 50  # milliseconds
        tasks.connect(wiring.tasks)
        results.connect(wiring.results)

        poller = zmq.Poller()
        poller.register(tasks, zmq.POLLIN)
        poller.register(station.control, zmq.POLLIN)
        while True:
            poller.poll(100)
            if "stop" in station.commands():
                station.report(event="done", total=total)
                return
            for _ in range(BATCH):
                try:
                    task, payload = tasks.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                results.send_multipart([task, crc32(payload).to_bytes(4, "big")])
                total += 1
            station.publish(total)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Wiring.from_argument(sys.argv[3]))
