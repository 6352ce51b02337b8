"""The captured octets of tests/data/zmtp_null.json, decoded."""

import json
from pathlib import Path
from typing import NamedTuple

_DATA = json.loads(
    (Path(__file__).parents[1] / "data" / "zmtp_null.json").read_text(encoding="ascii")
)


class Greeting(NamedTuple):
    name: str
    mechanism: str
    routing_id_size: int
    wire: bytes


class Ready(NamedTuple):
    name: str
    socket_type: str
    routing_id: bytes
    metadata: list[tuple[str, bytes]]
    wire: bytes


class OldPeer(NamedTuple):
    name: str
    wire: bytes
    answer: bytes
    """What a DEALER of libzmq without a routing id has sent before its first message."""


class Message(NamedTuple):
    name: str
    parts: list[bytes]
    wire: bytes


class Command(NamedTuple):
    name: str
    body: bytes
    wire: bytes


_hex = bytes.fromhex

GREETINGS = [
    Greeting(v["name"], v["mechanism"], v["routing_id_size"], _hex(v["hex"]))
    for v in _DATA["greetings"]
]
READIES = [
    Ready(
        v["name"],
        v["socket_type"],
        _hex(v["routing_id"]),
        [(name, _hex(value)) for name, value in v["metadata"]],
        _hex(v["hex"]),
    )
    for v in _DATA["readies"]
]
OLD_PEERS = [OldPeer(v["name"], _hex(v["hex"]), _hex(v["answer"])) for v in _DATA["old_peers"]]
MESSAGES = [
    Message(v["name"], [_hex(part) for part in v["parts"]], _hex(v["hex"]))
    for v in _DATA["messages"]
]
COMMANDS = [Command(v["name"], _hex(v["body"]), _hex(v["hex"])) for v in _DATA["commands"]]

GREETING = GREETINGS[0].wire
READY = {v.name: v.wire for v in READIES}
