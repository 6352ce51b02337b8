"""The ventilator: hands out tasks, and keeps every one on its books until the sink acknowledges it.

ZeroMQ does not lose messages on a healthy connection. What was on its way to a killed process, or
in its hands, is gone, with any transport. So a task that nobody acknowledged for a while is sent
again: to someone else, as a PUSH socket deals its messages round-robin to whoever is connected.
"""

import sys
from array import array
from collections.abc import Iterable
from time import monotonic
from zlib import crc32

import peromq as zmq

from .station import Station, Wiring

WINDOW = (
    1000  # tasks on the books at a time; this, not the high-water marks, limits what is in flight
)
PATIENCE = 1.0  # seconds without an acknowledgement before a task is sent again


def task_payload(task: int) -> bytes:
    """The 96 octets that go with task number `task`."""
    return task.to_bytes(8, "big") * 12


class Books:
    """Which tasks are out, and since when."""

    def __init__(self) -> None:
        self.sent_at: dict[int, float] = {}  # oldest first: a task sent again moves to the end
        self.created = 0
        self.resent = 0
        self.checksum = 0  # the sum of all correct results

    def acknowledge(self, tasks: Iterable[int]) -> None:
        for task in tasks:
            self.sent_at.pop(task, None)  # acknowledged twice: it was sent twice

    def next_task(self, now: float, *, may_create: bool) -> int | None:
        """The task to send now: one that is overdue, else a new one if the window allows."""
        if self.sent_at:
            oldest = next(iter(self.sent_at))
            if now - self.sent_at[oldest] > PATIENCE:
                return oldest
        return self.created if may_create and len(self.sent_at) < WINDOW else None

    def enter(self, task: int, now: float) -> None:
        if self.sent_at.pop(task, None) is not None:
            self.resent += 1
        else:
            self.created += 1
            self.checksum += crc32(task_payload(task))
        self.sent_at[task] = now


def main(wiring: Wiring) -> None:
    books = Books()
    making = True
    door_open = True
    with (
        Station(zmq, "ventilator", wiring) as station,
        station.context.socket(zmq.PUSH) as tasks,
        station.context.socket(zmq.PULL) as acks,
    ):
        station.watch(tasks)
        port = tasks.bind_to_random_port("tcp://127.0.0.1")
        endpoint = f"tcp://127.0.0.1:{port}"
        acks.bind(wiring.acks)
        station.report(event="bound", endpoint=endpoint)

        poller = zmq.Poller()
        poller.register(acks, zmq.POLLIN)
        poller.register(station.control, zmq.POLLIN)
        while True:
            poller.poll(10)  # milliseconds; acknowledgements are what makes room for more
            for command in station.commands():
                match command:
                    case "close the door" if door_open:
                        tasks.unbind(endpoint)
                        door_open = False
                    case "open the door" if not door_open:
                        tasks.bind(endpoint)
                        door_open = True
                    case "finish":
                        making = False
                    case "stop":
                        return
            while acks.poll(0):
                books.acknowledge(array("Q", acks.recv()))

            now = monotonic()
            while (task := books.next_task(now, may_create=making)) is not None:
                try:
                    tasks.send_multipart([task.to_bytes(8, "big"), task_payload(task)], zmq.NOBLOCK)
                except zmq.Again:  # no worker is connected, or all have their hands full
                    break
                books.enter(task, now)

            station.publish(books.created, len(books.sent_at))
            if not making and not books.sent_at:
                station.report(
                    event="done",
                    total=books.created,
                    resent=books.resent,
                    checksum=books.checksum,
                )
                return


if __name__ == "__main__":
    main(Wiring.from_argument(sys.argv[1]))
