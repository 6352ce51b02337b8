"""MESSAGE commands in, made by PyNaCl's boxes: what arrives, in whatever pieces, is seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq._core.handles_codec import Codec, CurveCodec
from tests._core.test_reader import COMMANDS, cut
from tests._core.wire import PULL, REQ, XPUB, Seen, Wire, expected, pattern
from tests.fuzz import fuzz_curve
from tests.oracle import curve
from tests.oracle.curve import CLIENT, NAME, SERVER, Box
from tests.oracle.zmtp import Frame, decode, encode_frame, encode_message

BIG = 16384
KEY = bytes(range(7, 39))
PEER = Box(KEY, SERVER)
"""What seals for the socket under test, which is a client."""
SIZES = [0, 1, 31, 32, 97, 190, 221, 222, 223, 224, 255, 256, 446, 480, 1000, 4000]
LARGE = [BIG - 43, BIG - 34, BIG - 1, BIG, BIG + 1, 2 * BIG, 70_000, 150_000]
FIRST = 5


def client(send_nonce: int = 2, recv_nonce: int = FIRST - 1) -> Codec:
    return CurveCodec(
        key=KEY,
        send_prefix=CLIENT,
        recv_prefix=SERVER,
        send_nonce=send_nonce,
        recv_nonce=recv_nonce,
    )


def sealed(frames: list[Frame], nonce: int = FIRST) -> bytes:
    return b"".join(PEER.seal(frame, nonce + i) for i, frame in enumerate(frames))


def open_stream(
    pieces: list[bytes], socket_type: int = PULL, **options: int
) -> tuple[list[Seen], int | None]:
    """Feed the pieces one by one; what the application sees, and why the connection failed."""
    with Wire(socket_type, codec=client(), **options) as wire:
        for piece in pieces:
            wire.feed(piece)
            if wire.window.failed is not None:
                break
        return wire.window.receive(), wire.window.failed


@st.composite
def frames(draw: st.DrawFn) -> list[Frame]:
    found = []
    for number in range(draw(st.integers(0, 10))):
        if draw(st.integers(0, 4)) == 0:
            found += decode(draw(st.sampled_from(COMMANDS)))[0]
        else:
            size = draw(st.sampled_from(SIZES + LARGE))
            found.append(Frame(pattern(number, size), more=draw(st.booleans())))
    return found


@given(
    frames(),
    st.lists(st.integers(0, 80_000), max_size=8),
    st.lists(st.sampled_from([1, 1, 2, 1000, 2**40]), min_size=40, max_size=40),
    st.sampled_from([PULL, XPUB]),
)
@settings(max_examples=200)
def test_any_frames_in_any_pieces(
    plain: list[Frame], at: list[int], gaps: list[int], socket_type: int
) -> None:
    stream = b""
    nonce = FIRST - 1
    for i, frame in enumerate(plain):
        nonce += gaps[i]
        stream += PEER.seal(frame, nonce, long=i % 3 == 2)
    shown, _ = expected(
        b"".join(encode_frame(frame) for frame in plain), subscriptions=socket_type == XPUB
    )
    assert open_stream(cut(stream, at), socket_type) == (shown, None)


def test_cut_at_every_octet() -> None:
    bodies = [b"", b"x" * 31, b"y" * 222, b"z" * 223, pattern(1, BIG), b"end"]
    stream = sealed([Frame(body) for body in bodies])
    whole = [(body, False, False) for body in bodies]
    dense = range(sum(33 + 9 + len(body) for body in bodies[:4]) + 60)
    for place in [*dense, *range(len(stream) - 60, len(stream))]:
        assert open_stream([stream[:place], stream[place:]]) == (whole, None)


def test_octet_by_octet() -> None:
    stream = sealed([Frame(b"a", more=True), Frame(b"b" * 300), Frame(pattern(1, BIG))])
    assert open_stream([stream[i : i + 1] for i in range(len(stream))])[0] == [
        (b"a", True, False),
        (b"b" * 300, False, False),
        (pattern(1, BIG), False, False),
    ]


@pytest.mark.parametrize("size", [10, 300, BIG, 200_000])
def test_what_came_with_the_handshake(size: int) -> None:
    stream = sealed([Frame(pattern(1, size)), Frame(b"next")])
    for place in (0, 1, 50, len(stream) // 2, len(stream) - 40, len(stream)):
        with Wire(PULL, leftover=stream[:place], codec=client()) as wire:
            wire.feed(stream[place:])
            assert [body for body, _, _ in wire.window.receive()] == [pattern(1, size), b"next"]


@pytest.mark.parametrize(
    "size", [1 << 20, 3_000_000, pytest.param(20 << 20, marks=pytest.mark.slow)]
)
def test_large(size: int) -> None:
    bodies = [pattern(1, size), b"small", pattern(2, size)]
    shown, failed = open_stream([sealed([Frame(body) for body in bodies])])
    assert failed is None
    assert [body for body, _, _ in shown] == bodies


class TestNonces:
    @pytest.mark.parametrize("size", [5, BIG])
    @pytest.mark.parametrize(
        ("nonces", "good"),
        [
            ([FIRST, FIRST], 1),
            ([FIRST, FIRST + 1, FIRST], 2),
            ([FIRST + 9, FIRST + 8], 1),
            ([FIRST - 1], 0),
            ([0], 0),
            ([2**64 - 1, 2**64 - 1], 1),
            ([2**64 - 1, 0], 1),
        ],
    )
    def test_equal_or_smaller_end_the_connection(
        self, size: int, nonces: list[int], good: int
    ) -> None:
        stream = b"".join(PEER.seal(Frame(b"m" * size), nonce) for nonce in nonces)
        shown, failed = open_stream([stream])
        assert failed == curve.INVALID_SEQUENCE
        assert len(shown) == good

    def test_gaps_are_fine(self) -> None:
        stream = b"".join(PEER.seal(Frame(b"m"), n) for n in (FIRST, 900, 2**63, 2**64 - 1))
        shown, failed = open_stream([stream])
        assert (len(shown), failed) == (4, None)

    def test_each_direction_has_its_own_prefix(self) -> None:
        """What the socket sent itself is not taken for the peer's."""
        reflected = Box(KEY, CLIENT).seal(Frame(b"m"), FIRST)
        assert open_stream([reflected]) == ([], curve.CRYPTOGRAPHIC)


