"""CURVE, alone and against what libzmq sent."""

from __future__ import annotations

from functools import partial

import nacl.bindings as sodium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq.zmtp import (
    CurveClient,
    CurveServer,
    Handshake,
    Mechanism,
    ProtocolError,
    ProtocolErrorCode,
    ZapGate,
    ZapNeeded,
)
from peromq.zmtp.framing import encode_command
from peromq.zmtp.mechanisms import curve_box
from tests.oracle import zmtp as oracle
from tests.zmtp import secured
from tests.zmtp.connection_pair import ConnectionPair
from tests.zmtp.middle import Middle, machine_settings, overhear
from tests.zmtp.secured import WIRE

LISTENING = secured.keys("curve")  # libzmq was the client
CALLING = secured.keys("curves")  # libzmq was the server

SECRET = {name: bytes([name]) * 32 for name in b"sScCx"}  # fixed, for fixed tests
PUBLIC = {name: sodium.crypto_scalarmult_base(secret) for name, secret in SECRET.items()}
SERVER, SERVER_SHORT, CLIENT, CLIENT_SHORT, STRANGER = b"sScCx"


def client(
    kind: str = "DEALER",
    *,
    server_key: bytes = PUBLIC[SERVER],
    secret: int = CLIENT,
    short: bytes = SECRET[CLIENT_SHORT],
) -> Handshake:
    mechanism: Mechanism = CurveClient(
        server_key=server_key,
        public_key=PUBLIC[secret],
        secret_key=SECRET[secret],
        transient_secret=short,
        vouch_nonce=b"v" * 16,
    )
    return Handshake(socket_type=kind, mechanism=mechanism)


def server(
    kind: str = "ROUTER",
    *,
    ask: bool = True,
    required: bool = False,
    cookie_key: bytes = b"k" * 32,
    short: bytes = SECRET[SERVER_SHORT],
    routing_id: bytes = b"",
    public_key: bytes = PUBLIC[SERVER],
) -> Handshake:
    mechanism: Mechanism = CurveServer(
        ZapGate(ask=ask, required=required),
        public_key=public_key,
        secret_key=SECRET[SERVER],
        transient_secret=short,
        cookie_key=cookie_key,
        welcome_nonce=b"w" * 16,
        cookie_nonce=b"c" * 16,
    )
    return Handshake(socket_type=kind, mechanism=mechanism, routing_id=routing_id)


def judge(question: ZapNeeded) -> int:
    assert question.mechanism == "CURVE"
    return 200 if question.credentials == [PUBLIC[CLIENT]] else 400


def greeting(of: Handshake) -> bytes:
    return of._greeting


def test_working_ahead_changes_nothing_but_the_time() -> None:
    def run(eager: bool, chunk: int) -> tuple[object, ...]:
        pair = ConnectionPair(client(), server(), judge)
        pair.left.eager = pair.right.eager = eager
        pair.run(chunk)
        keys = [end.handshake.mechanism.take_traffic() for end in (pair.left, pair.right)]
        assert all(keys)
        return bytes(pair.left.sent), bytes(pair.right.sent), *keys

    for chunk in (1, 64, 65, 1 << 16):
        assert run(True, chunk) == run(False, chunk)


def test_a_server_key_that_is_none_fails_as_soon_as_it_is_looked_at() -> None:
    handshake = client(server_key=bytes(32))
    with pytest.raises(ProtocolError):
        handshake.work_ahead()
    with pytest.raises(ProtocolError):
        handshake.receive_data(greeting(server()))
    handshake.work_ahead()
    assert handshake.data_to_send() == greeting(handshake)


def test_a_server_key_that_is_none_ends_the_handshake_before_it_speaks() -> None:
    handshake = client(server_key=bytes(32))
    with pytest.raises(ProtocolError, match="none"):
        handshake.data_to_send()
    with pytest.raises(ProtocolError, match="already failed"):
        handshake.receive_data(b"\xff")


