"""Which function is which worker."""

from argparse import Namespace
from collections.abc import Callable

from bench.workers import idle, inproc, memory, proxy, pubsub, pushpull, raw, reqrep
from bench.workers.common import skip

Worker = Callable[[Namespace], None]

WORKERS: dict[str, Worker] = {
    "pull": pushpull.pull,
    "push": pushpull.push,
    "req": reqrep.req,
    "rep": reqrep.rep,
    "inproc": inproc.inproc,
    "pub": pubsub.pub,
    "sub": pubsub.sub,
    "proxy": proxy.proxy,
    "idle": idle.idle,
    "hold": memory.hold,
}
RAW: dict[str, Worker] = {
    "pull": raw.pull,
    "push": raw.push,
    "req": raw.req,
    "rep": raw.rep,
    "crowd": memory.crowd,
}


def find(worker: str, lib: str) -> Worker:
    """The worker of that name, on plain sockets when lib is "raw"."""
    table = RAW if lib == "raw" else WORKERS
    return table.get(worker) or skip(f"no worker {worker} for {lib}")