class TestForgery:
    @pytest.mark.parametrize("size", [0, 60, 300])
    def test_a_flipped_bit_anywhere(self, size: int) -> None:
        """The message is never seen, and the one before it is. COMMAND outside is anybody's."""
        first = sealed([Frame(b"first")])
        second = sealed([Frame(b"m" * size)], FIRST + 1)
        for at in range(len(second)):
            for bit in range(8):
                if (at, bit) == (0, 2):
                    continue
                forged = bytearray(second)
                forged[at] ^= 1 << bit
                shown, failed = open_stream([first + forged])
                assert shown == [(b"first", False, False)]
                header = 9 if second[0] & 2 else 2
                if at >= header:
                    name = (curve.UNEXPECTED_COMMAND, curve.MALFORMED_COMMAND)
                    box = (curve.CRYPTOGRAPHIC, curve.INVALID_SEQUENCE)
                    assert failed in (name if at < header + 8 else box)

    def test_a_flipped_bit_in_a_large_one(self) -> None:
        good = sealed([Frame(pattern(1, BIG + 100))])
        for at in [*range(9, 60), 1000, BIG, len(good) - 1]:
            forged = bytearray(good)
            forged[at] ^= 0x40
            with Wire(PULL, codec=client()) as wire:
                wire.feed(bytes(forged))
                assert wire.window.receive() == []
                assert wire.window.failed is not None
                wire.window.teardown()

    def test_the_outer_more_is_no_word_of_the_peer(self) -> None:
        good = sealed([Frame(b"m")])
        for flags in range(256):
            forged = bytes([flags]) + good[1:]
            shown, failed = open_stream([forged])
            if flags in (0, 4):
                assert (shown, failed) == ([(b"m", False, False)], None)
            elif flags in (2, 6):
                assert shown == []  # its size is another
            else:
                assert (shown, failed) == ([], curve.MALFORMED_MESSAGE)

    def test_another_key(self) -> None:
        stream = Box(bytes(32), SERVER).seal(Frame(b"m"), FIRST)
        assert open_stream([stream]) == ([], curve.CRYPTOGRAPHIC)

    def test_other_bits_of_the_inner_flags_are_ignored(self) -> None:
        stream = PEER.seal(Frame(b"m"), FIRST, flags=0xFC)
        assert open_stream([stream]) == ([(b"m", False, False)], None)


class TestLengths:
    @pytest.mark.parametrize("size", range(40))
    def test_short_boxes(self, size: int) -> None:
        """Every length that no box can have, then those whose box is cut or has too much."""
        good = sealed([Frame(b"")])[2:]
        body = (good + b"x" * 9)[:size]
        shown, failed = open_stream([encode_frame(Frame(body))])
        if size == len(good):
            assert (shown, failed) == ([(b"", False, False)], None)
        elif size < 8:
            assert (shown, failed) == ([], curve.MALFORMED_COMMAND)
        elif size < 33:
            assert (shown, failed) == ([], curve.MALFORMED_MESSAGE)
        else:
            assert (shown, failed) == ([], curve.CRYPTOGRAPHIC)

    @pytest.mark.parametrize("size", [2**63 - 1, 2**63, 2**64 - 1, 2**64 - 34, 2**62 + 33, 2**40])
    def test_absurd_lengths_take_no_memory(self, size: int) -> None:
        start = b"\x02" + size.to_bytes(8, "big") + NAME + (FIRST).to_bytes(8, "big") + bytes(500)
        with Wire(PULL, codec=client()) as wire:
            wire.feed(start)
            assert wire.window.receive() == []
            assert wire.window.memory() < (1 << 20) + 4096
            assert (wire.window.failed is None) == (size == 2**40)

    @pytest.mark.parametrize("limit", [0, 10, 300, BIG, 100_000])
    def test_the_limit_counts_what_is_inside(self, limit: int) -> None:
        stream = sealed([Frame(b"m" * limit), Frame(b"m" * (limit + 1))])
        shown, failed = open_stream([stream], max_size=limit)
        assert shown == [(b"m" * limit, False, False)]
        assert failed == curve.UNSPECIFIED

    def test_too_large_is_refused_before_it_comes(self) -> None:
        stream = sealed([Frame(b"m" * 100_000)])
        with Wire(PULL, codec=client(), max_size=99_999) as wire:
            wire.feed(stream[:42])
            assert wire.window.failed == curve.UNSPECIFIED


