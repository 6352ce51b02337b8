"""PLAIN, alone and against what libzmq sent."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.zmtp import (
    Handshake,
    Mechanism,
    PlainClient,
    PlainServer,
    ProtocolError,
    ProtocolErrorCode,
    ZapGate,
    ZapNeeded,
)
from tests.zmtp.connection_pair import ConnectionPair
from tests.zmtp.middle import Middle, machine_settings, overhear
from tests.zmtp.secured import WIRE

USER, PASSWORD = b"admin", b"secret"


def client(username: bytes = USER, password: bytes = PASSWORD, kind: str = "DEALER") -> Handshake:
    return Handshake(socket_type=kind, mechanism=PlainClient(username, password))


def server(kind: str = "ROUTER", routing_id: bytes = b"") -> Handshake:
    mechanism: Mechanism = PlainServer(ZapGate(ask=True, required=True))
    return Handshake(socket_type=kind, mechanism=mechanism, routing_id=routing_id)


def judge(question: ZapNeeded) -> int:
    assert question.mechanism == "PLAIN"
    return 200 if question.credentials == [USER, PASSWORD] else 400


# -- the octets of libzmq


def test_client_sends_what_libzmq_sends() -> None:
    handshake = client()
    handshake.receive_data(WIRE["greeting_plain_server"])
    assert handshake.data_to_send() == WIRE["greeting_plain_client"] + WIRE["plain_hello"]
    handshake.receive_data(WIRE["plain_welcome"])
    assert handshake.data_to_send() == WIRE["plain_initiate"]
    assert not handshake.done
    handshake.receive_data(WIRE["plain_peer_ready"] + WIRE["plain_message"])
    assert handshake.done
    assert handshake.peer.socket_type == "ROUTER"
    assert handshake.leftover == WIRE["plain_message"]


def test_server_sends_what_libzmq_sends() -> None:
    handshake = server(routing_id=b"SRV")
    handshake.receive_data(WIRE["greeting_plain_client"] + WIRE["plain_hello"])
    assert handshake.data_to_send() == WIRE["greeting_plain_server"]
    assert handshake.next_zap_question() == ZapNeeded("PLAIN", [USER, PASSWORD])
    handshake.zap_reply(200, "", "alice", {})
    assert handshake.data_to_send() == WIRE["plain_welcome"]
    handshake.receive_data(WIRE["plain_initiate"])
    assert handshake.data_to_send() == WIRE["plain_server_ready"]
    assert handshake.done
    assert handshake.peer.properties["User-Id"] == "alice"


@pytest.mark.parametrize("status", [300, 400, 500])
def test_refusals_are_libzmqs(status: int) -> None:
    handshake = server()
    handshake.receive_data(WIRE["greeting_plain_client"] + WIRE["plain_hello"])
    handshake.data_to_send()
    assert handshake.next_zap_question()
    handshake.zap_reply(status, "", "", {})
    assert handshake.data_to_send() == WIRE.get(f"plain_error_{status}", b"")
    assert handshake.refused == status
    handshake.receive_data(WIRE["plain_initiate"])
    assert not handshake.done
    assert handshake.data_to_send() == b""


@pytest.mark.parametrize("prefix", [b"\x05ERROR", b"\x5eRROR"])
@pytest.mark.parametrize("welcomed", [False, True])
def test_both_forms_of_error_are_understood(prefix: bytes, welcomed: bool) -> None:
    handshake = client()
    handshake.receive_data(
        WIRE["greeting_plain_server"] + (WIRE["plain_welcome"] if welcomed else b"")
    )
    body = prefix + b"\x03400"
    with pytest.raises(ProtocolError, match="400") as caught:
        handshake.receive_data(bytes((4, len(body))) + body)
    assert caught.value.auth_status == 400


# -- two of ours


@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_right_credentials(chunk: int) -> None:
    pair = ConnectionPair(client(), server(), judge)
    pair.run(chunk)
    assert pair.left.handshake.done
    assert pair.right.handshake.peer.properties["User-Id"] == "alice"
    assert pair.right.handshake.peer.properties["X-by"] == "zap"


@given(st.binary(max_size=255), st.binary(max_size=255))
def test_any_credentials_arrive_as_they_are(username: bytes, password: bytes) -> None:
    seen = []

    def remember(question: ZapNeeded) -> int:
        seen.append(question.credentials)
        return 200

    pair = ConnectionPair(client(username, password), server(), remember)
    pair.run()
    assert pair.right.handshake.done
    assert seen == [[username, password]]


@pytest.mark.parametrize(("username", "password"), [(b"admin", b""), (b"", b"secret"), (b"", b"")])
def test_wrong_credentials(username: bytes, password: bytes) -> None:
    pair = ConnectionPair(client(username, password), server(), judge)
    pair.run()
    assert not pair.right.handshake.done
    assert pair.left.error is not None
    assert pair.left.error.auth_status == 400


def test_without_a_handler_nobody_is_let_in() -> None:
    pair = ConnectionPair(client(), server(), lambda _: None)
    pair.run()
    assert pair.right.error is not None
    assert pair.right.error.local
    assert not pair.left.handshake.done


def test_two_clients() -> None:
    pair = ConnectionPair(client(), client())
    pair.run()
    for end in (pair.left, pair.right):
        assert end.error is not None
        assert end.error.code is ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND


def test_socket_types_are_compared() -> None:
    pair = ConnectionPair(client(kind="PUSH"), server("PUB"))
    pair.run()
    assert pair.right.error is not None
    assert pair.right.error.code is ProtocolErrorCode.ZMTP_INVALID_METADATA
    assert not pair.left.handshake.done


# -- wrong commands


def served(*bodies: bytes, status: int | None = None) -> PlainServer:
    mechanism = PlainServer(ZapGate(ask=True, required=True))
    mechanism.start(b"")
    for body in bodies:
        mechanism.receive_command(body)
        if mechanism.gate.take_question() and status:
            mechanism.gate.answer(status, "", {})
        mechanism.next_command()
    return mechanism


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\x01", b"\x01a", b"\x01a\x01", b"\xff" * 255, b"\0\0\0", b"\x01a\x01b\0"]
)
def test_hello_of_every_wrong_length(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="HELLO") as caught:
        served(b"\x05HELLO" + data)
    assert caught.value.code is ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_HELLO


@pytest.mark.parametrize("bodies", [
    [b"\x08INITIATE"], [b"\x05READY"], [b"\x07WELCOME"],
    [b"\x05HELLO\0\0", b"\x05HELLO\0\0"],
    [b"\x05hello\0\0"], [b"\x05ERROR\x03400"],
    [b"\x05HELLO\0\0", b"\x08INITIATE", b"\x08INITIATE"],
])  # fmt: skip
def test_server_takes_commands_in_order_only(bodies: list[bytes]) -> None:
    with pytest.raises(ProtocolError, match="expected") as caught:
        served(*bodies, status=200)
    assert caught.value.code is ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND


def test_initiate_before_the_verdict_is_refused() -> None:
    with pytest.raises(ProtocolError, match="ZAP's verdict") as caught:
        served(b"\x05HELLO\0\0", b"\x08INITIATE")
    assert caught.value.code is ProtocolErrorCode.ZMTP_UNSPECIFIED  # libzmq's number


@pytest.mark.parametrize("body", [b"", b"\0", b"\x01", b"\x05HELL", b"hello", bytes(1)])
def test_what_is_no_command_for_a_server(body: bytes) -> None:
    """libzmq's servers of PLAIN and CURVE tell it from a command whose turn it is not."""
    with pytest.raises(ProtocolError, match="HELLO") as caught:
        served(body)
    assert caught.value.code is ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_UNSPECIFIED