def test_hello_goes_with_the_greeting_and_the_answer_to_both_in_one() -> None:
    ours, theirs = client(), server(ask=False)
    said = ours.data_to_send()
    assert len(said) == 64 + 2 + 200
    theirs.receive_data(said)
    answer = theirs.data_to_send()
    assert len(answer) == 64 + 2 + 168
    ours.receive_data(answer)
    theirs.receive_data(ours.data_to_send())
    ours.receive_data(theirs.data_to_send())
    assert ours.done
    assert theirs.done


def test_a_server_keeps_no_transient_secret_once_it_has_worked_ahead() -> None:
    handshake = server()
    pair = ConnectionPair(client(), handshake)
    pair.right.eager = True
    pair.left.flush()
    pair.right.receive(bytes(pair.left.wire))
    pair.right.flush()
    pair.left.receive(bytes(pair.right.wire))
    pair.left.wire.clear()
    pair.left.flush()
    pair.right.receive(bytes(pair.left.wire))  # HELLO
    pair.right.flush()
    secrets = {SECRET[SERVER], SECRET[SERVER_SHORT], PUBLIC[CLIENT_SHORT]}
    kept = {value for value in vars(handshake.mechanism).values() if isinstance(value, bytes)}
    assert secrets.isdisjoint(kept)


# -- the octets of libzmq


def test_server_understands_libzmqs_client() -> None:
    handshake = Handshake(
        socket_type="ROUTER",
        mechanism=CurveServer(
            ZapGate(ask=True, required=False),
            public_key=LISTENING["S_public"],
            secret_key=LISTENING["s_secret"],
            transient_secret=LISTENING["sprime_secret"],
            cookie_key=LISTENING["cookie_key"],
            welcome_nonce=b"w" * 16,
            cookie_nonce=b"c" * 16,
        ),
    )
    handshake.receive_data(greeting(client()) + WIRE["curve_hello"])
    welcome = handshake.data_to_send()[64:]
    assert len(welcome) == len(WIRE["curve_welcome"]) == 170
    handshake.receive_data(WIRE["curve_initiate"])
    assert handshake.next_zap_question() == ZapNeeded("CURVE", [LISTENING["C_public"]])
    handshake.zap_reply(200, "", "bob", {})
    ready = handshake.data_to_send()
    assert handshake.done
    assert handshake.peer.socket_type == "DEALER"
    assert handshake.peer.properties["User-Id"] == "bob"
    traffic = handshake.mechanism.take_traffic()
    assert traffic is not None
    assert traffic.key == sodium.crypto_box_beforenm(
        LISTENING["Cprime_public"], LISTENING["sprime_secret"]
    )
    assert (traffic.send_nonce, traffic.recv_nonce) == (1, 2)
    assert (traffic.send_prefix, traffic.recv_prefix) == (b"CurveZMQMESSAGES", b"CurveZMQMESSAGEC")
    assert ready[:16] == WIRE["curve_server_after_initiate_zap200"][:16]


def test_server_makes_libzmqs_ready() -> None:
    """The same keys and metadata, so the same octets as the server in the capture sent libzmq."""
    metadata = oracle.encode_metadata((b"Socket-Type", b"ROUTER"), (b"Identity", b""))
    key = sodium.crypto_box_beforenm(LISTENING["Cprime_public"], LISTENING["sprime_secret"])
    body = WIRE["curve_ready"][2:]
    nonce = curve_box.short_nonce(curve_box.READY_NONCE, 1)
    assert body == b"\x05READY" + nonce[-8:] + curve_box.PYNACL.seal(metadata, nonce, key)


