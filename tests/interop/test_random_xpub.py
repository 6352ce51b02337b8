"""Random steps of an XPUB and its subscribers, the same with libzmq: both are to say the same."""

from __future__ import annotations

import importlib
import random
from typing import Any

import pytest

TOPICS = (b"", b"a", b"ab", b"abc", b"b", b"ba")
OPTIONS = ("XPUB_VERBOSE", "XPUB_VERBOSER", "XPUB_MANUAL", "XPUB_NODROP", "INVERT_MATCHING")
UPSTREAM = (b"\2x", b"", b"hello", b"\1", b"\0", b"\1a", b"\0zz", b"\0a")

Step = tuple[Any, ...]


def steps_of(seed: int) -> list[Step]:
    """XPUB's options at bind, its peers, and what they do."""
    choose = random.Random(seed)
    options = {name: choose.choice((0, 0, 1)) for name in OPTIONS[:3]}
    kinds = [choose.choice(("SUB", "SUB", "XSUB")) for _ in range(choose.randint(1, 4))]
    steps: list[Step] = [("begin", options, choose.choice((None, b"hi")), kinds)]
    closed = 0
    for _ in range(choose.randint(5, 40)):
        who, topic = choose.randrange(len(kinds)), choose.choice(TOPICS)
        what = choose.choice(
            ("join", "join", "join", "quit", "quit", "send", "send", "add", "drop", "set", "up")
            + ("close",) * (closed < 2)
        )
        closed += what == "close"
        if what == "send":
            topic = choose.choice((b"", b"a", b"abz", b"abcd", b"bab", b"c"))
            steps.append((what, [topic, b"more"][: choose.choice((1, 1, 1, 2))]))
        elif what == "set":
            steps.append((what, choose.choice(OPTIONS), choose.choice((0, 1))))
        elif what == "up":
            steps.append((what, who, choose.choice(UPSTREAM)))
        else:
            steps.append((what, who, topic))
    return steps


class Run:
    """The steps with one library; `log` has what each led to."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.context = lib.Context()
        self.xpub = self.context.socket(lib.XPUB)
        self.peers: list[Any] = []
        self.log: list[Any] = []

    def end(self) -> None:
        for each in (self.xpub, *self.peers):
            each.close(0)
        self.context.term()

    def take(self, step: Step) -> None:
        result = None
        try:
            result = getattr(self, step[0])(*step[1:])
        except self.lib.ZMQError as error:
            result = error.errno
        self.log.append((step, result, [self.heard(each) for each in (self.xpub, *self.peers)]))

    def heard(self, socket: Any) -> list[list[bytes]]:
        """In no order: how subscribers that go are told of has none."""
        found = []
        while not socket.closed and socket.poll(0):
            found.append(socket.recv_multipart(self.lib.DONTWAIT))
        return sorted(found)

    def begin(self, options: dict[str, int], welcome: bytes | None, kinds: list[str]) -> None:
        for name, value in options.items():
            self.set(name, value)
        if welcome is not None:
            self.xpub.setsockopt(self.lib.XPUB_WELCOME_MSG, welcome)
        self.xpub.bind("inproc://xpub")
        for kind in kinds:
            self.peers.append(self.context.socket(getattr(self.lib, kind)))
            self.peers[-1].connect("inproc://xpub")

    def set(self, name: str, value: int) -> None:
        self.xpub.setsockopt(getattr(self.lib, name), value)

    def send(self, message: list[bytes]) -> None:
        self.xpub.send_multipart(message, self.lib.DONTWAIT)

    def add(self, _: int, topic: bytes) -> None:
        self.xpub.setsockopt(self.lib.SUBSCRIBE, topic)

    def drop(self, _: int, topic: bytes) -> None:
        self.xpub.setsockopt(self.lib.UNSUBSCRIBE, topic)

    def join(self, who: int, topic: bytes) -> None:
        self._say(who, True, topic)

    def quit(self, who: int, topic: bytes) -> None:
        self._say(who, False, topic)

    def _say(self, who: int, on: bool, topic: bytes) -> None:
        peer = self.peers[who]
        if peer.closed:
            return
        if peer.type == self.lib.SUB:
            peer.setsockopt(self.lib.SUBSCRIBE if on else self.lib.UNSUBSCRIBE, topic)
        else:
            peer.send(bytes([on]) + topic, self.lib.DONTWAIT)

    def up(self, who: int, text: bytes) -> None:
        peer = self.peers[who]
        if not peer.closed and peer.type == self.lib.XSUB:
            peer.send(text, self.lib.DONTWAIT)

    def close(self, who: int, _: bytes) -> None:
        if not self.peers[who].closed:
            self.peers[who].disconnect("inproc://xpub")
            for _ in range(3):  # libzmq ends a pipe in steps, one at each look
                self.xpub.poll(0)
                self.peers[who].poll(0)
            self.peers[who].close(0)


@pytest.mark.parametrize("seed", range(60))
def test_both_libraries_say_the_same(seed: int) -> None:
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
