"""Which function is which worker."""

from argparse import Namespace
from collections.abc import Callable

from bench.workers import (
    asyncio_sockets,
    handshakes,
    idle,
    inproc,
    memory,
    proxy,
    pubsub,
    pushpull,
    raw,
    reqrep,
)
from bench.workers.common import skip

Worker = Callable[[Namespace], None]

WORKERS: dict[str, Worker] = {
    "pull": pushpull.pull,
    "push": pushpull.push,
    "req": reqrep.req,
    "rep": reqrep.rep,
    "apull": asyncio_sockets.worker(asyncio_sockets.pull),
    "apush": asyncio_sockets.worker(asyncio_sockets.push),
    "areq": asyncio_sockets.worker(asyncio_sockets.req),
    "arep": asyncio_sockets.worker(asyncio_sockets.rep),
    "inproc": inproc.inproc,
    "inproc_bursts": inproc.inproc_bursts,
    "pub": pubsub.pub,
    "sub": pubsub.sub,
    "proxy": proxy.proxy,
    "idle": idle.idle,
    "hold": memory.hold,
    "admit": handshakes.admit,
    "knock": handshakes.knock,
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
