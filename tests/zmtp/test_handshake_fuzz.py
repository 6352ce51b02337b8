"""Octets from strangers: random ones, damaged handshakes, endless ones."""

from hypothesis import given
from hypothesis import strategies as st

from peromq.zmtp import ProtocolError
from peromq.zmtp.framing import MAX_COMMAND_SIZE
from tests.fuzz import fuzz_handshake
from tests.zmtp.connection_pair import null_handshake
from tests.zmtp.golden import GREETING, READY

FRAGMENTS = st.sampled_from(
    [GREETING, GREETING[:10], GREETING[:32], READY["REP"], READY["REP"][:13], b"\x04\x06\x05READY",
     b"\x06\0\0\0\0\0\0\0", b"\x05ERROR", b"\x04\x0a\x05ERROR\x03400", b"\x0bSocket-Type\0\0\0"]
)  # fmt: skip


@given(st.binary(max_size=200))
def test_random_octets(data: bytes) -> None:
    fuzz_handshake.fuzz_one(data)


@given(st.binary(max_size=2), st.binary(max_size=120))
def test_random_octets_behind_a_greeting(setup: bytes, data: bytes) -> None:
    fuzz_handshake.fuzz_one(setup.ljust(2, b"\0") + GREETING + data)


@given(st.binary(min_size=2, max_size=2), st.lists(FRAGMENTS | st.binary(max_size=9), max_size=8))
def test_fragments_in_any_order(setup: bytes, fragments: list[bytes]) -> None:
    fuzz_handshake.fuzz_one(setup + b"".join(fragments))


@given(st.lists(st.integers(1, 70), max_size=12))
def test_chunks_make_no_difference(sizes: list[int]) -> None:
    wire = GREETING + READY["REP"] + b"\x00\x01a"
    handshake = null_handshake("DEALER")
    at = 0
    for size in [*sizes, len(wire)]:
        handshake.receive_data(wire[at : at + size])
        at += size
    assert handshake.data_to_send() == GREETING + READY["DEALER"]
    assert handshake.done
    assert handshake.leftover == b"\x00\x01a"


def test_what_is_kept_of_an_endless_handshake_is_bounded() -> None:
    """The largest command allowed, one octet missing; then a READY too many metadata deep."""
    handshake = null_handshake("DEALER")
    handshake.receive_data(GREETING + b"\x06" + MAX_COMMAND_SIZE.to_bytes(8, "big"))
    handshake.receive_data(bytes(MAX_COMMAND_SIZE - 1))
    assert len(handshake._incoming) == fuzz_handshake.BUFFERED - 1
    try:
        handshake.receive_data(bytes(MAX_COMMAND_SIZE))
    except ProtocolError:
        assert len(handshake._incoming) == 0
    else:
        raise AssertionError("an endless command was taken")


def test_damaged_handshakes() -> None:
    fuzz_handshake.run(2000)


def test_the_corpus_reaches_the_end_of_the_handshake() -> None:
    """A fuzzer that only ever fails early finds nothing."""
    accepted = 0
    for data in fuzz_handshake.corpus():
        handshake = null_handshake(fuzz_handshake.TYPES[data[0]])
        try:
            handshake.receive_data(data[2:])
        except ProtocolError:
            continue
        handshake.data_to_send()
        accepted += handshake.done
    assert accepted == 14 + 5 + 3  # of the old ones, two do not tell a ROUTER who they are
