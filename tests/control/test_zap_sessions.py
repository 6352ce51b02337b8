"""Sessions that ask ZAP, over a fake data plane and a handler in this file."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import pytest

from peromq.constants import Errno, Event, SocketType
from peromq.control.zap import ZapAsker
from peromq.zmtp import ProtocolError, ProtocolErrorCode, ZapRequest
from tests.control.fakes import TIMEOUT, FakeSocket, Plane
from tests.control.wire import dial
from tests.raw_zmtp import greeting, ready


class Handler:
    """Keeps the questions until the test answers."""

    def __init__(self, plane: Plane) -> None:
        self._loop = plane.control._hub.loop
        self._asked: queue.Queue[tuple[ZapRequest, ZapAsker]] = queue.Queue()
        self.cancelled: queue.Queue[ZapAsker] = queue.Queue()
        plane.control._hub.zap = self

    def ask(self, request: ZapRequest, asker: ZapAsker) -> Callable[[], None]:
        self._asked.put((request, asker))
        return lambda: self.cancelled.put(asker)

    def close(self) -> None:
        pass

    def next(self) -> tuple[ZapRequest, ZapAsker]:
        return self._asked.get(timeout=TIMEOUT)

    def answer(self, call: Callable[[], None]) -> None:
        self._loop.post(call)


def bound(plane: Plane, **options: Any) -> tuple[FakeSocket, str]:
    sock = plane.socket(SocketType.REP, **{"zap_domain": "test"} | options)
    return sock, plane.control.bind(sock, "tcp://127.0.0.1:*")


def test_the_question_and_a_yes(plane: Plane) -> None:
    handler = Handler(plane)
    sock, endpoint = bound(plane, routing_id=b"SRV")
    with dial(endpoint) as peer:
        peer.send(greeting() + ready(b"REQ", b""))
        request, asker = handler.next()
        assert request == ZapRequest("test", "127.0.0.1", b"SRV", "NULL", [])
        assert sock.attached.empty()
        handler.answer(lambda: asker.zap_reply(200, "OK", "alice", {b"X-a": b"b"}))
        properties = sock.next_attached().facts["properties"]
        assert (properties["User-Id"], properties["X-a"]) == ("alice", "b")
        assert properties["Peer-Address"] == "127.0.0.1"


@pytest.mark.parametrize("status", [300, 400, 500])
def test_a_no(plane: Plane, caplog: pytest.LogCaptureFixture, status: int) -> None:
    """Reported at once; the peer is kept until it goes."""
    handler = Handler(plane)
    sock, endpoint = bound(plane, handshake_ivl=0)
    with dial(endpoint) as peer:
        peer.send(greeting() + ready(b"REQ", b""))
        _, asker = handler.next()
        handler.answer(lambda: asker.zap_reply(status, "no", "", {}))
        assert sock.wait_for(Event.HANDSHAKE_FAILED_AUTH)[0] == status
        peer.read(64)
        if status != 300:
            assert peer.read_command() == (b"ERROR", b"\x03%d" % status)
    sock.wait_for(Event.DISCONNECTED)
    failed = [event for event in sock.events() if "FAILED" in event.name]
    assert failed == [Event.HANDSHAKE_FAILED_AUTH]
    assert f"ZAP refused the peer with status {status}" in caplog.text
    assert "NULL" in caplog.text
    assert endpoint in caplog.text


def test_a_refused_peer_does_not_stay_for_ever(plane: Plane) -> None:
    handler = Handler(plane)
    sock, endpoint = bound(plane, handshake_ivl=500)
    with dial(endpoint) as peer:
        peer.send(greeting())
        _, asker = handler.next()
        handler.answer(lambda: asker.zap_reply(300, "", "", {}))
        assert len(peer.expect_closed()) == 64
        sock.wait_for(Event.DISCONNECTED)


def test_a_handler_that_never_answers(plane: Plane) -> None:
    handler = Handler(plane)
    sock, endpoint = bound(plane, handshake_ivl=500)
    with dial(endpoint) as peer:
        peer.send(greeting())
        _, asker = handler.next()
        assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] == Errno.ETIMEDOUT
        assert handler.cancelled.get(timeout=TIMEOUT) is asker
        handler.answer(lambda: asker.zap_reply(200, "", "", {}))  # nobody cares
        plane.fence()
        assert sock.attached.empty()


def test_a_peer_that_goes_takes_its_question_back(plane: Plane) -> None:
    handler = Handler(plane)
    _, endpoint = bound(plane)
    with dial(endpoint) as peer:
        peer.send(greeting())
        _, asker = handler.next()
    assert handler.cancelled.get(timeout=TIMEOUT) is asker


def test_an_answer_that_is_no_zap(plane: Plane) -> None:
    handler = Handler(plane)
    sock, endpoint = bound(plane)
    with dial(endpoint) as peer:
        peer.send(greeting())
        _, asker = handler.next()
        failure = ProtocolError("wrong version", ProtocolErrorCode.ZAP_BAD_VERSION)
        handler.answer(lambda: asker.zap_failed(failure))
        value, _ = sock.wait_for(Event.HANDSHAKE_FAILED_PROTOCOL)
        assert value == ProtocolErrorCode.ZAP_BAD_VERSION
        peer.expect_closed()


def test_no_handler_and_none_required(plane: Plane) -> None:
    sock, endpoint = bound(plane)
    with dial(endpoint) as peer:
        peer.send(greeting() + ready(b"REQ", b""))
        assert "User-Id" not in sock.next_attached().facts["properties"]


def test_no_handler_where_one_must_be(plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    sock, endpoint = bound(plane, zap_enforce_domain=1)
    with dial(endpoint) as peer:
        peer.send(greeting() + ready(b"REQ", b""))
        assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] == Errno.EFAULT
        assert len(peer.expect_closed()) == 64
    assert "no ZAP handler" in caplog.text
