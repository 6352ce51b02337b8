"""Random steps of a ROUTER and its peers, the same with libzmq: both are to do the same."""

from __future__ import annotations

import importlib
import random
from typing import Any

import pytest

NAMES = (b"A", b"B", b"C", b"K", b"nobody", b"")
TEXTS = (b"", b"1", b"22")
OPTIONS = ("ROUTER_MANDATORY", "ROUTER_HANDOVER", "PROBE_ROUTER")
PEERS_MAX = 5
ENDPOINT = "inproc://router"

Step = tuple[Any, ...]


def steps_of(seed: int) -> list[Step]:
    """The options at bind, then peers that come, talk and go."""
    choose = random.Random(seed)
    steps: list[Step] = [("set", name, choose.choice((0, 0, 1))) for name in OPTIONS]
    steps.append(("bind",))
    peers = 0
    for _ in range(choose.randint(5, 40)):
        what = choose.choice(
            ("come", "say", "say", "say", "send", "send", "send", "answer", "set", "begin", "go")
        )
        if what == "come" or peers == 0:
            if peers < PEERS_MAX:
                kind = choose.choice(("DEALER", "DEALER", "REQ", "ROUTER", "REP"))
                name = choose.choice((None, *NAMES[:3]))
                given = choose.choice((None, None, b"K")) if kind == "ROUTER" else None
                steps.append(("come", kind, name, choose.choice((0, 0, 1)), given))
                peers += 1
            continue
        who = choose.randrange(peers)
        texts = [choose.choice(TEXTS) for _ in range(choose.choice((1, 1, 2, 3)))]
        steps.append(
            {
                "say": ("say", who, texts),
                "send": ("send", [choose.choice(NAMES), *texts[1:]]),
                "answer": ("answer",),
                "set": ("set", choose.choice(OPTIONS), choose.choice((0, 1))),
                "begin": ("begin", who),
                "go": ("go", who),
            }[what]
        )
    return steps


class Run:
    """The steps with one library; `log` has what each led to."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.context = lib.Context()
        self.router = self.context.socket(lib.ROUTER)
        self.peers: list[Any] = []
        self.gone: set[int] = set()
        self.asked: list[list[bytes]] = []
        self.log: list[Any] = []

    def end(self) -> None:
        for each in (self.router, *self.peers):
            each.close(0)
        self.context.term()

    def take(self, step: Step) -> None:
        result = None
        try:
            getattr(self, step[0])(*step[1:])
        except self.lib.ZMQError as error:
            result = error.errno
        there = [peer for who, peer in enumerate(self.peers) if who not in self.gone]
        asked = self.heard(self.router)
        self.asked += asked
        heard = [self.without_inventions(each) for each in (asked, *map(self.heard, there))]
        self.log.append((step, result, heard))

    def heard(self, socket: Any) -> list[list[bytes]]:
        found = []
        while socket.poll(0):
            try:
                found.append(socket.recv_multipart(self.lib.DONTWAIT))
            except self.lib.Again:  # libzmq takes what a REP drops for something to receive
                break
        return found

    def without_inventions(self, messages: list[list[bytes]]) -> list[list[bytes]]:
        """Names that a library made up are its own."""
        return [
            [b"?" if len(part) == 5 and part[0] == 0 else part for part in message]
            for message in messages
        ]

    def set(self, name: str, value: int) -> None:
        self.router.setsockopt(getattr(self.lib, name), value)

    def bind(self) -> None:
        self.router.bind(ENDPOINT)

    def come(self, kind: str, name: bytes | None, probe: int, given: bytes | None) -> None:
        peer = self.context.socket(getattr(self.lib, kind))
        self.peers.append(peer)
        if name is not None:
            peer.setsockopt(self.lib.ROUTING_ID, name)
        if kind != "REP" and probe:
            peer.setsockopt(self.lib.PROBE_ROUTER, 1)
        if given is not None:
            peer.setsockopt(self.lib.CONNECT_ROUTING_ID, given)
        peer.connect(ENDPOINT)

    def say(self, who: int, message: list[bytes]) -> None:
        if who not in self.gone:
            self.peers[who].send_multipart(message, self.lib.DONTWAIT)

    def begin(self, who: int) -> None:
        """A message without an end."""
        if who not in self.gone and self.peers[who].type == self.lib.DEALER:
            self.peers[who].send(b"half", self.lib.DONTWAIT | self.lib.SNDMORE)

    def send(self, message: list[bytes]) -> None:
        self.router.send_multipart(message, self.lib.DONTWAIT)

    def answer(self) -> None:
        if self.asked:
            self.send(self.asked.pop(0))

    def go(self, who: int) -> None:
        if who in self.gone:
            return
        self.gone.add(who)
        try:
            self.peers[who].disconnect(ENDPOINT)
        except self.lib.ZMQError:  # libzmq knows of no endpoint once the name was handed over
            return
        for _ in range(3):  # libzmq ends a pipe in steps, one at each look
            self.router.poll(0)
            self.peers[who].poll(0)


@pytest.mark.parametrize("seed", range(60))
def test_both_libraries_do_the_same(seed: int) -> None:
    logs = []
    for name in ("zmq", "peromq"):
        run = Run(importlib.import_module(name))
        try:
            for step in steps_of(seed):
                run.take(step)
        finally:
            run.end()
        logs.append(run.log)
    for theirs, ours in zip(*logs, strict=True):
        assert ours == theirs, f"seed {seed}"
