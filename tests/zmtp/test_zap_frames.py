"""ZAP's frames: the request as libzmq's was captured, replies with something wrong in them."""

from __future__ import annotations

from typing import Any

import pytest

from peromq.zmtp import ProtocolError, ProtocolErrorCode, ZapReply, ZapRequest, parse_zap_reply

# Captured at a ROUTER, behind the routing id that it adds.
CAPTURED = "- 312e30 31 74657374 3132372e302e302e31 535256 504c41494e 61646d696e 736563726574"
METADATA = b"\x01a\0\0\0\x02bc\x01a\0\0\0\x01d\x00\0\0\0\0"


def reply(**changed: Any) -> list[bytes]:
    frames = {
        "delimiter": b"",
        "version": b"1.0",
        "request_id": b"1",
        "status": b"200",
        "text": b"OK",
        "user": b"me",
        "metadata": b"",
    }
    return list((frames | changed).values())


def test_the_request_is_libzmq_s() -> None:
    request = ZapRequest("test", "127.0.0.1", b"SRV", "PLAIN", [b"admin", b"secret"])
    captured = [bytes.fromhex(word.strip("-")) for word in CAPTURED.split(" ")]
    assert request.frames() == captured
    assert "secret" not in repr(request)


def test_a_reply() -> None:
    parsed = parse_zap_reply(reply(metadata=METADATA, user=b"\xff\xc3\xa9", text=b"fine"))
    assert parsed == ZapReply(200, "fine", "\udcffé", {b"a": b"bc", b"": b""})
    assert parse_zap_reply(reply(status=b"999")).status_code == 999  # the gate's to judge


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"delimiter": b"x"}, "ZAP_UNSPECIFIED"),
        ({"version": b"1.1"}, "ZAP_BAD_VERSION"),
        ({"version": b""}, "ZAP_BAD_VERSION"),
        ({"request_id": b"2"}, "ZAP_BAD_REQUEST_ID"),
        ({"request_id": b""}, "ZAP_BAD_REQUEST_ID"),
        ({"status": b"20"}, "ZAP_INVALID_STATUS_CODE"),
        ({"status": b"2000"}, "ZAP_INVALID_STATUS_CODE"),
        ({"status": b"-20"}, "ZAP_INVALID_STATUS_CODE"),
        ({"status": b" 20"}, "ZAP_INVALID_STATUS_CODE"),
        ({"status": "²00".encode("latin-1")}, "ZAP_INVALID_STATUS_CODE"),
        ({"metadata": b"\x01"}, "ZAP_INVALID_METADATA"),
        ({"metadata": b"\x01a\xff\xff\xff\xff"}, "ZAP_INVALID_METADATA"),
        ({"one more": b""}, "ZAP_MALFORMED_REPLY"),
    ],
)
def test_what_is_wrong_with_it(changed: dict[str, bytes], code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_zap_reply(reply(**changed))
    assert caught.value.code is ProtocolErrorCode[code]


@pytest.mark.parametrize("count", [0, 1, 6])
def test_too_few_frames(count: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_zap_reply(reply()[:count])
    assert caught.value.code is ProtocolErrorCode.ZAP_MALFORMED_REPLY
