"""Two thousand connections on one socket, and every message accounted for."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import check_numbered, last_endpoint, new_context, zmq

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CONNECTIONS = 2000  # in two processes, so that each keeps half of the client ends
EACH = 5


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, CONNECTIONS + 500)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} descriptors allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect_all(spawn: Any, endpoint: str, kind: bytes) -> list[Any]:
    peers = [spawn() for _ in range(2)]
    for peer in peers:
        peer.start("raw_connections", endpoint, CONNECTIONS // 2, kind, EACH)
    return peers


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_one_pull(sock: Any, spawn: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", backlog=CONNECTIONS, rcvtimeo=30_000, bind=endpoints.any(transport))
    peers = connect_all(spawn, last_endpoint(pull), b"PUSH")

    seen: Counter[bytes] = Counter()
    for _ in range(CONNECTIONS * EACH):
        message = pull.recv()
        check_numbered(message[5:])
        seen[message] += 1
    for peer in peers:
        assert peer.result(60) == CONNECTIONS // 2

    assert len(seen) == CONNECTIONS // 2 * EACH
    assert set(seen.values()) == {2}


def test_one_router(sock: Any, spawn: Any, endpoints: Any) -> None:
    """Each client gets its own answers; all are gone again when the processes are."""
    router = sock(
        "ROUTER",
        backlog=CONNECTIONS,
        rcvtimeo=30_000,
        router_handover=1,
        bind=endpoints.any("tcp"),
    )
    peer = spawn()
    peer.start("raw_connections", last_endpoint(router), CONNECTIONS, b"DEALER", EACH)

    seen: Counter[bytes] = Counter()
    for _ in range(CONNECTIONS * EACH):
        name, body = router.recv_multipart()
        assert name == b"peer" + body[:5]
        seen[name] += 1
        router.send_multipart([name, body])
    assert peer.result(60) == CONNECTIONS
    assert set(seen.values()) == {EACH}
    assert len(seen) == CONNECTIONS
    assert peer.call("raw_replies", EACH) == CONNECTIONS * EACH


def test_five_hundred_sockets_of_our_own(endpoints: Any) -> None:
    """Both ends ours, one context: five hundred connecting sockets and one that is bound."""
    with new_context() as context:
        context.set(zmq.MAX_SOCKETS, 2000)
        pull = context.socket(zmq.PULL)
        pull.setsockopt(zmq.RCVTIMEO, 30_000)
        pull.setsockopt(zmq.BACKLOG, 1000)
        pull.bind(endpoints.any("ipc"))
        pushes = [context.socket(zmq.PUSH) for _ in range(500)]
        for number, push in enumerate(pushes):
            push.connect(last_endpoint(pull))
            push.send(b"%d" % number)
        assert sorted(int(pull.recv()) for _ in pushes) == list(range(500))
        for push in [*pushes, pull]:
            push.close(linger=0)
