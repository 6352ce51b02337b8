"""Every valid pair of socket types over ws and wss, with each mechanism that goes by it.

Between two of ours; and with a libzmq that has ws, where there is one: distributions build without.
LIBZMQ_WITH_DRAFTS may name such a library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import certificates
from tests.helpers import AGAINST_LIBZMQ, TIMEOUT, Sockets, last_endpoint, terminate, zmq
from tests.interop import libzmq_ctypes
from tests.interop.test_secured_pairs import MECHANISMS, handlers_of
from tests.interop.test_socket_pairs import PAIRS, options_of

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheels have no ws")

ALL = {"null": ({}, {}), **MECHANISMS}
SAMPLED = {("XPUB", "SUB"), ("REQ", "ROUTER"), ("PAIR", "PAIR")}


@pytest.fixture
def theirs() -> Iterator[Callable[..., Any]]:
    context = libzmq_ctypes.Context(libzmq_ctypes.load_drafts())
    sockets = Sockets(context)
    yield sockets
    sockets.close()
    terminate(context)


def meet(
    first: Any, second: Any, pair: tuple[str, str], endpoint: str, *, first_binds: bool
) -> None:
    if pair[1] == "SUB":
        second.setsockopt(zmq.SUBSCRIBE, b"topic")
    if pair[1] == "XSUB":
        second.send(b"\x01topic")
    bound, connected = (first, second) if first_binds else (second, first)
    bound.bind(endpoint)
    connected.connect(last_endpoint(bound))
    PAIRS[pair](first, second)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("mechanism", ALL)
@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, id="-".join(pair), marks=[] if pair in SAMPLED else pytest.mark.slow)
        for pair in PAIRS
    ],
)
def test_ours(sock: Any, pair: tuple[str, str], mechanism: str, scheme: str) -> None:
    """The server of the mechanism binds in one of two."""
    first_options, second_options = options_of(pair)
    roles = list(ALL[mechanism])
    first_binds = len(pair[0]) % 2 == 0
    ends = [certificates.server(), certificates.client()] if scheme == "wss" else [{}, {}]
    if not first_binds:
        ends.reverse()
    with handlers_of(sock) as asked:
        first = sock(pair[0], **first_options, **roles[0], **ends[0])
        second = sock(pair[1], **second_options, **roles[1], **ends[1])
        meet(first, second, pair, f"{scheme}://127.0.0.1:*", first_binds=first_binds)
    if mechanism != "null":
        assert asked[0][5] == mechanism.upper().encode()


@pytest.mark.slow
@pytest.mark.no_sanitizer
@pytest.mark.parametrize("ours", ["first", "second"])
@pytest.mark.parametrize("mechanism", ALL)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("first_binds", [True, False])
def test_libzmq(
    sock: Any,
    theirs: Callable[..., Any],
    pair: tuple[str, str],
    mechanism: str,
    ours: str,
    first_binds: bool,
) -> None:
    if pair[0] == "REQ" and ours == "second" and mechanism != "null":
        pytest.skip("libzmq's REQ hears no reply once it has asked ZAP, not even from libzmq")
    first_options, second_options = options_of(pair)
    roles = ALL[mechanism]
    with handlers_of(sock, theirs):
        first = (sock if ours == "first" else theirs)(pair[0], **first_options, **roles[0])
        second = (sock if ours == "second" else theirs)(pair[1], **second_options, **roles[1])
        meet(first, second, pair, "ws://127.0.0.1:*", first_binds=first_binds)


@pytest.mark.parametrize("mechanism", ALL)
def test_messages_of_all_sizes(sock: Any, mechanism: str) -> None:
    serving, calling = ALL[mechanism]
    with handlers_of(sock):
        pull = sock("PULL", bind="ws://127.0.0.1:*", **serving)
        push = sock("PUSH", connect=last_endpoint(pull), **calling)
        for size in (0, 1, 91, 92, 124, 125, 126, 16_350, 16_384, 65_500, 65_536, 3_000_000):
            message = [bytes(size), b"%d" % size]
            push.send_multipart(message)
            assert pull.recv_multipart() == message


def test_a_stranger_without_the_key_is_not_let_in(sock: Any, monitor: Any) -> None:
    serving, _ = ALL["curve"]
    pull = sock("PULL", **serving)
    watch = monitor(pull)
    pull.bind("ws://127.0.0.1:*")
    for options in ({}, {"plain_username": b"admin", "plain_password": b"secret"}):
        sock("PUSH", reconnect_ivl=-1, connect=last_endpoint(pull), **options)
        assert watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    assert not pull.poll(50)


def test_curve_by_wss_has_both(sock: Any) -> None:
    """Two layers of keys: the certificate's, and CURVE's."""
    serving, calling = ALL["curve"]
    with handlers_of(sock):
        pull = sock("PULL", bind="wss://127.0.0.1:*", **serving, **certificates.server())
        push = sock("PUSH", connect=last_endpoint(pull), **calling, **certificates.client())
        push.send(b"twice sealed")
        frame = pull.recv(copy=False)
        assert frame.bytes == b"twice sealed"
        assert frame.get("User-Id") == "alice"


def test_heartbeats_keep_a_sealed_connection(sock: Any, monitor: Any) -> None:
    serving, calling = ALL["curve"]
    options = {"heartbeat_ivl": 10, "heartbeat_timeout": int(TIMEOUT * 1000)}
    with handlers_of(sock):
        pull = sock("PULL", bind="ws://127.0.0.1:*", **serving, **options)
        push = sock("PUSH", **calling, **options)
        watch = monitor(push)
        push.connect(last_endpoint(pull))
        watch.wait(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        assert watch.next(0.2) is None
        push.send(b"still there")
        assert pull.recv() == b"still there"
