"""A handshake that fails: a monitor event, a record in the log, and an exception for who waits."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, last_endpoint, wait_until, zmq

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq only has the event")


def records(caplog: pytest.LogCaptureFixture, kind: str) -> list[str]:
    texts = [record.getMessage() for record in caplog.records if record.name == "peromq"]
    return [text for text in texts if text.startswith(kind)]


def test_both_ends_say_which_endpoint_which_mechanism_and_why(
    pair: Any, handler: Any, monitor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "peromq")
    zap = handler()
    made = pair()
    endpoint = last_endpoint(made.server)
    client = made.client()
    watch = monitor(client)
    zap.next()
    zap.answer(b"400")
    for watched in (watch, made.watch):
        _, status, where = watched.wait(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        assert (status, where) == (400, endpoint)
    for kind in ("PUSH", "PULL"):
        [text] = wait_until(lambda kind=kind: records(caplog, kind))
        assert endpoint in text
        assert f"{made.mechanism} handshake failed" in text
        assert "400" in text
    with pytest.raises(zmq.HandshakeError) as caught:
        client.wait_connected(timeout=5)
    assert (caught.value.endpoint, caught.value.mechanism) == (endpoint, made.mechanism)
    assert "400" in caught.value.reason
    assert endpoint in str(caught.value)
