"""How a worker talks to the harness: JSON lines on stdout, plain lines on stdin."""

import argparse
import importlib
import json
import signal
import sys
from typing import Any, NoReturn

# As in zmq_curve(7): everybody knows them, they protect nothing.
SERVER_KEYS = (
    b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
)
CLIENT_KEYS = (
    b"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    b"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
)

LONGEST_LIFE = 180
"""Seconds after which a worker dies by itself, whatever became of the harness."""

#: Where a latency distribution is sampled; the C program uses the same grid.
QUANTILES = [step / 100 for step in range(100)] + [0.995, 0.999]


class Skipped(Exception):
    """This contestant has no such feature; the text says which."""


def say(**fields: object) -> None:
    """Send one line to the harness."""
    print(json.dumps(fields), flush=True)


def hear() -> str:
    """Wait for one line from the harness; empty when it is gone."""
    return sys.stdin.readline().strip()


def skip(reason: str) -> NoReturn:
    """Give up because the library under test lacks something."""
    raise Skipped(reason)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The one option table of all workers, in Python and in C."""
    parser = argparse.ArgumentParser("bench.workers")
    parser.add_argument("worker")
    parser.add_argument("--lib", required=True, help="module to import, or raw")
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--backend", default="", help="second endpoint, of a proxy")
    parser.add_argument("--attach", default="bind", choices=("bind", "connect"))
    parser.add_argument("--size", type=int, default=0, help="bytes per message")
    parser.add_argument("--count", type=int, default=0, help="messages, or round trips")
    parser.add_argument("--batch", type=int, default=0, help="messages per call; 0 = plain calls")
    parser.add_argument("--sockets", type=int, default=1, help="sockets of this worker")
    parser.add_argument("--peers", type=int, default=1, help="greetings to expect")
    parser.add_argument("--hwm", type=int, default=1000, help="both high-water marks")
    parser.add_argument("--io-threads", type=int, default=1)
    parser.add_argument("--spin", type=int, default=-1, help="SPIN_US; -1 = the default")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    parser.add_argument("--how", default="recv", choices=("recv", "poll"))
    parser.add_argument("--curve", type=int, default=0, help="1 = who binds is a CURVE server")
    return parser.parse_args(arguments)


class Side:
    """One worker's context and the sockets it opened, all with the options of the run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.zmq: Any = importlib.import_module(options.lib)
        self.context: Any = self.zmq.Context(options.io_threads)
        self.sockets: list[Any] = []

    def open(self, kind: str) -> Any:
        """A socket of this kind ("PUSH" …), not attached yet."""
        sock = self.context.socket(getattr(self.zmq, kind))
        sock.setsockopt(self.zmq.SNDHWM, self.options.hwm)
        sock.setsockopt(self.zmq.RCVHWM, self.options.hwm)
        sock.setsockopt(self.zmq.LINGER, 0)
        if self.options.spin >= 0:
            if not hasattr(self.zmq, "SPIN_US"):
                skip("no SPIN_US option")
            sock.setsockopt(self.zmq.SPIN_US, self.options.spin)
        if self.options.curve:
            self._secure(sock, kind)
        self.sockets.append(sock)
        return sock

    def _secure(self, sock: Any, kind: str) -> None:
        """CURVE with well-known keys: those that bind here are the servers."""
        if kind in ("PULL", "ROUTER"):
            sock.setsockopt(self.zmq.CURVE_SERVER, 1)
            sock.setsockopt(self.zmq.CURVE_SECRETKEY, SERVER_KEYS[1])
        else:
            sock.setsockopt(self.zmq.CURVE_SERVERKEY, SERVER_KEYS[0])
            sock.setsockopt(self.zmq.CURVE_PUBLICKEY, CLIENT_KEYS[0])
            sock.setsockopt(self.zmq.CURVE_SECRETKEY, CLIENT_KEYS[1])

    def attach(self, sock: Any, endpoint: str = "") -> str:
        """Bind or connect as the run says; the endpoint in full."""
        endpoint = endpoint or self.options.endpoint
        if self.options.attach == "connect":
            sock.connect(endpoint)
            return endpoint
        return self.bind(sock, endpoint)

    def bind(self, sock: Any, endpoint: str) -> str:
        """Bind; the endpoint with its wildcard resolved."""
        sock.bind(endpoint)
        last = sock.getsockopt(self.zmq.LAST_ENDPOINT)
        return last.rstrip(b"\0").decode() if isinstance(last, bytes) else str(last)

    def close(self) -> None:
        """Close all, without lingering."""
        for sock in self.sockets:
            sock.close(0)
        self.context.term()


def live_briefly() -> None:
    """Bound this process's life: SIGALRM ends it."""
    signal.alarm(LONGEST_LIFE)


def quantiles(values: list[float]) -> list[float]:
    """The distribution of `values` on the grid QUANTILES."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in QUANTILES]
