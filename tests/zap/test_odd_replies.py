"""What a ZAP handler may answer, and what not: the events and values are libzmq's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import differs_from_libzmq, readable, try_send, zmq
from tests.raw_zmtp import prop

YES = [b"", b"1.0", b"1", b"200", b"OK", b"user", b""]
DELIMITER, VERSION, ID, STATUS, TEXT, USER, METADATA = range(7)

MALFORMED = {
    "ZAP_MALFORMED_REPLY": [[b""], [b"x"], [b"", b""], YES[1:], YES[:6], [*YES, b""]],
    "ZAP_UNSPECIFIED": [(DELIMITER, b"x")],
    "ZAP_BAD_VERSION": [(VERSION, text) for text in (b"", b"1", b"1.1", b"1.0 ")],
    "ZAP_BAD_REQUEST_ID": [(ID, text) for text in (b"", b"2", b"11", b"1\0")],
    "ZAP_INVALID_STATUS_CODE": [
        *((STATUS, text) for text in (b"", b"20", b"2000", b"200 ", b" 00", b"2a0", b"-20")),
        *((STATUS, b"%d" % number) for number in (100, 201, 299, 301, 404, 503, 600)),
    ],
    "ZAP_INVALID_METADATA": [
        *((METADATA, text) for text in (b"\5ab", b"\1a\0\0", b"\1a\0\0\0\5xy", b"\1")),
        (METADATA, prop(b"a", b"b") + b"\1"),
    ],
}


def reply(change: list[bytes] | tuple[int, bytes]) -> list[bytes]:
    if isinstance(change, list):
        return change
    frames = list(YES)
    frames[change[0]] = change[1]
    return frames


@pytest.fixture
def mechanism() -> str:
    return "PLAIN"


@pytest.fixture
def asked(pair: Any, sock: Any) -> Any:
    """A server whose client is not let in yet, the client, and what answers for it."""
    handler = sock("ROUTER", bind="inproc://zeromq.zap.01")
    made = pair()
    client = made.client()
    asker = handler.recv_multipart()[0]
    return made, client, lambda frames: handler.send_multipart([asker, *frames])


@pytest.mark.parametrize(
    ("code", "frames"),
    [(code, reply(change)) for code, changes in MALFORMED.items() for change in changes],
)
def test_no_answer_at_all(asked: Any, code: str, frames: list[bytes]) -> None:
    made, client, answer = asked
    answer(frames)
    event, value, _ = made.watch.wait(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    )
    expected = getattr(zmq, f"PROTOCOL_ERROR_{code}")
    assert (event, value) == (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, expected)
    try_send(client, b"never")
    assert not readable(made.server)


def test_a_no_with_metadata_that_are_none(asked: Any) -> None:
    made, _, answer = asked
    answer([b"", b"1.0", b"1", b"400", b"no", b"", b"\5a"])
    event, value, _ = made.watch.wait(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_AUTH
    )
    assert (event, value) == (
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.PROTOCOL_ERROR_ZAP_INVALID_METADATA,
    )


@differs_from_libzmq  # which lets the peer in, without the property
@pytest.mark.parametrize("size", [b"\x80\0\0\0", b"\xff\xff\xff\xff"])
def test_metadata_of_more_than_two_gigabytes(asked: Any, size: bytes) -> None:
    made, _, answer = asked
    answer(reply((METADATA, b"\1a" + size)))
    _, value, _ = made.watch.wait(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    assert value == zmq.PROTOCOL_ERROR_ZAP_INVALID_METADATA


@pytest.mark.parametrize("size", [0, 255, 256, 5000])
def test_user_ids_of_any_length(asked: Any, size: int) -> None:
    made, client, answer = asked
    answer(reply((USER, b"u" * size)))
    client.send(b"hello")
    assert made.server.recv(copy=False)["User-Id"] == "u" * size


@pytest.mark.parametrize("text", [b"", b"t" * 256, bytes(100_000), b"\xff"])
def test_status_texts_of_any_kind(asked: Any, text: bytes) -> None:
    made, client, answer = asked
    answer(reply((TEXT, text)))
    client.send(b"hello")
    assert made.server.recv() == b"hello"


def test_names_twice_and_names_that_are_ours(asked: Any) -> None:
    """The first of a name counts, and nobody is renamed by metadata."""
    made, client, answer = asked
    answer(reply((METADATA, prop(b"a", b"1") + prop(b"a", b"2") + prop(b"User-Id", b"other"))))
    client.send(b"hello")
    frame = made.server.recv(copy=False)
    assert (frame["a"], frame["User-Id"]) == ("1", "user")
