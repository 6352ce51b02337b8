"""Programs that let gevent patch the standard library: the control plane keeps its real threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.helpers import LIB

pytest.importorskip("gevent", reason="not installed: gevent")

FIRST = "from gevent import monkey; monkey.patch_all()\nimport {lib}, {lib}.green as zmq"
LATER = "import {lib}, {lib}.green as zmq\nfrom gevent import monkey; monkey.patch_all()"
PARTLY = "from gevent import monkey; monkey.patch_all(select=False)\nimport {lib}.green as zmq"
PLAIN = "from gevent import monkey; monkey.patch_all()\nimport {lib} as zmq"
ORDERS = {"first": FIRST, "later": LATER, "partly": PARTLY, "plain": PLAIN}

EXCHANGE = """
import gevent, socket, threading
context = zmq.Context()
push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
pull.bind("tcp://127.0.0.1:*")
push.connect(pull.last_endpoint.decode().replace("127.0.0.1", "localhost"))
got = []
def send():
    for number in range(300):
        push.send(b"%d" % number)
def receive():
    while len(got) < 300:
        got.append(pull.recv())
if "green" in zmq.__name__:
    gevent.joinall([gevent.spawn(receive), gevent.spawn(send)], timeout=10)
else:
    send(); receive()
assert got == [b"%d" % number for number in range(300)]
pull.unbind(pull.last_endpoint)
push.close(); pull.close()
context.term()
print("done")
"""


def runs_to_its_end(order: str, program: str, warnings: str) -> None:
    script = ORDERS[order].format(lib=LIB) + program
    command = [sys.executable, "-W", warnings, "-c", script]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, env=os.environ)
    assert (shown.stdout, shown.returncode) == ("done\n", 0), shown.stderr


@pytest.mark.parametrize("order", ORDERS)
def test_sockets_work_where_all_is_patched(order: str) -> None:
    runs_to_its_end(order, EXCHANGE, "error")


FORGOTTEN = """
import gc
context = zmq.Context()
socket = context.socket(zmq.REP)
socket.bind("tcp://127.0.0.1:*")
del socket, context
gc.collect()
print("done")
"""


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_forgotten_ends(order: str) -> None:
    runs_to_its_end(order, FORGOTTEN, "ignore")  # it warns of what was forgotten
