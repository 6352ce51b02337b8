"""The captured octets of tests/data/drafts.json, and a wait that JOIN needs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from tests.helpers import Deadline, Sock, drain, readable, zmq

_DATA = json.loads((Path(__file__).parents[1] / "data" / "drafts.json").read_text(encoding="ascii"))

READIES = {row["socket_type"]: bytes.fromhex(row["hex"]) for row in _DATA["readies"]}
OCTETS = {row["name"]: bytes.fromhex(row["hex"]) for row in _DATA["messages"] + _DATA["datagrams"]}

_names = itertools.count()


def joins_arrive(radio: Sock, *dishes: Sock) -> None:
    """Send to a group of its own until each dish has got it: its earlier JOINs are there, too."""
    for dish in dishes:
        group = f"~settle{next(_names)}"
        dish.join(group)
        deadline = Deadline()
        while not readable(dish, 2):
            assert deadline.left, "a JOIN does not arrive"
            radio.send(b"", group=group)
        dish.leave(group)
        drain(dish)


def recv_for(dish: Sock) -> tuple[str, bytes]:
    """(group, body) of the next message."""
    frame = dish.recv(copy=False)
    assert not frame.more
    return frame.group, frame.bytes


def again(sock: Sock) -> bool:
    """Nothing to receive now."""
    try:
        sock.recv(zmq.DONTWAIT)
    except zmq.Again:
        return True
    return False
