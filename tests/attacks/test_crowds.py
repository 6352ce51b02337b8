"""CVE-2020-15166: connections that never shake hands, while an honest client wants in."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import Deadline, last_endpoint, wait_until, zmq
from tests.promises.test_lifecycle import resident_kib
from tests.raw_zmtp import COMMAND, LONG, greeting
from tests.zap.peers import SECURED

CROWD = 400
LARGE_CROWD = 5000


@pytest.fixture
def descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * LARGE_CROWD + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} descriptors allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Door:
    """A server, and how long it takes an honest client to get in and say something."""

    def __init__(self, sock: Any, mechanism: str, **options: Any) -> None:
        self.sock = sock
        self.zap = sock("ROUTER", bind="inproc://zeromq.zap.01") if mechanism == "PLAIN" else None
        theirs, self.ours = SECURED[mechanism]()
        self.pull = sock("PULL", bind="tcp://127.0.0.1:*", backlog=4096, **(theirs | options))
        self.endpoint = last_endpoint(self.pull)

    def seconds(self, times: int = 3) -> float:
        """The least of several clients: what a busy machine adds is not the crowd's doing."""
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            client = self.sock("PUSH", connect=self.endpoint, **self.ours)
            if self.zap is not None:
                peer, *_ = self.zap.recv_multipart()
                self.zap.send_multipart([peer, b"", b"1.0", b"1", b"200", b"", b"", b""])
            client.send(b"hello")
            assert self.pull.recv() == b"hello"
            taken.append(time.perf_counter() - began)
            client.close()
        return min(taken)

    def is_as_quick_as(self, quiet: float) -> bool:
        """As without a crowd, or half as quick, at some moment soon."""
        deadline = Deadline()
        while self.seconds(5) >= 2 * quiet + 0.02:
            if not deadline.left:
                return False
        return True


BEGINNINGS = {
    "silent": b"",
    "a signature": greeting()[:10],
    "half a greeting": greeting()[:40],
    "half a command": greeting() + bytes([COMMAND | LONG]) + (60_000).to_bytes(8, "big"),
}


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_crowd_keeps_nobody_waiting(sock: Any, raw: Any, mechanism: str, beginning: str) -> None:
    door = Door(sock, mechanism)
    quiet = door.seconds(15)
    octets = BEGINNINGS[beginning].replace(b"NULL", mechanism.encode()[:4])
    for _ in range(CROWD):
        raw(door.endpoint).send(octets)
    door.seconds()
    assert door.is_as_quick_as(quiet)


def test_more_than_may_be_half_open(sock: Any, raw: Any, mechanism: str) -> None:
    """The oldest go; a client gets in whatever their number."""
    door = Door(sock, mechanism, half_open_max=50)
    crowd = [raw(door.endpoint) for _ in range(CROWD)]
    door.seconds()

    def closed(peer: Any) -> bool:
        peer.sock.settimeout(0.001)
        try:
            while peer.sock.recv(100):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    wait_until(lambda: closed(crowd[CROWD - 60]))
    assert all(closed(peer) for peer in crowd[: CROWD - 60])
    assert not closed(crowd[-1])


def test_unfinished_commands_are_not_kept_without_bound(sock: Any, raw: Any) -> None:
    door = Door(sock, "NULL")
    before = resident_kib()
    greedy = greeting() + bytes([COMMAND | LONG]) + (65_000).to_bytes(8, "big") + bytes(64_000)
    for _ in range(CROWD):
        try:
            raw(door.endpoint).send(greedy)
        except OSError:
            pass  # sent away in the middle of it
    door.seconds()
    assert resident_kib() - before < 16 * 1024 * 2


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("descriptors")
def test_five_thousand(sock: Any, raw: Any) -> None:
    """At most 4 KiB of each, both ends here taken together."""
    door = Door(sock, "NULL", half_open_max=2 * LARGE_CROWD, handshake_ivl=0)
    quiet = door.seconds(15)
    before = resident_kib()
    for _ in range(LARGE_CROWD):
        raw(door.endpoint)
    door.seconds()
    assert (resident_kib() - before) * 1024 / LARGE_CROWD < 4096
    assert door.is_as_quick_as(quiet)


def test_the_limit_is_an_option(sock: Any) -> None:
    server = sock("PULL")
    assert server.getsockopt(zmq.HALF_OPEN_MAX) == 4096
    server.half_open_max = 1
    assert server.half_open_max == 1
    with pytest.raises(zmq.ZMQError, match="HALF_OPEN_MAX"):
        server.half_open_max = 0