class TestCommands:
    @pytest.mark.parametrize(
        ("wire", "reason"),
        [
            (b"\x00\x05hello", curve.MALFORMED_COMMAND),
            (b"\x00\x09hello you", curve.MALFORMED_COMMAND),
            (b"\x04\x0a\x05ERROR\x03400", curve.UNEXPECTED_COMMAND),
            (b"\x04\x08\x07WELCOME", curve.UNEXPECTED_COMMAND),
            (b"\x04\x07\x04PING\x00\x00", curve.UNEXPECTED_COMMAND),
            (b"\x04\x02\x01x", curve.UNEXPECTED_COMMAND),
            (b"\x04\x01\x00", curve.MALFORMED_COMMAND),
            (b"\x00\x00", curve.MALFORMED_COMMAND),
            (b"\x04\x00", curve.MALFORMED_COMMAND),
        ],
    )
    def test_nothing_but_messages(self, wire: bytes, reason: int) -> None:
        """The reasons are libzmq's, as measured."""
        good = sealed([Frame(b"m")])
        assert open_stream([good + wire]) == ([(b"m", False, False)], reason)

    def test_ping_is_answered_inside(self) -> None:
        with Wire(PULL, codec=client(send_nonce=41)) as wire:
            wire.feed(sealed([Frame(b"\x04PING\x00\x00abc", command=True)]))
            wire.window.write()
            answer = wire.drain()
            assert answer[:2] == bytes([0, 33 + 8])
            found, _ = Box(KEY, CLIENT).open_all(answer, 41)
            assert found == [Frame(b"\x04PONGabc", command=True)]

    def test_subscriptions_between_and_within_messages(self) -> None:
        subscribe = Frame(b"\x09SUBSCRIBEtopic", command=True)
        frames = [subscribe, Frame(b"a", more=True), subscribe, Frame(b"b"), subscribe]
        shown, failed = open_stream([sealed(frames)], XPUB)
        assert failed is None
        assert [body for body, _, _ in shown] == [
            b"\x09SUBSCRIBEtopic",
            b"a",
            b"b",
            b"\x09SUBSCRIBEtopic",
        ]

    def test_replies_are_checked(self) -> None:
        """REQ: what does not begin with a delimiter ends the connection, large or small."""
        for body in (b"x", b"x" * BIG):
            stream = sealed([Frame(b"", more=True), Frame(b"good"), Frame(body)])
            shown, failed = open_stream([stream], REQ)
            assert (len(shown), failed) == (2, curve.UNSPECIFIED)


class TestHighWaterMark:
    @pytest.mark.parametrize("size", [10, 500, BIG])
    @pytest.mark.parametrize("mark", [1, 2, 7])
    def test_reading_stops_at_the_mark_and_goes_on(self, size: int, mark: int) -> None:
        bodies = [pattern(i, size) for i in range(40)]
        stream = sealed([Frame(body) for body in bodies])
        found: list[bytes] = []
        with Wire(PULL, codec=client(), rcvhwm=mark) as wire:
            wire.peer.setblocking(True)
            for start in range(0, len(stream), 30_000):
                wire.peer.sendall(stream[start : start + 30_000])
                wire.read()
                assert wire.window.paused or start + 30_000 >= len(stream) or size == BIG
                while True:
                    wire.read()
                    seen = wire.window.receive()
                    found += [body for body, _, _ in seen]
                    if not seen:
                        break
            assert found == bodies
            assert wire.window.failed is None

    def test_an_offence_does_not_cost_what_came_before(self) -> None:
        stream = sealed([Frame(b"%d" % i) for i in range(20)]) + b"\x00\x05never"
        found = []
        with Wire(PULL, codec=client(), rcvhwm=3) as wire:
            wire.feed(stream)
            assert wire.window.failed is None
            for _ in range(20):
                found += [body for body, _, _ in wire.window.receive(1)]
            assert found == [b"%d" % i for i in range(20)]
            assert wire.window.failed == curve.MALFORMED_COMMAND


def test_the_oracle_agrees_with_itself() -> None:
    message = encode_message([b"a", b"b"])
    assert PEER.open_all(sealed(decode(message)[0])) == (decode(message)[0], b"")


def test_damaged_commands() -> None:
    fuzz_curve.run(2000)
