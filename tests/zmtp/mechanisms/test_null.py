from typing import ClassVar

import pytest

from peromq.zmtp import (
    Handshake,
    Mechanism,
    NullMechanism,
    ProtocolError,
    ProtocolErrorCode,
    ZapGate,
    ZapNeeded,
)
from tests.oracle import zmtp as oracle
from tests.zmtp.middle import Middle, machine_settings, overhear


def test_ready_is_sent_once_and_at_once() -> None:
    null: Mechanism = NullMechanism()
    assert null.name == "NULL"
    assert null.next_command() is None
    null.start(b"metadata")
    assert null.next_command() == b"\x05READYmetadata"
    assert null.next_command() is None
    assert not null.done
    assert null.receive_command(b"\x05READYtheirs") == b"theirs"
    assert null.done
    assert null.properties == {}


def test_the_peers_ready_may_come_first() -> None:
    null = NullMechanism()
    null.start(b"")
    assert null.receive_command(b"\x05READY") == b""
    assert not null.done
    assert null.next_command() == b"\x05READY"
    assert null.done


@pytest.mark.parametrize(
    "body", [b"", b"\x05", b"READY", b"\x05ready", b"\x05READ", b"\x05HELLO", b"\x06READY", b"hi"]
)
def test_anything_else_is_unexpected(body: bytes) -> None:
    null = NullMechanism()
    null.start(b"")
    with pytest.raises(ProtocolError, match="expected READY") as caught:
        null.receive_command(body)
    assert caught.value.code is ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND


def test_a_second_ready_is_unexpected_while_ours_is_not_out() -> None:
    null = NullMechanism()
    null.start(b"")
    null.receive_command(b"\x05READY")
    with pytest.raises(ProtocolError) as caught:
        null.receive_command(b"\x05READY")
    assert caught.value.code is ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND


def test_error_is_a_refusal() -> None:
    null = NullMechanism()
    null.start(b"")
    with pytest.raises(ProtocolError, match="400") as caught:
        null.receive_command(b"\x05ERROR\x03400")
    assert caught.value.auth_status == 400


def test_a_side_that_waits_says_ready_second() -> None:
    null = NullMechanism()
    null.waits = True
    null.start(b"ours")
    assert null.next_command() is None
    assert null.receive_command(b"\x05READYtheirs") == b"theirs"
    assert null.next_command() == b"\x05READYours"
    assert null.done
    null.hurry()
    assert null.next_command() is None


def test_it_may_be_told_not_to_wait_any_longer() -> None:
    null = NullMechanism()
    null.waits = True
    null.start(b"ours")
    assert null.next_command() is None
    null.hurry()
    null.hurry()
    assert null.next_command() == b"\x05READYours"
    assert null.next_command() is None
    null.receive_command(b"\x05READY")
    assert null.done


# -- a man in the middle, and a ZAP handler (RFC 27) that judges addresses


def end(kind: str, *, ask: bool) -> Handshake:
    mechanism: Mechanism = NullMechanism(ZapGate(ask=ask, required=ask))
    return Handshake(socket_type=kind, mechanism=mechanism)


FAKES = oracle.encode_metadata((b"Socket-Type", b"DEALER"), (b"User-Id", b"root"))


class RefusedByZap(Middle):
    """Nothing that is said makes up for the handler's no."""

    heard: ClassVar = [
        *overhear(end("DEALER", ask=False), end("ROUTER", ask=False)),
        b"\x05READY" + FAKES,
    ]
    status: int | None = 400

    def left(self) -> Handshake:
        return end("DEALER", ask=False)

    def right(self) -> Handshake:
        return end("ROUTER", ask=True)

    def judge(self, question: ZapNeeded) -> int | None:
        assert question == ZapNeeded("NULL", [])
        return self.status

    def check(self) -> None:
        assert not self.ends["right"].handshake.done


class NobodyToAsk(RefusedByZap):
    status = None


class LetInByZap(RefusedByZap):
    """Who is let in is who the handler says he is, whatever the metadata says."""

    status = 200

    def check(self) -> None:
        right = self.ends["right"].handshake
        if right.done:
            assert right.peer.properties["User-Id"] == "alice"
        if not self.touched:
            assert not any(end.error for end in self.ends.values())


TestRefusedByZap = RefusedByZap.TestCase
TestNobodyToAsk = NobodyToAsk.TestCase
TestLetInByZap = LetInByZap.TestCase
TestRefusedByZap.settings = TestNobodyToAsk.settings = TestLetInByZap.settings = machine_settings