def test_client_sends_what_libzmq_understood() -> None:
    """The capture's own client was a script: the octets a libzmq server answered are these."""
    vouch_nonce = _open_initiate()[32:48]
    mechanism = CurveClient(
        server_key=CALLING["S_public"],
        public_key=CALLING["C_public"],
        secret_key=CALLING["c_secret"],
        transient_secret=CALLING["cprime_secret"],
        vouch_nonce=vouch_nonce,
    )
    handshake = Handshake(socket_type="DEALER", mechanism=mechanism, routing_id=b"cid")
    handshake.receive_data(greeting(server()))
    assert handshake.data_to_send()[64:] == WIRE["curves_hello"]
    handshake.receive_data(WIRE["curves_welcome"])
    assert handshake.data_to_send() == WIRE["curves_initiate"]
    handshake.receive_data(WIRE["curves_ready"] + WIRE["curves_server_message"])
    assert handshake.done
    assert handshake.peer.routing_id == b"srv"
    assert handshake.leftover == WIRE["curves_server_message"]
    traffic = mechanism.take_traffic()
    assert traffic is not None
    assert (traffic.send_nonce, traffic.recv_nonce) == (2, 1)
    body = WIRE["curves_server_message"][2:]
    nonce = curve_box.short_nonce(traffic.recv_prefix, body[8:16])
    assert (
        curve_box.PYNACL.unseal(body[16:], nonce, traffic.key)
        == CALLING["server_message_plaintext"]
    )


def _open_initiate() -> bytes:
    """The contents of the captured INITIATE."""
    key = sodium.crypto_box_beforenm(
        CALLING["Sprime_public_from_welcome"], CALLING["cprime_secret"]
    )
    body = WIRE["curves_initiate"][9:]
    return curve_box.PYNACL.unseal(body[113:], curve_box.INITIATE_NONCE + body[105:113], key)


@pytest.mark.parametrize("status", [300, 400, 500])
def test_refusals_are_libzmqs(status: int) -> None:
    pair = ConnectionPair(client(), server(), lambda _: status)
    pair.deadlock = True
    pair.run()
    sent = bytes(pair.right.sent[64 + 170 :])
    assert sent == (b"" if status == 300 else oracle.encode_command(b"ERROR", b"\x03%d" % status))
    assert not pair.right.handshake.done
    assert (pair.left.error is None) is (status == 300)
    if pair.left.error is not None:
        assert pair.left.error.auth_status == status


# -- two of ours


@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_right_keys(chunk: int) -> None:
    pair = ConnectionPair(client(), server(), judge)
    pair.run(chunk)
    left, right = (end.handshake for end in (pair.left, pair.right))
    assert left.done
    assert right.peer.properties["User-Id"] == "alice"
    sent, taken = left.mechanism.take_traffic(), right.mechanism.take_traffic()
    assert sent is not None
    assert taken is not None
    assert sent.key == taken.key
    assert (sent.send_prefix, sent.send_nonce) == (taken.recv_prefix, taken.recv_nonce)
    assert (sent.recv_prefix, sent.recv_nonce) == (taken.send_prefix, taken.send_nonce)


@pytest.mark.parametrize(("ask", "required", "status", "let_in"), [
    (False, False, None, True), (False, True, None, True),
    (True, False, None, True), (True, True, None, False),
    (True, True, 200, True), (True, False, 400, False),
])  # fmt: skip
def test_who_is_let_in(ask: bool, required: bool, status: int | None, let_in: bool) -> None:
    pair = ConnectionPair(client(), server(ask=ask, required=required), lambda _: status)
    pair.run()
    assert pair.right.handshake.done is pair.left.handshake.done is let_in


def test_wrong_client_key() -> None:
    pair = ConnectionPair(client(secret=STRANGER), server(), judge)
    pair.run()
    assert pair.left.error is not None
    assert pair.left.error.auth_status == 400
    assert not pair.right.handshake.done


def test_wrong_server_key() -> None:
    """The server closes without a word, as libzmq does."""
    pair = ConnectionPair(client(server_key=PUBLIC[STRANGER]), server(), judge)
    pair.run()
    assert pair.right.error is not None
    assert "another server key" in str(pair.right.error)
    assert pair.right.error.code is ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC
    assert len(pair.right.sent) == 64


