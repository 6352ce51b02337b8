"""The driver with a mechanism that has several commands and waits for a third party."""

from collections.abc import Mapping

import pytest

from peromq.zmtp import Handshake, Mechanism, ProtocolError, ProtocolErrorCode
from tests.oracle import zmtp as oracle
from tests.zmtp.golden import GREETING, READY

ASKING = GREETING[:12] + b"ASKING".ljust(20, b"\0") + GREETING[32:]


class AskingMechanism:
    """As a PLAIN server does: hears a credential, asks elsewhere, answers, hears the metadata."""

    name = "ASKING"
    gate = None
    opens = False

    def __init__(self) -> None:
        self.done = False
        self.properties: Mapping[str, str] = {}
        self.asked: bytes | None = None
        self._outgoing: list[bytes] = []
        self._metadata = b""

    def take_traffic(self) -> None:
        return None

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata

    def next_command(self) -> bytes | None:
        return self._outgoing.pop(0) if self._outgoing else None

    def receive_command(self, body: bytes) -> bytes | None:
        if self.asked is None:
            self.asked = body
            return None
        if not self.properties:
            raise ProtocolError("impatient", ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND)
        self._outgoing.append(b"\x05READY" + self._metadata)
        self.done = True
        return body

    def verdict(self, user_id: str) -> None:
        self.properties = {"User-Id": user_id}
        self._outgoing.append(b"\x07WELCOME")


def asking() -> tuple[AskingMechanism, Handshake]:
    mechanism = AskingMechanism()
    as_declared: Mechanism = mechanism
    handshake = Handshake(socket_type="REP", mechanism=as_declared)
    handshake.receive_data(ASKING)
    assert len(handshake.data_to_send()) == 64
    handshake.receive_data(b"\x04\x06secret")
    assert mechanism.asked == b"secret"
    assert handshake.data_to_send() == b""
    return mechanism, handshake


def test_a_mechanism_may_wait_for_a_third_party() -> None:
    mechanism, handshake = asking()
    mechanism.verdict("alice")
    assert handshake.data_to_send() == oracle.encode_command(b"WELCOME")
    block = oracle.encode_metadata((b"Socket-Type", b"REQ"), (b"User-Id", b"mallory"))
    handshake.receive_data(oracle.encode_frame(oracle.Frame(block, command=True)))
    assert handshake.data_to_send() == READY["REP"]
    assert handshake.done
    assert handshake.peer.properties == {"Socket-Type": "REQ", "User-Id": "alice"}


def test_several_commands_may_arrive_at_once() -> None:
    _, handshake = asking()
    with pytest.raises(ProtocolError, match="impatient"):
        handshake.receive_data(b"\x04\x01a")
    mechanism = AskingMechanism()
    handshake = Handshake(socket_type="REP", mechanism=mechanism)
    with pytest.raises(ProtocolError, match="impatient"):
        handshake.receive_data(ASKING + b"\x04\x06secret" + b"\x04\x01a")


def test_socket_types_are_checked_before_a_mechanism_answers() -> None:
    mechanism, handshake = asking()
    mechanism.verdict("alice")
    handshake.data_to_send()
    block = oracle.encode_metadata((b"Socket-Type", b"PUSH"))
    with pytest.raises(ProtocolError):
        handshake.receive_data(oracle.encode_frame(oracle.Frame(block, command=True)))
    assert handshake.data_to_send() == b""
