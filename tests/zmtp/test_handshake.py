import pytest

from peromq.zmtp import Handshake, NullMechanism, PlainClient, ProtocolError, ProtocolErrorCode
from peromq.zmtp.framing import MAX_COMMAND_SIZE
from peromq.zmtp.greeting import build_greeting
from tests.oracle import zmtp as oracle
from tests.zmtp import golden
from tests.zmtp.connection_pair import ConnectionPair, null_handshake
from tests.zmtp.golden import GREETING, READY


def ready(*properties: tuple[bytes, bytes]) -> bytes:
    return oracle.encode_command(b"READY", oracle.encode_metadata(*properties))


def established(wire: bytes, socket_type: str = "DEALER") -> Handshake:
    """A handshake after `wire` came in, its own octets drained."""
    handshake = null_handshake(socket_type)
    handshake.receive_data(wire)
    handshake.data_to_send()
    assert handshake.done
    return handshake


def failure(wire: bytes, socket_type: str = "DEALER") -> ProtocolError:
    handshake = null_handshake(socket_type)
    with pytest.raises(ProtocolError) as caught:
        handshake.receive_data(wire)
    assert not caught.value.retry
    assert not handshake.done
    assert handshake.leftover == b""
    return caught.value


# -- what we send ------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", golden.READIES, ids=lambda v: v.name)
def test_octets_equal_libzmq(vector: golden.Ready) -> None:
    handshake = null_handshake(
        vector.socket_type, routing_id=vector.routing_id, metadata=vector.metadata
    )
    handshake.receive_data(GREETING)
    sent = handshake.data_to_send()
    assert sent[64:] == vector.wire
    assert sent[:1] + sent[9:64] == GREETING[:1] + GREETING[9:]
    assert int.from_bytes(sent[1:9], "big") == len(vector.routing_id) + 1


def test_send_schedule() -> None:
    handshake = null_handshake("REP")
    sent = [handshake.data_to_send()]
    for octet in GREETING + READY["REQ"]:
        handshake.receive_data(bytes((octet,)))
        sent.append(handshake.data_to_send())
    assert {size: data for size, data in enumerate(sent) if data} == {
        0: GREETING[:10],
        10: GREETING[10:11],
        11: GREETING[11:],
        64: READY["REP"],
    }
    assert handshake.done


def test_with_security_the_greeting_goes_out_whole() -> None:
    """Who must not be older than ZMTP 3 need not be waited for; he may take his time himself."""
    ours = Handshake(socket_type="DEALER", mechanism=PlainClient(b"me", b"secret"))
    assert ours.data_to_send() == build_greeting("PLAIN", 0)
    for octet in build_greeting("PLAIN", 0)[:-1]:
        ours.receive_data(bytes((octet,)))
        assert ours.data_to_send() == b""
    ours.receive_data(b"\0")
    assert ours.data_to_send() == b"\4\x10\5HELLO\2me\6secret"


def test_first_value_of_a_repeated_name_is_sent() -> None:
    handshake = null_handshake("PUSH", metadata=[("X-b", b"1"), ("X-a", b"2"), ("X-b", b"3")])
    handshake.receive_data(GREETING)
    sent = handshake.data_to_send()[64:]
    assert sent == ready((b"Socket-Type", b"PUSH"), (b"X-a", b"2"), (b"X-b", b"1"))


def test_not_done_before_our_ready_is_drained() -> None:
    handshake = null_handshake("REP")
    handshake.receive_data(GREETING + READY["REQ"])
    assert not handshake.done
    assert handshake.data_to_send() == GREETING + READY["REP"]
    assert handshake.done


def test_facts_about_the_peer_are_not_there_before_it_is_ready() -> None:
    handshake = null_handshake("REP")
    handshake.receive_data(GREETING)
    with pytest.raises(RuntimeError, match="not done"):
        _ = handshake.peer


