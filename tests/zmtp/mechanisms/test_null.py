import pytest

from peromq.zmtp import Mechanism, NullMechanism, ProtocolError, ProtocolErrorCode


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