@pytest.mark.parametrize(("bodies", "code"), [
    ([b"\x05READY"], ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND),
    ([b"\x07WELCOME!"], ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_WELCOME),
    ([b"\x07WELCOM"], ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND),
    ([b"\x07WELCOME", b"\x07WELCOME"], ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND),
    ([b"\x07WELCOME", b"\x05READY", b"\x05READY"], ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND),
    ([b"\x05ERROR"], ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_ERROR),
    ([b"\x5eRROR\x04400"], ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_ERROR),
])  # fmt: skip
def test_client_takes_commands_in_order_only(bodies: list[bytes], code: int) -> None:
    mechanism = PlainClient(b"", b"")
    mechanism.start(b"")
    with pytest.raises(ProtocolError) as caught:  # noqa: PT012
        for body in bodies:
            mechanism.next_command()
            mechanism.receive_command(body)
    assert caught.value.code == code


def test_secrets_are_in_no_error() -> None:
    for body in (b"\x12secret-secret-secret", b"\x06secret!", b"secret"):
        with pytest.raises(ProtocolError) as caught:
            served(body, status=200)
        assert "secret" not in str(caught.value)
    assert "secret" not in repr(PlainClient(b"u", b"secret"))


@pytest.mark.parametrize("arguments", [(b"x" * 256, b""), (b"", b"x" * 256)])
def test_credentials_that_do_not_fit(arguments: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="256 octets, at most 255") as caught:
        PlainClient(*arguments)
    assert "xx" not in str(caught.value)


# -- a man in the middle


class WrongPassword(Middle):
    """He may change and repeat what he likes: without the password nobody is let in."""

    heard = overhear(client(USER, b"not it"), server())
    left = staticmethod(partial(client, USER, b"wrong"))
    right = staticmethod(server)
    judge = staticmethod(judge)

    def check(self) -> None:
        assert not self.done("right")


class RightPassword(Middle):
    """He can spoil it, but raise nothing but protocol errors; left alone, it succeeds."""

    heard = overhear(client(), server())
    left = staticmethod(client)
    right = staticmethod(server)

    def judge(self, question: ZapNeeded) -> int:
        self.vouched = judge(question) == 200
        return judge(question)

    def check(self) -> None:
        if self.done("right"):
            assert self.vouched
        self.check_left_alone()


TestWrongPassword = WrongPassword.TestCase
TestRightPassword = RightPassword.TestCase
TestWrongPassword.settings = TestRightPassword.settings = machine_settings
