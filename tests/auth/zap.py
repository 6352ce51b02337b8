"""The other side of ZAP: what a socket asks before it lets somebody in."""

from __future__ import annotations

from typing import Any

ENDPOINT = "inproc://zeromq.zap.01"


def request(
    mechanism: bytes,
    *credentials: bytes,
    version: bytes = b"1.0",
    domain: bytes = b"",
    address: bytes = b"127.0.0.1",
) -> list[bytes]:
    return [version, b"42", domain, address, b"identity", mechanism, *credentials]


def answer(req: Any) -> tuple[bytes, bytes, bytes]:
    """(status code, status text, user id) of the reply to `request`."""
    version, request_id, code, text, user_id, metadata = req.recv_multipart()
    assert (version, request_id, metadata) == (b"1.0", b"42", b"")
    return code, text, user_id
