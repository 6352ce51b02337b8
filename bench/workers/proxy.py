"""The forwarder between PUSH and PULL."""

import os
import threading
from argparse import Namespace

from bench.workers.common import Side, hear, say


def proxy(options: Namespace) -> None:
    """PULL in, PUSH out, by the library's own proxy(), until the harness is done."""
    side = Side(options)
    frontend, backend = side.open("PULL"), side.open("PUSH")
    say(endpoint=side.bind(frontend, options.endpoint), backend=side.bind(backend, options.backend))
    threading.Thread(target=side.zmq.proxy, args=(frontend, backend), daemon=True).start()
    hear()
    os._exit(0)  # nothing else ends a proxy
