"""The gate between a peer's credentials and our consent, alone and in a handshake."""

import pytest

from peromq.zmtp import Handshake, NullMechanism, ProtocolError, ProtocolErrorCode, ZapGate
from tests.oracle import zmtp as oracle
from tests.zmtp.connection_pair import ConnectionPair, null_handshake
from tests.zmtp.golden import GREETING, READY


def asking(*, required: bool = False, **options: str) -> Handshake:
    gate = ZapGate(ask=True, required=required)
    return Handshake(socket_type=options.get("socket_type", "REP"), mechanism=NullMechanism(gate))


def asked(**options: bool) -> Handshake:
    """A NULL handshake whose question is out."""
    handshake = asking(**options)
    handshake.receive_data(GREETING)
    assert handshake.data_to_send() == GREETING
    question = handshake.next_zap_question()
    assert question is not None
    assert (question.mechanism, question.credentials) == ("NULL", [])
    assert handshake.next_zap_question() is None
    return handshake


def test_ready_waits_for_the_verdict() -> None:
    handshake = asked()
    handshake.receive_data(READY["REQ"])
    assert not handshake.done
    handshake.zap_reply(200, "OK", "alice", {b"X-role": b"admin", b"Socket-Type": b"PUB"})
    assert handshake.data_to_send() == READY["REP"]
    assert handshake.done
    assert handshake.peer.socket_type == "REQ"
    assert handshake.peer.properties["User-Id"] == "alice"
    assert handshake.peer.properties["X-role"] == "admin"


def test_a_user_id_is_not_taken_from_the_metadata() -> None:
    handshake = asked()
    handshake.receive_data(READY["REQ"])
    handshake.zap_reply(200, "", "", {b"User-Id": b"root"})
    handshake.data_to_send()
    assert handshake.peer.properties["User-Id"] == ""


@pytest.mark.parametrize(("status", "said"), [
    (300, b""),
    (400, oracle.encode_command(b"ERROR", b"\x03400")),
    (500, oracle.encode_command(b"ERROR", b"\x03500")),
])  # fmt: skip
def test_refusals(status: int, said: bytes) -> None:
    handshake = asked()
    handshake.zap_reply(status, "why", "alice", {})
    assert handshake.refused == status
    assert handshake.data_to_send() == said
    handshake.receive_data(READY["REQ"] * 3 + b"\x06" + b"\xff" * 100)
    assert not handshake.done
    assert handshake._incoming == b""
    with pytest.raises(ProtocolError, match="closed"):
        handshake.receive_eof()


def test_a_status_that_is_none() -> None:
    handshake = asked()
    with pytest.raises(ProtocolError, match="201") as caught:
        handshake.zap_reply(201, "", "", {})
    assert caught.value.code is ProtocolErrorCode.ZAP_INVALID_STATUS_CODE
    assert not handshake.done
    assert handshake.data_to_send() == b""


def test_without_a_handler() -> None:
    handshake = asked()
    handshake.zap_missing()
    assert handshake.data_to_send() == READY["REP"]
    handshake = asked(required=True)
    with pytest.raises(ProtocolError, match="no ZAP handler") as caught:
        handshake.zap_missing()
    assert caught.value.local
    assert handshake.data_to_send() == b""


def test_an_answer_that_is_no_zap() -> None:
    handshake = asked()
    with pytest.raises(ProtocolError, match="version"):
        handshake.zap_failed(ProtocolError("version", ProtocolErrorCode.ZAP_BAD_VERSION))
    handshake.zap_reply(200, "", "", {})  # too late
    handshake.zap_missing()
    assert not handshake.done


def test_only_who_asked_is_answered() -> None:
    with pytest.raises(RuntimeError, match="not asked"):
        null_handshake("REP").zap_reply(200, "", "", {})
    handshake = asked()
    handshake.zap_reply(200, "", "", {})
    with pytest.raises(RuntimeError, match="already"):
        handshake.zap_missing()


def test_a_refused_client_learns_the_status() -> None:
    pair = ConnectionPair(asking(), null_handshake("REQ"))
    for end in (pair.left, pair.right):
        end.flush()
    pair.left.receive(bytes(pair.right.wire))
    pair.right.wire.clear()
    pair.left.flush()
    pair.right.receive(bytes(pair.left.wire))
    pair.right.flush()
    pair.left.receive(bytes(pair.right.wire))
    pair.left.wire.clear()
    pair.left.handshake.zap_reply(400, "", "", {})
    pair.left.flush()
    pair.right.receive(bytes(pair.left.wire))
    assert pair.right.error is not None
    assert pair.right.error.auth_status == 400


def test_credentials_are_not_in_the_repr() -> None:
    gate = ZapGate(ask=True, required=True)
    gate.present("PLAIN", [b"admin", b"secret"])
    question = gate.take_question()
    assert "secret" not in repr(question)
