"""GSSAPI over a security context that only pretends; tests/interop has a real one."""

from __future__ import annotations

import hmac
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.zmtp import (
    GssapiClient,
    GssapiFailure,
    GssapiServer,
    GssapiTraffic,
    Handshake,
    Mechanism,
    ProtocolError,
    ProtocolErrorCode,
    ZapGate,
    ZapNeeded,
)
from peromq.zmtp.framing import encode_command
from tests.oracle import zmtp as oracle
from tests.zmtp.connection_pair import ConnectionPair
from tests.zmtp.middle import Middle, machine_settings, overhear

PRINCIPAL = b"user@REALM"


class Pretence:
    """Kerberos' exchange in outline: AP-REQ, AP-REP; messages numbered and authenticated."""

    def __init__(self, key: bytes, *, client: bool, rounds: int = 1) -> None:
        self.complete = False
        self.peer_name = PRINCIPAL
        self._key = key
        self._client = client
        self._rounds = rounds
        self._sent = self._seen = 0

    def step(self, token: bytes | None) -> bytes | None:
        if self._client and token is None:
            return self._mac(b"request")
        wanted = self._mac(b"reply" if self._client else b"request")
        if token is None or not hmac.compare_digest(token, wanted):
            raise GssapiFailure("wrong token")
        self._rounds -= 1
        self.complete = not self._rounds
        if self._client:
            return None if self.complete else self._mac(b"request")
        return self._mac(b"reply")

    def wrap(self, plain: bytes) -> bytes:
        self._sent += 1
        head = bytes((self._client,)) + self._sent.to_bytes(4, "big")
        body = bytes(octet ^ 0x55 for octet in plain)
        return head + self._mac(head + body)[:16] + body

    def unwrap(self, token: bytes) -> bytes:
        head, mac, body = token[:5], token[5:21], token[21:]
        number = int.from_bytes(head[1:], "big")
        forged = not hmac.compare_digest(mac, self._mac(head + body)[:16])
        if forged or head[0] == self._client or number <= self._seen:
            raise GssapiFailure("wrong message")
        self._seen = number
        return bytes(octet ^ 0x55 for octet in body)

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha256")


def client(
    kind: str = "DEALER", *, key: bytes = b"key", encrypt: bool = True, rounds: int = 1
) -> Handshake:
    context = Pretence(key, client=True, rounds=rounds)
    mechanism: Mechanism = GssapiClient(context, encrypt=encrypt)
    return Worker(socket_type=kind, mechanism=mechanism)


def server(kind: str = "ROUTER", *, encrypt: bool = True, rounds: int = 1) -> Handshake:
    context = Pretence(b"key", client=False, rounds=rounds)
    gate = ZapGate(ask=True, required=False)
    mechanism: Mechanism = GssapiServer(gate, context, encrypt=encrypt)
    return Worker(socket_type=kind, mechanism=mechanism)


class Worker(Handshake):
    """Does the slow work at once."""

    def data_to_send(self) -> bytes:
        work = self.next_work()
        if work is not None:
            work()
            assert self.next_work() is None
        return super().data_to_send()


def yes(question: ZapNeeded) -> int:
    assert question == ZapNeeded("GSSAPI", [PRINCIPAL])
    return 200


@pytest.mark.parametrize("encrypt", [True, False])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("chunk", [1, 1 << 16])
def test_both_ends(encrypt: bool, rounds: int, chunk: int) -> None:
    pair = ConnectionPair(
        client(encrypt=encrypt, rounds=rounds), server(encrypt=encrypt, rounds=rounds), yes
    )
    pair.run(chunk)
    left, right = pair.left.handshake, pair.right.handshake
    assert left.done
    assert right.peer.properties["User-Id"] == "alice"
    assert left.peer.socket_type == "ROUTER"
    assert (b"DEALER" in pair.left.sent) is not encrypt
    assert (left.mechanism.take_traffic() is not None) is encrypt


