"""Fuzz ZMTP 1.0 and 2.0: whatever a stranger sends, greeting and all, is what the oracle says.

    python -m tests.fuzz.fuzz_old --seconds 60

As `fuzz_scanner`, but from the peer's first octet on: the handshake decides how to go on, its
leftover goes to the codec it asked for. A publisher and a ROUTER are strangers' victims, too.
"""

from __future__ import annotations

from dataclasses import asdict

from peromq._core.handles_codec import OldCodec
from peromq.zmtp import Handshake, NullMechanism, OldLink, ProtocolError
from tests._core.wire import PROTOCOL_ERROR, PULL, ROUTER, XPUB, Seen, Wire, pattern, whole
from tests.fuzz import driver
from tests.fuzz.stream import Setup, Setups, feed
from tests.oracle import zmtp_old
from tests.oracle.zmtp import Frame

NAMES = {PULL: "PULL", XPUB: "XPUB", ROUTER: "ROUTER"}
SETUPS = Setups()
IDENTITY = 64 * 1024
KEPT = 2 << 20
"""What a promise of a large body and the buffers of a group may take, however little arrives."""
SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    wire = data[2:]
    setup = SETUPS.choose(data[0] // 2, data[1], len(wire))
    if data[0] & 1:
        setup = setup._replace(socket_type=ROUTER)
    name = NAMES[setup.socket_type]
    handshake = Handshake(socket_type=name, mechanism=NullMechanism(), max_msg_size=setup.limit)
    handshake.data_to_send()
    at = 0
    try:
        while at < len(wire) and not handshake.done:
            handshake.receive_data(wire[at : at + setup.chunk])
            at += setup.chunk
            handshake.data_to_send()
            assert handshake.done or handshake.kept <= 10 + IDENTITY
    except ProtocolError:
        return
    if not handshake.done or handshake.peer.old is None:
        return
    identity, *judged = judge(wire, handshake.peer.old, name, setup.limit)
    assert (handshake.peer.routing_id, handshake.peer.minor) == (identity, -1)
    assert read(handshake, wire[at:], setup) == tuple(judged)


def judge(wire: bytes, old: OldLink, name: str, limit: int) -> tuple[bytes, list[Seen], bool]:
    """The peer's id as a ROUTER takes it, what the application sees, and is there an offence?"""
    unversioned = wire[0] != 255 or not wire[9] & 1
    version = 2 if not unversioned and wire[10] == 1 else 1
    assert old.version == version
    bound = IDENTITY if limit < 0 else min(limit, IDENTITY)
    subscribed = name == "XPUB" and unversioned
    if subscribed and limit == 0:
        bound = -1  # MAXMSGSIZE holds for what stands in for the identity, too
    largest = 2**62 - 1 if limit < 0 else limit
    frames, offence = zmtp_old.decode(
        version, wire if unversioned else wire[12:], limit=largest, first=bound
    )
    seen = whole(frames[1:], subscriptions=False)
    if subscribed and frames:
        seen.insert(0, (b"\x01", False, False))
    return frames[0].body if name == "ROUTER" else b"", seen, offence


def read(handshake: Handshake, data: bytes, setup: Setup) -> tuple[list[Seen], bool]:
    assert handshake.peer.old is not None
    codec = OldCodec(**asdict(handshake.peer.old))
    leftover = handshake.leftover
    with Wire(
        setup.socket_type,
        max_size=setup.limit,
        rcvhwm=setup.mark,
        codec=codec,
        leftover=leftover,
    ) as wire:
        shown = feed(wire, data, setup, KEPT + 8 * len(leftover))
        while setup.mark and wire.window.failed is None and (seen := wire.window.receive()):
            shown += seen
        assert wire.window.failed in (None, PROTOCOL_ERROR)
        assert wire.drain() == b""
        return shown, wire.window.failed is not None


def corpus() -> list[bytes]:
    """Messages of all kinds behind each of the greetings, for each of the types and limits."""
    plain = [Frame(b"a", more=True), Frame(b"b" * 253), Frame(b""), Frame(b"c" * 254)]
    subscriptions = [Frame(b"\x01topic"), Frame(b"\x01"), Frame(b"\0topic"), Frame(b"\x01tt")]
    large = [Frame(pattern(1, 17_000)), Frame(pattern(2, 16_384), more=True), Frame(b"end")]
    command = [Frame(b"\x04PING\0\0x", command=True), Frame(b"\x09SUBSCRIBEt", command=True)]
    found = []
    for setup in range(2 * len(SETUPS)):
        for version, greeting in (
            (1, b""),
            (1, SIGNATURE + b"\0\x05"),
            (2, SIGNATURE + b"\x01\x05"),
        ):
            for frames in (plain, subscriptions, large, [*command, *plain]):
                for identity, long in ((b"", False), (b"me", True), (b"i" * 300, False)):
                    hello = greeting + zmtp_old.encode_frame(version, Frame(identity), long=long)
                    traffic = b"".join(zmtp_old.encode_frame(version, frame) for frame in frames)
                    found.append(bytes((setup, setup)) + hello + traffic)
    return found


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
