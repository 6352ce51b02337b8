"""What is measured: one file per scenario, each with `cases(settings)`."""

from bench.case import Cases
from bench.scenarios import (
    asyncio_sockets,
    idle,
    inproc,
    iothreads,
    memory,
    proxy,
    pubsub,
    pushpull,
    reqrep,
    secure,
)

SCENARIOS: dict[str, Cases] = {
    "pushpull": pushpull.cases,
    "batch": pushpull.batch_cases,
    "reqrep": reqrep.cases,
    "asyncio": asyncio_sockets.cases,
    "inproc": inproc.cases,
    "pubsub": pubsub.cases,
    "proxy": proxy.cases,
    "iothreads": iothreads.cases,
    "idle": idle.cases,
    "memory": memory.cases,
    "curve": secure.throughput_cases,
    "handshakes": secure.handshake_cases,
}