def test_the_octets_are_libzmqs() -> None:
    """Two INITIATEs, an empty command, the server's READY and the client's, in clear."""
    pair = ConnectionPair(client(encrypt=False), server(encrypt=False), yes)
    pair.run()
    token = hmac.digest(b"key", b"request", "sha256")
    initiate = oracle.encode_command(b"INITIATE", b"\0\0\0\x20" + token)
    ready = oracle.encode_metadata((b"Socket-Type", b"DEALER"), (b"Identity", b""))
    assert pair.left.sent[64:] == initiate + b"\x04\0" + oracle.encode_command(b"READY", ready)
    assert pair.right.sent[64:].startswith(b"\x04\x2d\x08INITIATE\0\0\0\x20")


@pytest.mark.parametrize("status", [300, 400, 500])
def test_refusals(status: int) -> None:
    pair = ConnectionPair(client(), server(), lambda _: status)
    pair.deadlock = True
    pair.run()
    assert not pair.right.handshake.done
    if status != 300:
        assert pair.left.error is not None
        assert pair.left.error.auth_status == status


def test_wrong_key() -> None:
    pair = ConnectionPair(client(key=b"other"), server(), yes)
    pair.run()
    assert pair.right.error is not None
    assert pair.right.error.code is ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC
    assert not pair.left.handshake.done


def test_one_side_in_clear_only() -> None:
    for encrypt in (True, False):
        pair = ConnectionPair(client(encrypt=encrypt), server(encrypt=not encrypt), yes)
        pair.run()
        assert not pair.left.handshake.done
        assert not pair.right.handshake.done


def test_a_client_without_a_ticket() -> None:
    class NoTicket(Pretence):
        def step(self, token: bytes | None) -> bytes | None:
            raise GssapiFailure("no credentials cache")

    mechanism = GssapiClient(NoTicket(b"", client=True), encrypt=True)
    handshake = Handshake(socket_type="REQ", mechanism=mechanism)
    handshake.receive_data(server()._greeting)
    work = handshake.next_work()
    assert work is not None
    assert len(handshake.data_to_send()) == 64
    work()
    with pytest.raises(ProtocolError, match="no credentials cache") as caught:
        handshake.data_to_send()
    assert caught.value.local
    assert handshake.data_to_send() == b""


def test_who_speaks_while_the_client_works_is_refused() -> None:
    mechanism = GssapiClient(Pretence(b"key", client=True), encrypt=True)
    handshake = Handshake(socket_type="REQ", mechanism=mechanism)
    handshake.receive_data(server()._greeting)
    with pytest.raises(ProtocolError, match="before our token"):
        handshake.receive_data(encode_command(b"\x08INITIATE\0\0\0\0"))


@pytest.mark.parametrize("body", [
    b"", b"\x08INITIATE", b"\x08INITIATE\0\0\0", b"\x08INITIATE\0\0\0\x01", b"\x05HELLO",
    b"\x08INITIATE\0\0\0\0x", b"\x08INITIATE\xff\xff\xff\xffx", b"\x05READY",
])  # fmt: skip
def test_wrong_first_commands(body: bytes) -> None:
    handshake = server()
    with pytest.raises(ProtocolError):
        handshake.receive_data(client()._greeting + encode_command(body))


def test_a_server_takes_its_steps_elsewhere_too() -> None:
    """Whoever speaks meanwhile is refused, and his token counts as kept until the step is taken."""
    token = hmac.digest(b"key", b"request", "sha256")
    initiate = encode_command(b"\x08INITIATE\0\0\0\x20" + token)
    for impatient in (True, False):
        gate = ZapGate(ask=True, required=False)
        mechanism = GssapiServer(gate, Pretence(b"key", client=False), encrypt=True)
        handshake = Handshake(socket_type="REP", mechanism=mechanism)
        handshake.receive_data(client("REQ")._greeting + initiate)
        assert len(handshake.data_to_send()) == 64
        assert handshake.kept == len(token)
        work = handshake.next_work()
        assert work is not None
        assert handshake.next_work() is None
        if impatient:
            with pytest.raises(ProtocolError, match="before our token"):
                handshake.receive_data(encode_command(b""))
        else:
            work()
            assert handshake.data_to_send().startswith(b"\x04\x2d\x08INITIATE")
            assert handshake.kept == 0
            handshake.receive_data(encode_command(b""))
            assert handshake.next_zap_question() == ZapNeeded("GSSAPI", [PRINCIPAL])


