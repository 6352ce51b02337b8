"""A socket of ours in a host of its own, that does what it is told on its standard input.

send FIRST LAST: numbered messages; says "sent". fill FIRST LAST SIZE: likewise, of that size.
recv LAST: what it got up to that one, as JSON. event NAME: waits for that event; says its value and
details, or "none". usage: processor time and memory. idle MS: waits.
"""

import argparse
import json
import resource
import sys

import peromq as zmq
from peromq.utils.monitor import recv_monitor_message
from tests.interop.multicast_groups import Joining

TIMEOUT = 30_000  # ms


def wait_for(feed: zmq.Socket, name: str) -> str:
    while feed.poll(TIMEOUT):
        found = recv_monitor_message(feed)
        if found["event"] == zmq.Event[name]:
            return json.dumps([int(found["value"]), found["details"]])
    return "none"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["PUB", "SUB"])
    parser.add_argument("endpoint")
    parser.add_argument("--option", action="append", default=[])
    chosen = parser.parse_args()
    context = zmq.Context()
    sock = context.socket(zmq.SocketType[chosen.role])
    sock.rate, sock.sndhwm, sock.rcvhwm, sock.rcvtimeo = 20_000, 0, 0, TIMEOUT
    for option in chosen.option:
        name, _, value = option.partition("=")
        setattr(sock, name, int(value))
    if chosen.role == "SUB":
        sock.subscribe(b"")
    feed = sock.get_monitor_socket(zmq.EVENT_ALL_PEROMQ, version=2)
    joining = Joining(chosen.endpoint)
    sock.connect(chosen.endpoint)
    if chosen.role == "SUB":
        joining.wait()
    print("ready", flush=True)
    while line := sys.stdin.readline().split():
        match line:
            case ["send", first, last]:
                for number in range(int(first), int(last)):
                    sock.send(b"%d" % number)
                print("sent", flush=True)
            case ["fill", first, last, size]:
                for number in range(int(first), int(last)):
                    sock.send(b"%0*d" % (int(size), number))
                print("sent", flush=True)
            case ["recv", last]:
                got: list[int] = []
                while not got or got[-1] != int(last):
                    try:
                        message = sock.recv()
                    except zmq.Again:
                        break
                    if message.isdigit():  # others may be forged
                        got.append(int(message))
                print(json.dumps(got), flush=True)
            case ["idle", ms]:
                feed.poll(int(ms))
                print("idled", flush=True)
            case ["usage"]:
                used = resource.getrusage(resource.RUSAGE_SELF)
                seconds = used.ru_utime + used.ru_stime
                print(json.dumps([seconds, used.ru_maxrss << 10]), flush=True)
            case ["event", name]:
                print(wait_for(feed, name), flush=True)
    sock.close(linger=0)
    feed.close()
    context.term()


if __name__ == "__main__":
    main()
