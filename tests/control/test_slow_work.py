"""A step of GSSAPI that takes its time keeps nobody else waiting, and costs only so much."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from peromq.control import security
from peromq.control.resolver import Resolver
from tests.helpers import AGAINST_LIBZMQ, last_endpoint, wait_until, zmq
from tests.raw_zmtp import RawPeer, frame, greeting
from tests.sharedfixtures import ctx, endpoints, monitor, raw, sock
from tests.zmtp.mechanisms.test_gssapi import Pretence

__all__ = ["ctx", "endpoints", "monitor", "raw", "sock"]

TIMEOUT = 10.0

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="looks inside")


class Slow(Pretence):
    """The server's context, which waits in its step for `gate`; once it is open, for nothing."""

    gate = threading.Event()
    begun = threading.Semaphore(0)

    def step(self, token: bytes | None) -> bytes | None:
        self.begun.release()
        assert self.gate.wait(TIMEOUT)
        return super().step(token)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("gssapi")
    monkeypatch.setattr(Slow, "gate", threading.Event())
    monkeypatch.setattr(Slow, "begun", threading.Semaphore(0))
    for name, kind in (("server_contexts", Slow), ("client_contexts", Pretence)):
        client = kind is Pretence
        monkeypatch.setattr(
            security, name, lambda _, kind=kind, client=client: lambda: kind(b"key", client=client)
        )
    yield Slow
    Slow.gate.set()
    for thread in threading.enumerate():
        if thread.name == "peromq/kerberos":
            thread.join(TIMEOUT)


def token_of(size: int) -> bytes:
    body = b"\x08INITIATE" + size.to_bytes(4, "big") + bytes(size)
    return greeting(mechanism=b"GSSAPI") + frame(body, 4)


def test_others_are_served_meanwhile(sock: Any, pretended: Any, raw: Any) -> None:
    """Some have sent their token; others shake hands before the first step is taken."""
    server = sock("PULL", gssapi_server=1, bind="tcp://127.0.0.1:*")
    pushes = [
        sock("PUSH", gssapi_service_principal=b"host@localhost", connect=last_endpoint(server))
        for _ in range(3)
    ]
    for _ in pushes:
        assert pretended.begun.acquire(timeout=TIMEOUT)
    pull = sock("PULL", bind="tcp://127.0.0.1:*")
    push = sock("PUSH", connect=last_endpoint(pull))
    push.send(b"meanwhile")
    assert pull.recv() == b"meanwhile"
    pretended.gate.set()
    for number, push in enumerate(pushes):
        push.send(b"%d" % number)
    assert sorted(server.recv() for _ in pushes) == [b"0", b"1", b"2"]


def test_a_flood_that_leaves_leaves_nothing(
    sock: Any, pretended: Any, monitor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes takes his question along, unless somebody is at it already."""
    made: list[Resolver] = []

    class Watched(Resolver):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    monkeypatch.setattr("peromq.control.hub.Resolver", Watched)
    server = sock("PULL", gssapi_server=1)
    watch = monitor(server)
    server.bind("tcp://127.0.0.1:*")
    crowd = []
    for _ in range(40):
        crowd.append(RawPeer.connect(last_endpoint(server)))
        crowd[-1].send(token_of(60_000))
    [kerberos] = wait_until(lambda: [one for one in made if one._name == "peromq/kerberos"])
    wait_until(lambda: len(kerberos._queue) == len(crowd) - kerberos._max_threads)
    for peer in crowd:
        peer.close()
    for _ in crowd:
        watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
    wait_until(lambda: not kerberos._queue)


def test_tokens_count_for_the_crowd(sock: Any, pretended: Any, monitor: Any) -> None:
    """What waits for a step is kept for a stranger: 16 MiB of it, for all of them."""
    server = sock("PULL", gssapi_server=1, rcvtimeo=int(TIMEOUT * 1000))
    watch = monitor(server)
    server.bind("tcp://127.0.0.1:*")
    crowd = []
    for _ in range((16 << 20) // 60_000 + 5):
        crowd.append(RawPeer.connect(last_endpoint(server)))
        crowd[-1].send(token_of(60_000))
    _, why, _ = watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
    assert why == zmq.Errno.ENOBUFS
    for peer in crowd:
        peer.close()
    for _ in crowd[1:]:
        watch.wait(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