# -- traffic


def ends(limit: int = -1) -> tuple[GssapiTraffic, GssapiTraffic]:
    left = GssapiTraffic(Pretence(b"key", client=True))
    right = GssapiTraffic(Pretence(b"key", client=False))
    right.limit(limit)
    return left, right


FRAMES = st.builds(oracle.Frame, st.binary(max_size=600), st.booleans(), st.booleans())


@given(st.lists(FRAMES, max_size=8), st.integers(1, 700), st.integers(1, 700))
def test_frames_arrive_as_they_were(frames: list[oracle.Frame], size: int, step: int) -> None:
    left, right = ends()
    plain = b"".join(oracle.encode_frame(frame) for frame in frames)
    wire = b"".join(left.send(plain[at : at + size]) for at in range(0, len(plain), size))
    got = b"".join(right.receive(wire[at : at + step]) for at in range(0, len(wire), step))
    assert got == plain
    outer, rest = oracle.decode(wire)
    assert not rest
    assert all(frame.body.startswith(b"\x07MESSAGE") for frame in outer)
    assert not any(frame.command or frame.more for frame in outer)


def message(context: Pretence, plain: bytes) -> bytes:
    token = context.wrap(plain)
    body = b"\x07MESSAGE" + len(token).to_bytes(4, "big") + token
    return oracle.encode_frame(oracle.Frame(body))


def test_later_libzmqs_subscriptions() -> None:
    _, right = ends()
    peer = Pretence(b"key", client=True)
    assert right.receive(message(peer, b"\x04top")) == oracle.encode_command(b"SUBSCRIBE", b"top")
    assert right.receive(message(peer, b"\x08top")) == oracle.encode_command(b"CANCEL", b"top")


def test_what_is_no_message() -> None:
    good = message(Pretence(b"key", client=True), b"\0hello")
    bad = [b"\0\0", b"\0\x08\x07MESSAGE", good[:-1][:1] + bytes((good[1] - 1,)) + good[2:-1]]
    bad += [good[:-1] + bytes((good[-1] ^ 1,)), message(Pretence(b"x", client=True), b"\0")]
    bad += [message(Pretence(b"key", client=False), b"\0"), good + good]
    bad += [message(Pretence(b"key", client=True), b"")]
    for wire in bad:
        _, right = ends()
        with pytest.raises(ProtocolError):
            right.receive(wire)


def test_max_msg_size() -> None:
    left, right = ends(limit=1000)
    assert right.receive(left.send(oracle.encode_frame(oracle.Frame(bytes(900)))))
    with pytest.raises(ProtocolError, match="at most"):
        right.receive(b"\x02" + (5000).to_bytes(8, "big"))
    with pytest.raises(ProtocolError, match="at most"):
        ends()[1].receive(b"\x02" + (2**63).to_bytes(8, "big"))


# -- a man in the middle


class WrongTicket(Middle):
    heard = overhear(client(), server())[1:]  # its first token would be a good one: see replay
    left = staticmethod(partial(client, key=b"other"))
    right = staticmethod(server)
    judge = staticmethod(lambda _: 200)

    def check(self) -> None:
        assert not self.done("right")
        assert not self.done("left")


class RightTicket(Middle):
    heard = overhear(client(), server())
    left = staticmethod(client)
    right = staticmethod(server)
    judge = staticmethod(yes)

    def check(self) -> None:
        self.check_peers()
        self.check_left_alone()


TestWrongTicket = WrongTicket.TestCase
TestRightTicket = RightTicket.TestCase
TestWrongTicket.settings = TestRightTicket.settings = machine_settings