def test_secret_that_is_not_that_of_the_public_key() -> None:
    """A client who claims the key of somebody else."""
    mechanism = CurveClient(
        server_key=PUBLIC[SERVER],
        public_key=PUBLIC[CLIENT],
        secret_key=SECRET[STRANGER],
        transient_secret=SECRET[CLIENT_SHORT],
        vouch_nonce=bytes(16),
    )
    pair = ConnectionPair(Handshake(socket_type="DEALER", mechanism=mechanism), server(), judge)
    pair.run()
    assert pair.right.error is not None
    assert "vouch" in str(pair.right.error)
    assert not pair.left.handshake.done


def test_a_vouch_for_another_server() -> None:
    """A server cannot pass a client's INITIATE on as its own: S is in the vouch (RFC 26)."""
    pair = ConnectionPair(client(), server(public_key=PUBLIC[STRANGER]), judge)
    pair.run()
    assert pair.right.error is not None
    assert pair.right.error.code is ProtocolErrorCode.ZMTP_KEY_EXCHANGE


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_public_keys_of_low_order(key: bytes) -> None:
    """They would make a shared key that everybody knows."""
    if key != b"\xff" * 32:
        with pytest.raises(ProtocolError, match="public key") as caught:
            curve_box.shared_keys(curve_box.PYNACL, key, SECRET[SERVER])
        assert caught.value.code is ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC
    handshake = server()
    hello = b"\x05HELLO\x01\0" + bytes(72) + key + bytes(8) + bytes(80)
    with pytest.raises(ProtocolError):
        handshake.receive_data(greeting(handshake) + encode_command(hello))


def test_socket_types_are_compared_inside_the_boxes() -> None:
    pair = ConnectionPair(client("PUSH"), server("PUB"), judge)
    pair.run()
    assert pair.right.error is not None
    assert pair.right.error.code is ProtocolErrorCode.ZMTP_INVALID_METADATA
    assert b"PUSH" not in pair.left.sent


# -- commands of every wrong size


def commands() -> dict[str, bytes]:
    """The four bodies of a connection between the ends of this file."""
    return dict(
        zip(("hello", "initiate", "welcome", "ready"), overhear(client(), server()), strict=True)
    )


def at(step: str) -> Handshake:
    """The end that expects this command."""
    bodies = commands()
    if step in ("hello", "initiate"):
        end = server()
        end.receive_data(greeting(client()))
        if step == "initiate":
            end.receive_data(encode_command(bodies["hello"]))
    else:
        end = client()
        end.receive_data(greeting(server()))
        if step == "ready":
            end.receive_data(encode_command(bodies["welcome"]))
    end.data_to_send()
    return end


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("hello", ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_HELLO),
        ("welcome", ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC),
        ("initiate", ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_INITIATE),
        ("ready", ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_READY),
    ],
)
def test_every_length(step: str, code: ProtocolErrorCode) -> None:
    body = commands()[step]
    for size in [*range(len(body)), len(body) + 1, len(body) + 255, 65536]:
        end = at(step)
        with pytest.raises(ProtocolError) as caught:
            end.receive_data(encode_command((body + bytes(65536))[:size]))
        assert caught.value.code in (
            code,
            ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
            ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND,
            ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC,
        )
    end = at(step)
    end.receive_data(encode_command(body))


@pytest.mark.parametrize("step", ["hello", "welcome", "initiate", "ready"])
def test_every_octet_counts(step: str) -> None:
    """Only HELLO's padding may have any octets (RFC 26 wants zeros; libzmq does not look)."""
    body = commands()[step]
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 1
        end = at(step)
        if step == "hello" and 8 <= place < 80:
            end.receive_data(encode_command(bytes(changed)))
            continue
        with pytest.raises(ProtocolError):
            end.receive_data(encode_command(bytes(changed)))
        assert not end.done


