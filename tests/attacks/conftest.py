"""Attacks on real sockets by strangers who speak octets. Which is after which known weakness:

CVE-2014-7202, CVE-2014-9721   test_downgrade: less security, or an older protocol
CVE-2014-7203                  test_replay: a nonce again, or an older one
CVE-2019-6250                  test_lengths: sizes near 2**63 and 2**64
CVE-2019-13132                 test_commands: every handshake command with every length
CVE-2020-15166                 test_crowds: many who connect and never shake hands
CVE-2020-36400                 test_fragments: a cut at every octet
CVE-2021-20234                 test_leaks: gone in the middle of a message, over and over
CVE-2021-20235                 test_old_framing: large frames of ZMTP 1.0
CVE-2021-20236                 test_topics: deep and long subscriptions
CVE-2021-20237                 test_leaks: messages to a PUB, which reads none
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import last_endpoint
from tests.kerberos import realm, realm_if_wanted
from tests.promises.strangers import Server
from tests.sharedfixtures import ctx, endpoints, monitor, raw, raw_listener, sock, spawn
from tests.zap.peers import MECHANISMS, NEEDS_KDC, SECURED

__all__ = [
    "ctx",
    "endpoints",
    "monitor",
    "raw",
    "raw_listener",
    "realm",
    "realm_if_wanted",
    "sock",
    "spawn",
]


@pytest.fixture
def guarded(sock: Any, monitor: Any) -> Iterator[Callable[..., Server]]:
    """`guarded("CURVE")`: a server with that mechanism that lets its honest client in."""
    made: list[Server] = []

    def make(mechanism: str, **options: Any) -> Server:
        if mechanism == "PLAIN":  # nobody gets in without a handler
            zap = sock("ROUTER", bind="inproc://zeromq.zap.01")
        theirs, ours = SECURED[mechanism]()
        pull = sock("PULL", handshake_ivl=10_000, **(theirs | options))
        watch = monitor(pull)
        pull.bind("tcp://127.0.0.1:*")
        push = sock("PUSH", connect=last_endpoint(pull), **ours)
        if mechanism == "PLAIN":
            peer, *_ = zap.recv_multipart()
            zap.send_multipart([peer, b"", b"1.0", b"1", b"200", b"", b"", b""])
        made.append(Server(pull, push, watch))
        made[-1].goes_on()
        return made[-1]

    yield make
    for server in made:
        server.goes_on()


@pytest.fixture(params=[*MECHANISMS, NEEDS_KDC])
def mechanism(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