@pytest.mark.parametrize("arguments", [
    {"socket_type": "STREAM"},
    {"socket_type": "dealer"},
    {"socket_type": "DEALER", "routing_id": b"x" * 256},
    {"socket_type": "DEALER", "metadata": [("", b"")]},
    {"socket_type": "DEALER", "metadata": [("x" * 256, b"")]},
])  # fmt: skip
def test_arguments_that_cannot_be_sent(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Handshake(mechanism=NullMechanism(), **arguments)  # type: ignore[arg-type]


# -- both ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 16])
def test_two_handshakes_in_any_chunks(chunk: int) -> None:
    pair = ConnectionPair(
        null_handshake("ROUTER", routing_id=b"left", metadata=[("X-site", "Zürich".encode())]),
        null_handshake("DEALER", routing_id=b"\xffright", metadata=[("X-raw", b"\xff\0")]),
    )
    pair.run(chunk)
    left, right = pair.left.handshake.peer, pair.right.handshake.peer
    assert (left.minor, left.socket_type, left.routing_id) == (1, "DEALER", b"\xffright")
    assert (right.minor, right.socket_type, right.routing_id) == (1, "ROUTER", b"left")
    assert right.properties == {"Socket-Type": "ROUTER", "Identity": "left", "X-site": "Zürich"}
    assert left.properties["X-raw"].encode("utf-8", "surrogateescape") == b"\xff\0"
    assert pair.left.handshake.leftover == pair.right.handshake.leftover == b""


@pytest.mark.parametrize("vector", golden.READIES, ids=lambda v: v.name)
def test_replay_byte_at_a_time(vector: golden.Ready) -> None:
    partner = {"REQ": "REP", "REP": "REQ", "PUB": "SUB", "XPUB": "SUB", "SUB": "PUB",
               "XSUB": "PUB", "PUSH": "PULL", "PULL": "PUSH", "PAIR": "PAIR"}  # fmt: skip
    handshake = null_handshake(partner.get(vector.socket_type, "ROUTER"))
    for octet in GREETING + vector.wire:
        assert not handshake.done
        handshake.receive_data(bytes((octet,)))
        handshake.data_to_send()
    assert handshake.done
    assert handshake.peer.socket_type == vector.socket_type
    assert handshake.peer.routing_id == vector.routing_id
    for name, value in vector.metadata:
        assert handshake.peer.properties[name] == value.decode()


def test_every_truncated_prefix_only_waits_until_eof() -> None:
    wire = GREETING + READY["DEALER, long frame"]
    for size in range(len(wire)):
        handshake = null_handshake("ROUTER")
        handshake.receive_data(wire[:size])
        handshake.data_to_send()
        assert not handshake.done
        with pytest.raises(ProtocolError, match="closed") as caught:
            handshake.receive_eof()
        assert caught.value.retry


@pytest.mark.parametrize("at", range(65))
def test_traffic_behind_ready_is_left_over(at: int) -> None:
    """It may arrive with any part of the handshake, even before we sent anything but 10 octets."""
    traffic = oracle.encode_message([b"a", b""]) + READY["REP"] + b"\x02"
    wire = GREETING + READY["REP"] + traffic
    handshake = null_handshake("DEALER")
    handshake.receive_data(wire[:at])
    handshake.receive_data(wire[at:])
    handshake.data_to_send()
    assert handshake.done
    assert handshake.leftover == traffic
    handshake.receive_data(b"more")
    assert handshake.leftover == traffic + b"more"
    handshake.receive_eof()
    assert handshake.data_to_send() == b""


# -- what we tolerate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "minor"), [(b"\x03\x00", 0), (b"\x03\x01", 1), (b"\x02\x00", 1), (b"\x04\x00", 1)]
)
def test_versions(version: bytes, minor: int) -> None:
    peer = established(GREETING[:10] + version + GREETING[12:] + READY["REP"]).peer
    assert peer.minor == minor


def test_garbage_in_padding_filler_and_as_server() -> None:
    greeting = b"\xff" * 10 + GREETING[10:32] + b"\x01" + b"\xee" * 31
    established(greeting + READY["REP"])


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x05, 0xFC, 0xF8])
def test_flags_of_ready(flags: int) -> None:
    established(GREETING + bytes((flags,)) + READY["REP"][1:])


def test_ready_as_long_frame() -> None:
    body = READY["REP"][2:]
    frame = oracle.encode_frame(oracle.Frame(body, command=True), long=True)
    established(GREETING + frame)


@pytest.mark.parametrize(
    "properties",
    [(), ((b"socket-type", b"PUSH"),), ((b"", b"x"),), ((b"SOCKET-TYPE", b"nonsense"),)],
)
def test_missing_socket_type(properties: tuple[tuple[bytes, bytes], ...]) -> None:
    peer = established(GREETING + ready(*properties)).peer
    assert peer.socket_type == ""
    assert peer.properties == {name.decode(): value.decode() for name, value in properties}


