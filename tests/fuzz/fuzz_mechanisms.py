"""Fuzz the mechanisms: PLAIN, CURVE and GSSAPI, either end, and GSSAPI's traffic.

    python -m tests.fuzz.fuzz_mechanisms --seconds 60

as `fuzz_handshake`. The first octet of an input chooses the end, the second ZAP's answer and how
the rest, what the peer sends, is cut. Keys are fixed, so whole conversations are in the corpus.
"""

from collections.abc import Callable

from peromq.zmtp import Handshake, PlainClient, PlainServer, ProtocolError, ZapGate
from tests.fuzz import driver
from tests.fuzz.fuzz_handshake import BUFFERED, CHUNKS
from tests.oracle import zmtp as oracle
from tests.zmtp.connection_pair import ConnectionPair
from tests.zmtp.mechanisms import test_curve as curve
from tests.zmtp.mechanisms import test_gssapi as gssapi

VERDICTS: tuple[int | None, ...] = (200, 300, 400, None, 999)
TRAFFIC = 6


def plain_client() -> Handshake:
    return Handshake(socket_type="DEALER", mechanism=PlainClient(b"admin", b"secret"))


def plain_server() -> Handshake:
    gate = ZapGate(ask=True, required=True)
    return Handshake(socket_type="ROUTER", mechanism=PlainServer(gate))


ENDS: tuple[Callable[[], Handshake], ...] = (
    plain_client,
    plain_server,
    curve.client,
    curve.server,
    gssapi.client,
    gssapi.server,
)


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError, or whatever escapes the mechanism, on a bug."""
    setup, wire = data[:2].ljust(2, b"\0"), data[2:]
    which, verdict = setup[0] % (len(ENDS) + 1), VERDICTS[setup[1] % len(VERDICTS)]
    chunk = CHUNKS[(setup[1] // len(VERDICTS)) % len(CHUNKS)]
    pieces = [wire[start : start + chunk] for start in range(0, len(wire), chunk)]
    if which == TRAFFIC:
        fuzz_traffic(pieces)
        return
    handshake = ENDS[which]()
    failure = ""
    try:
        handshake.data_to_send()
        for piece in pieces:
            handshake.receive_data(piece)
            if handshake.next_zap_question() is not None:
                if verdict is None:
                    handshake.zap_missing()
                else:
                    handshake.zap_reply(verdict, "", "alice", {})
            handshake.data_to_send()
            assert handshake.done or len(handshake._incoming) <= BUFFERED
    except ProtocolError as error:
        failure = str(error)
    assert failure.isprintable()
    assert not (failure and handshake.done)
    if handshake.done:
        gate = handshake.mechanism.gate
        assert gate is None or gate.passed
        assert handshake.refused is None
        assert handshake.peer.socket_type in {"ROUTER", "DEALER", "REQ", "REP", ""}


def fuzz_traffic(pieces: list[bytes]) -> None:
    """Only whole frames come out, and only of what was wrapped with the key."""
    _, traffic = gssapi.ends(limit=4096)
    plain, failure = b"", ""
    try:
        for piece in pieces:
            plain += traffic.receive(piece)
    except ProtocolError as error:
        failure = str(error)
    assert failure.isprintable()
    assert oracle.decode(plain)[1] == b""


def corpus() -> list[bytes]:
    """What each end hears in a connection that nobody disturbs, under each verdict."""
    inputs = []
    for number in range(0, len(ENDS), 2):
        pair = ConnectionPair(ENDS[number](), ENDS[number + 1]())
        pair.run()
        heard = (bytes(pair.right.sent), bytes(pair.left.sent))
        for which, wire in enumerate(heard, number):
            inputs += [bytes((which, verdict)) + wire for verdict in range(len(VERDICTS))]
    sender, _ = gssapi.ends()
    frames = oracle.encode_message([b"a", b"b" * 300]) + oracle.encode_command(b"PING", b"\0\0")
    inputs.append(bytes((TRAFFIC, 0)) + sender.send(frames))
    return inputs


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
