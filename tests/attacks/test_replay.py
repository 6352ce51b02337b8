"""CVE-2014-7203: CURVE boxes repeated, reordered, bent or invented, and handshakes said again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.curve_peer import CurvePeer
from tests.helpers import differs_from_libzmq, last_endpoint, readable, zmq
from tests.zap.peers import curve

pytestmark = differs_from_libzmq  # not that it does: the peer is made of PeroMQ's parts

LARGEST = 2**64 - 1


class Scene:
    """A CURVE server, and strangers who have a valid key."""

    def __init__(self, sock: Any, raw: Any, monitor: Any) -> None:
        theirs, self.keys = curve()
        self.pull = sock("PULL", handshake_ivl=5000, **theirs)
        self.watch = monitor(self.pull)
        self.pull.bind("tcp://127.0.0.1:*")
        self.raw = raw

    def peer(self) -> CurvePeer:
        return CurvePeer(self.raw(last_endpoint(self.pull)), self.keys)

    def is_over(self, peer: CurvePeer) -> None:
        """The server has hung up, and nothing that came last was delivered."""
        peer.raw.expect_closed()
        self.watch.wait(zmq.EVENT_DISCONNECTED)
        assert not readable(self.pull, 0)


@pytest.fixture
def scene(sock: Any, raw: Any, monitor: Any) -> Scene:
    return Scene(sock, raw, monitor)


def test_by_the_book(scene: Scene) -> None:
    """Gaps are no reason to hang up, nor is the largest nonce."""
    peer = scene.peer()
    for nonce in (peer.nonce + 1, peer.nonce + 2, peer.nonce + 1000, 2**63, LARGEST):
        peer.raw.send(peer.box(b"%d" % nonce, nonce))
        assert scene.pull.recv() == b"%d" % nonce


@pytest.mark.parametrize("back", [0, 1, 5, 10, 2**63])
def test_a_nonce_that_is_not_larger(scene: Scene, back: int) -> None:
    peer = scene.peer()
    last = 2**63 + 100
    peer.raw.send(peer.box(b"once", last))
    assert scene.pull.recv() == b"once"
    peer.raw.send(peer.box(b"again", last - back))
    scene.is_over(peer)


def test_the_same_octets_again(scene: Scene) -> None:
    peer = scene.peer()
    octets = peer.box(b"once", peer.nonce + 1)
    peer.raw.send(octets + octets)
    assert scene.pull.recv() == b"once"
    scene.is_over(peer)


def test_two_in_the_wrong_order(scene: Scene) -> None:
    peer = scene.peer()
    later, earlier = (peer.box(b"x", peer.nonce + number) for number in (2, 1))
    peer.raw.send(later + earlier)
    assert scene.pull.recv() == b"x"
    scene.is_over(peer)


def test_behind_the_largest_nonce_there_is_none(scene: Scene) -> None:
    peer = scene.peer()
    peer.raw.send(peer.box(b"last", LARGEST))
    assert scene.pull.recv() == b"last"
    peer.raw.send(peer.box(b"first?", 0))
    scene.is_over(peer)


def test_a_nonce_of_the_handshake(scene: Scene) -> None:
    peer = scene.peer()
    peer.raw.send(peer.box(b"x", peer.nonce))
    scene.is_over(peer)


BENT: dict[str, Callable[[CurvePeer], bytes]] = {
    "a flipped bit": lambda peer: flip(peer.box(b"hello", peer.nonce + 1), -1),
    "a flipped bit of the seal": lambda peer: flip(peer.box(b"hello", peer.nonce + 1), 20),
    "another nonce": lambda peer: flip(peer.box(b"hello", peer.nonce + 1), 16),
    "cut short": lambda peer: peer.raw and cut(peer.box(b"hello", peer.nonce + 1)),
    "the server's own prefix": lambda peer: other_side(peer).box(b"hello", peer.nonce + 1),
    "no box": lambda peer: b"\0\x08\x07MESSAGE",
    "no flags in it": lambda peer: b"\0\x10\x07MESSAGE" + bytes(8),
    "a clear frame": lambda peer: b"\0\5hello",
    "a clear command": lambda peer: b"\4\7\4PING\0\0",
    "an empty frame": lambda peer: b"\0\0",
    "READY again": lambda peer: b"\4\6\5READY",
    "a clear ERROR": lambda peer: b"\4\7\5ERROR\0",
    "another name": lambda peer: peer.box(b"hello", peer.nonce + 1).replace(b"MESSAGE", b"MASSAGE"),
}


def flip(octets: bytes, place: int) -> bytes:
    changed = bytearray(octets)
    changed[place] ^= 1
    return bytes(changed)


def cut(octets: bytes) -> bytes:
    return octets[:1] + bytes([octets[1] - 1]) + octets[2:-1]


def other_side(peer: CurvePeer) -> CurvePeer:
    peer.prefix = peer.prefix[:-1] + b"S"
    return peer


@pytest.mark.parametrize("what", BENT)
def test_what_is_no_box_of_his(scene: Scene, what: str) -> None:
    peer = scene.peer()
    peer.raw.send(BENT[what](peer))
    scene.is_over(peer)
    honest = scene.peer()
    honest.raw.send(honest.box(b"fine", honest.nonce + 1))
    assert scene.pull.recv() == b"fine"


def test_a_box_of_another_connection(scene: Scene) -> None:
    """The same client: the keys of a connection are its own."""
    one, other = scene.peer(), scene.peer()
    octets = one.box(b"mine", one.nonce + 1)
    other.raw.send(octets)
    scene.is_over(other)
    one.raw.send(octets)
    assert scene.pull.recv() == b"mine"


def test_a_whole_handshake_said_again(scene: Scene) -> None:
    """As recorded from the wire: the cookie is another server's by now."""
    recorded = scene.peer().sent
    stranger = scene.raw(last_endpoint(scene.pull))
    stranger.send(recorded)
    said = stranger.expect_closed()
    assert b"READY" not in said
    assert scene.watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)[1] in (
        zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC,
        zmq.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE,
    )


def test_half_a_message_and_then_a_replay(scene: Scene) -> None:
    """No part of it is delivered."""
    peer = scene.peer()
    more = peer.box(b"first", peer.nonce + 1, flags=1)
    peer.raw.send(more + more)
    scene.is_over(peer)