def test_first_of_repeated_properties_counts() -> None:
    peer = established(
        GREETING
        + ready(
            (b"Socket-Type", b"REP"), (b"Socket-Type", b"ROUTER"), (b"X-a", b"1"), (b"X-a", b"2")
        )
    ).peer
    assert peer.properties == {"Socket-Type": "REP", "X-a": "1"}


@pytest.mark.parametrize("routing_id", [b"\0auto", b"x" * 300])
def test_routing_ids_the_api_would_refuse(routing_id: bytes) -> None:
    handshake = established(GREETING + ready((b"Identity", routing_id)), "ROUTER")
    assert handshake.peer.routing_id == routing_id


def test_what_only_we_can_know_is_not_taken_from_the_peer() -> None:
    peer = established(GREETING + ready((b"User-Id", b"root"), (b"Peer-Address", b"::1"))).peer
    assert peer.properties == {}


# -- what we refuse ------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [b"PLAIN", b"null", b"NULLX", b"NULL\0X", b"", b"\0NULL"])
def test_mechanism_mismatch(field: bytes) -> None:
    error = failure(GREETING[:12] + field.ljust(20, b"\0") + GREETING[32:])
    assert error.code is ProtocolErrorCode.ZMTP_MECHANISM_MISMATCH


@pytest.mark.parametrize("socket_type", [b"PUSH", b"rep", b"Rep", b"REP\0", b"", b"\xff", b"X"])
def test_socket_type_that_does_not_match(socket_type: bytes) -> None:
    error = failure(GREETING + ready((b"Socket-Type", socket_type)))
    assert error.code is ProtocolErrorCode.ZMTP_INVALID_METADATA
    assert str(error).isprintable()


def test_the_peer_of_a_refuser_can_see_why() -> None:
    """It would take a mere close for an accident and reconnect for ever."""
    pair = ConnectionPair(null_handshake("DEALER"), null_handshake("PUSH"))
    pair.run()
    for end, socket_type in ((pair.left, "DEALER"), (pair.right, "PUSH")):
        assert end.sent[:64] == GREETING
        assert end.sent[64:] == READY[socket_type]
        assert end.error is not None
        assert not end.error.retry


def test_each_of_repeated_socket_types_must_match() -> None:
    failure(GREETING + ready((b"Socket-Type", b"REP"), (b"Socket-Type", b"PUSH")))


@pytest.mark.parametrize("body", [READY["REP"][2:] + b"\0", READY["REP"][2:-1]])
def test_malformed_metadata(body: bytes) -> None:
    error = failure(GREETING + oracle.encode_frame(oracle.Frame(body, command=True)))
    assert error.code is ProtocolErrorCode.ZMTP_INVALID_METADATA


@pytest.mark.parametrize(
    "frame", [b"\x04\x00", b"\x00\x00", b"\x00\x05hello", b"\x04\x06\x05HELLO"]
)
def test_anything_but_ready(frame: bytes) -> None:
    assert failure(GREETING + frame).code is ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND


def test_error_instead_of_ready() -> None:
    assert failure(GREETING + oracle.encode_command(b"ERROR", b"\x03400")).auth_status == 400


def test_oversize_command() -> None:
    failure(GREETING + b"\x06" + (MAX_COMMAND_SIZE + 1).to_bytes(8, "big"))
    failure(GREETING + b"\x06" + (2**63).to_bytes(8, "big"))


def test_max_msg_size_holds_for_ready() -> None:
    size = len(READY["REP"]) - 2
    pair = ConnectionPair(
        null_handshake("DEALER", max_msg_size=size), null_handshake("REP", max_msg_size=size)
    )
    pair.run()
    assert pair.left.handshake.done
    assert pair.right.error is not None
    assert "at most 25" in str(pair.right.error)


def test_after_a_failure_everything_fails() -> None:
    handshake = null_handshake("DEALER")
    with pytest.raises(ProtocolError):
        handshake.receive_data(b"GET / HTTP/1.1")
    with pytest.raises(ProtocolError, match="already failed") as caught:
        handshake.receive_data(GREETING)
    assert not caught.value.retry
    with pytest.raises(ProtocolError, match="already failed"):
        handshake.receive_eof()
    assert not handshake.done


def test_nothing_follows_eof() -> None:
    handshake = null_handshake("DEALER")
    with pytest.raises(ProtocolError, match="closed"):
        handshake.receive_eof()
    with pytest.raises(ProtocolError, match="already failed"):
        handshake.receive_data(GREETING)
