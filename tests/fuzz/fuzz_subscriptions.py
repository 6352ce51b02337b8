"""Fuzz a publisher's ears: whatever a subscriber says, an XPUB reports what the model says.

    python -m tests.fuzz.fuzz_subscriptions --seconds 60

Real sockets, one connection for each input: SUBSCRIBE and CANCEL, 01 and 00 messages, what XSUBs
say besides, in any order and damaged. The first octet chooses the options.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
from typing import Any

import peromq as zmq
from tests.fuzz import driver
from tests.oracle.zmtp import Frame, decode, encode_command, encode_frame
from tests.raw_zmtp import RawPeer

LIMIT = 20_000
MODES: tuple[dict[int, int], ...] = (
    {},
    {zmq.XPUB_VERBOSE: 1},
    {zmq.XPUB_VERBOSER: 1},
    {zmq.ONLY_FIRST_SUBSCRIBE: 1},
    {zmq.XPUB_MANUAL: 1},
)
CHUNKS = (1 << 16, 1, 2, 9, 100)


class Model:
    """One connection's subscriptions, and what an XPUB with these options has to report."""

    def __init__(self, mode: dict[int, int]) -> None:
        self.every_one = zmq.XPUB_MANUAL in mode
        self.verboser = zmq.XPUB_VERBOSER in mode or self.every_one
        self.verbose = zmq.XPUB_VERBOSE in mode or self.verboser
        self.only_first = zmq.ONLY_FIRST_SUBSCRIBE in mode
        self.topics: set[bytes] = set()
        self.told: list[bytes] = []

    def subscription(self, on: bool, topic: bytes) -> None:
        known = topic in self.topics
        if on:
            self.topics.add(topic)
            if not known or self.verbose:
                self.told.append(b"\x01" + topic)
        else:  # an only subscriber's is the last one, and one of the unknown is told as well
            self.topics.discard(topic)
            self.told.append(b"\x00" + topic)

    def message(self, parts: list[bytes]) -> None:
        of_the_user = parts[0][:1] not in (b"\x00", b"\x01")
        for number, part in enumerate(parts):
            may_be = not (number and of_the_user and self.only_first)
            if may_be and part[:1] in (b"\x00", b"\x01"):
                self.subscription(part[:1] == b"\x01", part[1:])
            else:
                self.told.append(part)

    def hear(self, frames: list[Frame]) -> None:
        parts: list[bytes] = []
        for frame in frames:
            if not frame.command:
                parts.append(frame.body)
                if not frame.more:
                    self.message(parts)
                    parts = []
            elif parts:
                pass  # within a message nobody heeds it
            elif frame.body.startswith(b"\x09SUBSCRIBE"):
                self.subscription(True, frame.body[10:])
            elif frame.body.startswith(b"\x06CANCEL"):
                self.subscription(False, frame.body[7:])


@functools.cache
def context() -> Any:
    made = zmq.Context()
    atexit.register(made.destroy, linger=0)
    return made


def publisher(mode: int) -> Any:
    sock = context().socket(zmq.XPUB)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.RCVHWM, 0)
    sock.setsockopt(zmq.RCVTIMEO, 10_000)
    sock.setsockopt(zmq.MAXMSGSIZE, LIMIT)
    for option, value in MODES[mode].items():
        sock.setsockopt(option, value)
    sock.bind("tcp://127.0.0.1:*")
    return sock


_publishers: dict[int, Any] = {}


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    mode = data[0] % len(MODES)
    if mode not in _publishers:
        _publishers[mode] = publisher(mode)
    sock = _publishers[mode]
    frames, whole, offence = judge(data[2:])
    model = Model(MODES[mode])
    model.hear(frames)
    peer = RawPeer.connect(sock.getsockopt(zmq.LAST_ENDPOINT).decode())
    try:
        peer.handshake(b"XSUB")
        say(peer, data[2:] if offence else data[2 : 2 + whole], CHUNKS[data[1] % len(CHUNKS)])
        if offence:
            peer.expect_closed()
        else:
            fence(peer)
    finally:
        peer.close()
    # The end of the connection tells the rest: what it had subscribed to.
    expected = model.told
    told = [sock.recv() for _ in range(len(expected) + len(model.topics))]
    assert told[: len(expected)] == expected
    assert sorted(told[len(expected) :]) == sorted(b"\x00" + topic for topic in model.topics)
    assert sock.getsockopt(zmq.TOPICS_COUNT) == 0
    with contextlib.suppress(zmq.Again):
        raise AssertionError(f"{sock.recv(zmq.DONTWAIT)!r} is one too many")


def say(peer: RawPeer, octets: bytes, chunk: int) -> None:
    if len(octets) > 3000:
        chunk = 1 << 16
    with contextlib.suppress(ConnectionError):  # thrown out already
        for start in range(0, len(octets), chunk):
            peer.send(octets[start : start + chunk])


def fence(peer: RawPeer) -> None:
    """All of it has been read, but for an unfinished message."""
    peer.ping(b"fence")
    while peer.read_command() != (b"PONG", b"fence"):
        pass


def judge(octets: bytes) -> tuple[list[Frame], int, bool]:
    """The frames before an offence, how many octets they take, and is there one?"""
    frames: list[Frame] = []
    at = 0
    while at < len(octets):
        head = 9 if octets[at] & 2 else 2
        if len(octets) < at + head:
            break
        size = int.from_bytes(octets[at + 1 : at + head], "big")
        if size > LIMIT:
            return frames, at, True
        end = at + head + size
        if len(octets) < end:
            break
        frames += decode(octets[at:end])[0]
        at = end
    return frames, at, False


def corpus() -> list[bytes]:
    """Both styles, again and again, of empty, long and shared topics; messages between them."""
    said = [
        b"".join(encode_command(b"SUBSCRIBE", topic) for topic in (b"a", b"ab", b"a", b"")),
        encode_command(b"SUBSCRIBE", b"a") + encode_command(b"CANCEL", b"a") * 2,
        encode_frame(Frame(b"\x01a"))
        + encode_command(b"CANCEL", b"a")
        + encode_frame(Frame(b"\0a")),
        encode_frame(Frame(b"user", more=True)) + encode_frame(Frame(b"\x01late")),
        encode_frame(Frame(b"\x01one", more=True)) + encode_frame(Frame(b"\x01two")),
        encode_frame(Frame(b"\x01one", more=True)) + encode_frame(Frame(b"text")),
        encode_frame(Frame(b"a", more=True))
        + encode_command(b"SUBSCRIBE", b"x")
        + encode_frame(Frame(b"b")),
        encode_command(b"SUBSCRIBE", b"t" * 245) + encode_command(b"SUBSCRIBE", b"t" * 246),
        encode_command(b"SUBSCRIBE", b"t" * 17_000) + encode_frame(Frame(b"\x01" + b"t" * 17_000)),
        encode_frame(Frame(b"\x09SUBSCRIBEt")) + encode_frame(Frame(b"")),
        encode_command(b"SUBSCRIB", b"E")
        + encode_command(b"CANCELED")
        + encode_command(b"JOIN", b"g"),
    ]
    return [bytes((mode, mode)) + octets for mode in range(len(MODES)) for octets in said]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)
    for sock in _publishers.values():
        sock.close()
    _publishers.clear()
    context().destroy(linger=0)
    context.cache_clear()


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
