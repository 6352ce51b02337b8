"""The sink: collects results, counts each task once, and acknowledges to the ventilator.

An acknowledgement that gets lost costs a task done twice, never one not done: the sink knows its
duplicates.
"""

import sys
from array import array

import peromq as zmq

from .station import Station, Wiring

BATCH = 200  # results per acknowledgement, at most


def main(wiring: Wiring) -> None:
    seen: set[int] = set()
    duplicates = checksum = 0
    with (
        Station(zmq, "sink", wiring) as station,
        station.context.socket(zmq.PULL) as results,
        station.context.socket(zmq.PUSH) as acks,
    ):
        station.watch(results)
        results.bind(wiring.results)
        acks.connect(wiring.acks)

        poller = zmq.Poller()
        poller.register(results, zmq.POLLIN)
        poller.register(station.control, zmq.POLLIN)
        while True:
            poller.poll(100)
            if "stop" in station.commands():
                break
            done = array("Q")
            while len(done) < BATCH:
                try:
                    number, result = results.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                task = int.from_bytes(number, "big")
                if task in seen:
                    duplicates += 1
                else:
                    seen.add(task)
                    checksum += int.from_bytes(result, "big")
                done.append(task)
            if done:
                acks.send(done.tobytes())
            station.publish(len(seen))
        station.report(event="done", total=len(seen), duplicates=duplicates, checksum=checksum)


if __name__ == "__main__":
    main(Wiring.from_argument(sys.argv[1]))
