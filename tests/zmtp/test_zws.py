"""ZWS handshakes, two sides of ours and captured ones of libzmq, without sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from peromq.transports.ws_opening import MAX_HEAD, ClientOpening, ServerOpening
from peromq.zmtp import (
    NullMechanism,
    PlainClient,
    PlainServer,
    ProtocolError,
    ProtocolErrorCode,
    ZapGate,
    ZwsHandshake,
    zws_subprotocols,
)
from peromq.zmtp import websocket as ws
from tests.oracle import zws
from tests.oracle.zmtp import Frame
from tests.oracle.zws import MASK

_DATA = json.loads((Path(__file__).parents[1] / "data" / "zws.json").read_text())
WIRE = {vector["name"]: bytes.fromhex(vector["hex"]) for vector in _DATA["vectors"]}
READY = WIRE["ws_server_ready"]
BOTH = ["ZWS2.0/NULL", "ZWS2.0"]


def gate(ask: bool = False) -> ZapGate:
    return ZapGate(ask=ask, required=False)


def server(socket_type: str = "ROUTER", mechanism: Any = None, **arguments: Any) -> ZwsHandshake:
    mechanism = mechanism or NullMechanism(gate())
    opening = ServerOpening(zws_subprotocols(mechanism))
    return ZwsHandshake(
        opening=opening, new_mask=None, socket_type=socket_type, mechanism=mechanism, **arguments
    )


def client(
    socket_type: str = "DEALER",
    mechanism: Any = None,
    offers: list[str] | None = None,
    **arguments: Any,
) -> ZwsHandshake:
    mechanism = mechanism or NullMechanism(gate())
    opening = ClientOpening(offers or zws_subprotocols(mechanism), "127.0.0.1:80", "/chat")
    return ZwsHandshake(
        opening=opening,
        new_mask=lambda: MASK,
        socket_type=socket_type,
        mechanism=mechanism,
        **arguments,
    )


def converse(one: ZwsHandshake, other: ZwsHandshake, step: int = 10_000) -> None:
    """Until neither has anything to say; `step` octets at a time."""
    while True:
        said = [one.data_to_send(), other.data_to_send()]
        if not any(said):
            return
        for data, hearer in zip(said, (other, one), strict=True):
            for at in range(0, len(data), step):
                hearer.receive_data(data[at : at + step])


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_two_of_ours(step: int) -> None:
    one, other = client(routing_id=b"me"), server()
    converse(one, other, step)
    assert one.done
    assert other.done
    assert (other.peer.socket_type, other.peer.routing_id, other.peer.minor) == ("DEALER", b"me", 0)
    assert one.peer.socket_type == "ROUTER"
    assert one.is_client
    assert not other.is_client


def test_plain() -> None:
    one = client(mechanism=PlainClient(b"user", b"secret"))
    other = server(mechanism=PlainServer(gate(ask=True)))
    converse(one, other)
    question = other.next_zap_question()
    assert question is not None
    assert question.credentials == [b"user", b"secret"]
    other.zap_reply(200, "", "user", {})
    converse(one, other)
    assert one.done
    assert other.done


def test_without_a_mechanism() -> None:
    one, other = client(offers=["ZWS2.0"], routing_id=b"abc"), server()
    converse(one, other)
    assert one.done
    assert other.done
    assert (other.peer.routing_id, other.peer.socket_type) == (b"abc", "")
    assert one.peer.routing_id == b""


def test_libzmqs_client() -> None:
    ours = server()
    ours.receive_data(WIRE["ws_request_null"])
    answer = ours.data_to_send()
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nSec-WebSocket-Protocol: ZWS2.0/NULL\r\n" in answer
    assert answer.endswith(b"\r\n\r\n" + READY)
    ours.receive_data(WIRE["ws_ready_masked"] + WIRE["ws_multipart_masked"])
    assert ours.done
    assert ours.peer.routing_id == b"abc"
    assert ours.leftover == WIRE["ws_multipart_masked"]
    assert zws.decode(ours.leftover, masked=True).frames == [
        Frame(b"a", more=True),
        Frame(b"b" * 200),
    ]


def test_libzmqs_client_without_a_mechanism() -> None:
    ours = server(routing_id=b"us")
    request = WIRE["ws_request_null"].replace(b"ZWS2.0/NULL,", b"")
    ours.receive_data(request + WIRE["ws_nomech_identity_masked"] + WIRE["ws_sub_masked"])
    assert ours.data_to_send().endswith(b"\r\n\r\n\x82\x03\x00us")
    assert ours.done
    assert ours.peer.routing_id == b"abc"
    assert ours.leftover == WIRE["ws_sub_masked"]


def test_libzmqs_server() -> None:
    """Its answer is to another key than ours; all but that is as captured."""
    ours = client()
    request = ours.data_to_send()
    assert request.startswith(b"GET /chat HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert b"ZWS2.0/NULL, ZWS2.0" in request
    key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    from wsproto.utilities import generate_accept_token

    answer = WIRE["ws_server_response"].replace(
        b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", generate_accept_token(key)
    )
    ours.receive_data(answer + READY)
    said = zws.decode(ours.data_to_send(), masked=True)
    assert said.frames[0].body.startswith(b"\5READY")
    assert said.frames[0].command
    assert ours.done
    assert ours.peer.socket_type == "ROUTER"


def test_the_accept_token_is_checked() -> None:
    ours = client()
    with pytest.raises(ProtocolError, match="accept") as caught:
        ours.receive_data(WIRE["ws_server_response"])
    assert caught.value.code == ProtocolErrorCode.WS_UNSPECIFIED
    assert not caught.value.retry


def test_a_server_behind_a_proxy_may_come_back() -> None:
    ours = client()
    with pytest.raises(ProtocolError, match="503") as caught:
        ours.receive_data(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    assert caught.value.retry


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"POST / HTTP/1.1\r\n", b"400"),
        (b"rubbish\r\n", b""),
        (b"\xff" + bytes(8) + b"\x7f\3\r\n", b""),  # a ZMTP greeting
        (b"\x16\x03\x01\0\x05\x01\r\n", b""),  # TLS
    ],
)
def test_what_is_no_upgrade(request_line: bytes, status: bytes) -> None:
    ours = server()
    rest = WIRE["ws_request_null"].split(b"\r\n", 1)[1]
    with pytest.raises(ProtocolError) as caught:
        ours.receive_data(request_line + rest)
    assert caught.value.code == ProtocolErrorCode.WS_UNSPECIFIED
    assert status in ours.data_to_send()


@pytest.mark.parametrize(
    "header", [b"Upgrade", b"Connection", b"Sec-WebSocket-Key", b"Sec-WebSocket-Protocol", b"Host"]
)
def test_a_header_is_missing(header: bytes) -> None:
    lines = WIRE["ws_request_null"].split(b"\r\n")
    ours = server()
    with pytest.raises(ProtocolError):
        ours.receive_data(b"\r\n".join(x for x in lines if not x.startswith(header + b":")))
    assert ours.data_to_send().startswith(b"HTTP/1.1 400 ")


def test_an_unknown_version_is_told_ours() -> None:
    ours = server()
    with pytest.raises(ProtocolError):
        ours.receive_data(WIRE["ws_request_null"].replace(b"Version: 13", b"Version: 8"))
    answer = ours.data_to_send()
    assert b"426" in answer
    assert b"sec-websocket-version: 13" in answer.lower()


def test_no_extension_is_agreed_on() -> None:
    ours = server()
    extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ours.receive_data(WIRE["ws_request_null"][:-2] + extension)
    assert b"extension" not in ours.data_to_send().lower()


def test_headers_are_bounded() -> None:
    ours = server()
    ours.receive_data(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(MAX_HEAD // 1000):
        ours.receive_data(b"x" * 1000)
    with pytest.raises(ProtocolError, match="octets of HTTP headers"):
        ours.receive_data(b"x" * 1000)
    assert ours.kept == 0


def test_a_question_for_zap_needs_a_mechanism() -> None:
    assert zws_subprotocols(NullMechanism(gate(ask=True))) == ["ZWS2.0/NULL"]
    assert zws_subprotocols(NullMechanism(gate())) == BOTH
    assert zws_subprotocols(PlainServer(gate())) == ["ZWS2.0/PLAIN"]


def test_mechanisms_must_agree() -> None:
    one, other = client(mechanism=PlainClient(b"u", b"p")), server()
    with pytest.raises(ProtocolError, match=r"ZWS2\.0/PLAIN"):
        converse(one, other)
    with pytest.raises(ProtocolError, match="400"):
        one.receive_data(other.data_to_send())


def receive(ours: ZwsHandshake, *pieces: bytes) -> None:
    for piece in pieces:
        ours.receive_data(piece)


def opened() -> ZwsHandshake:
    ours = server()
    ours.receive_data(WIRE["ws_request_null"])
    ours.data_to_send()
    return ours


def test_control_frames_in_the_handshake() -> None:
    ours = opened()
    ready = WIRE["ws_ready_masked"]
    ours.receive_data(zws.frame(b"hello?", 9, mask=MASK) + zws.frame(b"", 10, mask=MASK))
    assert ours.data_to_send() == zws.frame(b"hello?", 10)
    ours.receive_data(ready)
    assert ours.done


def test_a_ready_in_fragments() -> None:
    ours = opened()
    payload = zws.unmask(WIRE["ws_ready_masked"][6:], WIRE["ws_ready_masked"][2:6])
    ours.receive_data(zws.frame(payload[:9], final=False, mask=MASK))
    assert ours.kept == 9
    ours.receive_data(zws.frame(b"", 9, mask=MASK))
    ours.receive_data(zws.frame(payload[9:], 0, mask=MASK))
    assert ours.peer.socket_type == "DEALER"


def test_close_in_the_handshake() -> None:
    ours = opened()
    with pytest.raises(ProtocolError) as caught:
        ours.receive_data(zws.frame((1001).to_bytes(2, "big"), 8, mask=MASK))
    assert caught.value.retry
    assert ours.data_to_send() == zws.frame((1001).to_bytes(2, "big"), 8)


@pytest.mark.parametrize(
    "wire",
    [
        WIRE["ws_server_ready"],  # not masked
        zws.frame(b"", mask=MASK),
        zws.frame(b"hello", 1, mask=MASK),
        zws.frame(b"\2", 0, mask=MASK),
        zws.frame(b"", 11, mask=MASK),
        zws.frame(b"x" * 126, 9, mask=MASK),
        b"\xc2\x80",
        b"\x82\xff" + (2**17).to_bytes(8, "big") + MASK,
        b"\x82\xff" + (5).to_bytes(8, "big"),
    ],
)
def test_offences(wire: bytes) -> None:
    for cut in range(len(wire)):
        ours = opened()
        with pytest.raises(ProtocolError):
            receive(ours, wire[:cut], wire[cut:])
        assert ours.kept == 0


def test_a_long_routing_id_without_mechanism() -> None:
    ours = server()
    request = WIRE["ws_request_null"].replace(b"ZWS2.0/NULL,", b"")
    with pytest.raises(ProtocolError, match="255"):
        ours.receive_data(request + zws.frame(bytes(257), mask=MASK))


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
@pytest.mark.parametrize("mask", [None, MASK])
def test_frames_are_the_naive_ones(size: int, mask: bytes | None) -> None:
    payload = bytes(range(256)) * 257
    assert ws.encode_frame(2, payload[:size], mask) == zws.frame(payload[:size], mask=mask)