@pytest.mark.parametrize(("step", "then"), [
    ("hello", "initiate"), ("hello", "ready"), ("initiate", "hello"), ("welcome", "ready"),
    ("welcome", "hello"), ("ready", "welcome"), ("ready", "initiate"),
])  # fmt: skip
def test_commands_come_in_order(step: str, then: str) -> None:
    with pytest.raises(ProtocolError, match="expected") as caught:
        at(step).receive_data(encode_command(commands()[then]))
    assert caught.value.code is ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND


def test_initiate_of_another_connection() -> None:
    """Its cookie was made with another key: a recorded client cannot be played again."""
    recorded = commands()["initiate"]
    end = server(cookie_key=b"K" * 32)
    end.receive_data(greeting(client()) + encode_command(commands()["hello"]))
    with pytest.raises(ProtocolError, match="cookie") as caught:
        end.receive_data(encode_command(recorded))
    assert caught.value.code is ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC


def test_initiate_twice() -> None:
    end = at("initiate")
    initiate = encode_command(commands()["initiate"])
    with pytest.raises(ProtocolError, match="ZAP's verdict"):
        end.receive_data(initiate + initiate)


def test_metadata_that_is_none() -> None:
    mechanism = CurveClient(
        server_key=PUBLIC[SERVER],
        public_key=PUBLIC[CLIENT],
        secret_key=SECRET[CLIENT],
        transient_secret=SECRET[CLIENT_SHORT],
        vouch_nonce=bytes(16),
    )
    mechanism.start(b"\x0bSocket-Type")
    mechanism.next_command()
    mechanism.receive_command(commands()["welcome"])
    initiate = mechanism.next_command()
    assert initiate is not None
    end = server(cookie_key=b"k" * 32)
    end.receive_data(greeting(client()) + encode_command(commands()["hello"]))
    with pytest.raises(ProtocolError, match="cut short") as caught:
        end.receive_data(encode_command(initiate))
    assert caught.value.code is ProtocolErrorCode.ZMTP_INVALID_METADATA


def test_keys_are_in_no_repr_and_forgotten() -> None:
    pair = ConnectionPair(client(), server(), judge)
    pair.run()
    for end in (pair.left, pair.right):
        mechanism = end.handshake.mechanism
        traffic = mechanism.take_traffic()
        kept = [value for value in vars(mechanism).values() if isinstance(value, bytes)]
        assert traffic is not None
        secrets = {traffic.key, SECRET[CLIENT], SECRET[SERVER], SECRET[SERVER_SHORT]}
        secrets.add(SECRET[CLIENT_SHORT])
        assert not secrets & set(kept)
        for secret in secrets:
            assert repr(secret) not in repr(traffic) + repr(mechanism) + repr(end.handshake)


# -- anything at all


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["hello", "welcome", "initiate", "ready"]), st.binary(max_size=400))
def test_junk(step: str, junk: bytes) -> None:
    for body in (junk, commands()[step][:16] + junk):
        with pytest.raises(ProtocolError):
            at(step).receive_data(encode_command(body))


# -- a man in the middle


class WrongKey(Middle):
    """He has heard a good connection; a client without its key gets nowhere."""

    heard = overhear(client(short=b"1" * 32), server(cookie_key=b"1" * 32, short=b"2" * 32))
    left = staticmethod(partial(client, secret=STRANGER))
    right = staticmethod(server)
    judge = staticmethod(judge)

    def check(self) -> None:
        assert not self.done("right")
        assert not self.done("left")


class RightKey(Middle):
    """Whatever he does, the ends are done only with what the other end said, and the same key."""

    heard = WrongKey.heard
    left = staticmethod(client)
    right = staticmethod(server)
    judge = staticmethod(judge)

    def check(self) -> None:
        self.check_peers()
        if self.done("left"):
            assert self.done("right")
            left, right = (self.ends[side].handshake.mechanism for side in ("left", "right"))
            assert left._key == right._key != b""  # type: ignore[attr-defined]
        self.check_left_alone()


TestWrongKey = WrongKey.TestCase
TestRightKey = RightKey.TestCase
TestWrongKey.settings = TestRightKey.settings = machine_settings
