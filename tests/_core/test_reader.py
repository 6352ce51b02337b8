"""The scanner against the oracle: what arrives, in whatever pieces, is what is seen."""

import itertools
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests._core.wire import (
    DEALER,
    PIECE,
    PROTOCOL_ERROR,
    PULL,
    REQ,
    XPUB,
    Seen,
    Wire,
    expected,
    pattern,
)
from tests.fuzz import fuzz_scanner
from tests.oracle.zmtp import Frame, encode_command, encode_frame, encode_message

BIG = 16384  # bodies from here on go into memory of their own

SMALL = [0, 1, 2, 7, 8, 253, 254, 255, 256, 257, 440, 448, 1000]
LARGE = [4000, BIG - 10, BIG - 9, BIG - 1, BIG, BIG + 1, BIG + 9, 2 * BIG, 70000]
COMMANDS = [
    encode_command(b"PING", b"\x00\x0a"),
    encode_command(b"PING", b"\x00\x0aabcdefgh"),
    encode_command(b"PONG", b"abc"),
    encode_command(b"SUBSCRIBE", b"topic"),
    encode_command(b"CANCEL", b"topic"),
    encode_command(b"SUBSCRIBE", b"t" * BIG),
    encode_command(b"WHATEVER", b"x" * 300),
    encode_command(b"WHATEVER", b"x" * BIG),
    encode_frame(Frame(b"", command=True)),
    encode_frame(Frame(b"\x00", command=True)),
    encode_frame(Frame(b"\x04PI", command=True)),
    encode_frame(Frame(b"\x04PING", command=True)),
    encode_frame(Frame(b"\x09SUBSCRIBE", command=True, more=True)),
]


@st.composite
def streams(draw: st.DrawFn, sizes: list[int] = SMALL + LARGE) -> bytes:
    """Frames and commands in any order, sometimes LONG where short would do, sometimes cut off."""
    pieces = []
    for number in range(draw(st.integers(0, 12))):
        if draw(st.integers(0, 4)) == 0:
            pieces.append(draw(st.sampled_from(COMMANDS)))
            continue
        body = pattern(number, draw(st.sampled_from(sizes)))
        frame = Frame(body, more=draw(st.booleans()))
        pieces.append(encode_frame(frame, long=draw(st.booleans())))
    stream = b"".join(pieces)
    if draw(st.integers(0, 3)) == 0:
        stream = stream[: draw(st.integers(0, len(stream)))]
    return stream


def cut(stream: bytes, at: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(a for a in at if a < len(stream)), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(places)]


def scan(
    pieces: Iterable[bytes], socket_type: int = PULL, **options: int
) -> tuple[list[Seen], bool]:
    """Feed the pieces one by one; what the application sees, and whether the connection failed."""
    with Wire(socket_type, **options) as wire:
        for piece in pieces:
            wire.feed(piece)
            if wire.window.failed is not None:
                break
        failed = wire.window.failed
        assert failed in (None, PROTOCOL_ERROR)
        return wire.window.receive(), failed is not None


@given(streams(), st.lists(st.integers(0, 80000), max_size=8))
@settings(max_examples=300)
def test_any_stream_in_any_pieces(stream: bytes, at: list[int]) -> None:
    assert scan(cut(stream, at)) == expected(stream)


@given(streams(), st.lists(st.integers(0, 80000), max_size=4))
def test_subscriptions_reach_a_publisher(stream: bytes, at: list[int]) -> None:
    assert scan(cut(stream, at), XPUB) == expected(stream, subscriptions=True)


@given(streams(), st.integers(0, 80000))
def test_what_came_with_the_handshake_counts(stream: bytes, at: int) -> None:
    with Wire(leftover=stream[:at]) as wire:
        wire.feed(stream[at:])
        assert (wire.window.receive(), False) == expected(stream)


@given(streams(sizes=SMALL))
@settings(max_examples=30)
def test_octet_by_octet(stream: bytes) -> None:
    stream = stream[:3000]
    assert scan(stream[i : i + 1] for i in range(len(stream))) == expected(stream)


def test_every_single_cut() -> None:
    """Around the header sizes and the change from in-line bodies to bodies of their own."""
    stream = b"".join(
        (
            encode_message([b"a", b"b" * 255, b"c" * 256]),
            COMMANDS[1],
            encode_frame(Frame(b"long", more=True), long=True),
            COMMANDS[3],
            encode_frame(Frame(b"")),
            encode_message([b"d" * 300]),
        )
    )
    for at in range(len(stream) + 1):
        assert scan(cut(stream, [at])) == expected(stream)


@pytest.mark.parametrize("size", [BIG - 1, BIG, BIG + 1])
def test_every_cut_around_a_large_body(size: int) -> None:
    head = encode_message([b"before"]) + encode_frame(Frame(pattern(1, size), more=True))
    stream = head + encode_message([b"after"]) + encode_message([b"next"])
    near = [*range(40), *range(len(head) - 20, len(stream) + 1)]
    for at in near:
        assert scan(cut(stream, [at])) == expected(stream)
    for at in near:
        assert scan(cut(stream, [at, at + 1])) == expected(stream)


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000])
def test_bodies_that_grow(size: int) -> None:
    stream = encode_message([b"a", pattern(7, size), b"z"]) + encode_message([b"next"])
    assert scan([stream]) == expected(stream)


def test_commands_between_the_frames_of_a_message() -> None:
    parts = [b"one", b"two" * 100, pattern(3, BIG), b"four"]
    frames = [encode_frame(Frame(p, more=i < 3)) for i, p in enumerate(parts)]
    for command in COMMANDS:
        stream = command + b"".join(f + command for f in frames)
        assert scan([stream]) == expected(stream)
        assert scan([stream], XPUB) == expected(stream, subscriptions=True)


def test_reserved_flags_are_not_shown() -> None:
    with Wire() as wire:
        wire.feed(b"\xf9\x01a\xf8\x01b")
        assert wire.window.receive() == [(b"a", True, False), (b"b", False, False)]


class TestSizes:
    @pytest.mark.parametrize("size", [2**63, 2**63 + 1, 2**64 - 1])
    def test_impossible(self, size: int) -> None:
        good = encode_message([b"good"])
        stream = good + b"\x02" + size.to_bytes(8, "big") + b"x" * 100
        for at in range(len(stream)):
            assert scan(cut(stream, [at])) == ([(b"good", False, False)], True)

    @pytest.mark.parametrize("size", [2**31, 2**32, 2**40, 2**62, 2**63 - 1])
    def test_promised_and_never_sent_takes_no_memory(self, size: int) -> None:
        with Wire() as wire:
            wire.feed(b"\x02" + size.to_bytes(8, "big") + b"x" * 100_000)
            # 2**63 - 1 is legal, and refused only where memory for a body of that size cannot be
            assert wire.window.failed is None
            assert wire.window.memory() < 2_000_000 + size or size > 2**40
            assert wire.window.receive() == []

    @pytest.mark.parametrize("limit", [0, 1, 255, 256, 1000, BIG, 100_000])
    @pytest.mark.parametrize("over", [0, 1])
    @pytest.mark.parametrize("long", [False, True])
    def test_the_limit(self, limit: int, over: int, long: bool) -> None:
        stream = encode_message([b""]) + encode_frame(Frame(pattern(1, limit + over)), long=long)
        stream += encode_message([b""])
        shown = scan([stream], max_size=limit)
        assert shown == expected(stream, limit=limit)
        assert shown[1] == bool(over)
        assert scan(cut(stream, range(12)), max_size=limit) == shown

    def test_a_frame_that_drips_in_costs_no_more_than_a_few_times_its_size(self) -> None:
        """Octet by octet, so that each read is one system call."""
        stream = encode_frame(Frame(pattern(1, BIG - 1)))
        with Wire() as wire:
            for i in range(len(stream)):
                wire.peer.send(stream[i : i + 1])
                wire.window.read()
                if i % 1000 == 0:
                    assert wire.window.memory() < 8 * BIG
            assert wire.window.receive() == [(pattern(1, BIG - 1), False, False)]

    def test_commands_take_no_memory(self) -> None:
        with Wire() as wire:
            for _ in range(200):
                wire.feed(b"".join(COMMANDS[:5]) * 20)
                wire.drain()
            assert wire.window.memory() < 1_000_000
            assert wire.window.receive() == []


class TestHighWaterMark:
    @given(
        streams(), st.integers(1, 5), st.integers(1, 5), st.lists(st.integers(0, 80000), max_size=4)
    )
    def test_pause_and_resume(self, stream: bytes, hwm: int, step: int, at: list[int]) -> None:
        shown: list[Seen] = []
        with Wire(rcvhwm=hwm) as wire:
            for piece in cut(stream, at):
                for start in range(0, len(piece), 20_000):
                    wire.peer.sendall(piece[start : start + 20_000])
                    while True:
                        wire.read()
                        more = wire.window.receive(step)
                        shown += more
                        if not more and not (wire.readable() and not wire.window.paused):
                            break
            assert wire.window.failed is None
            assert wire.window.receive() == []
        assert (shown, False) == expected(stream)

    def test_a_full_queue_stops_reading(self) -> None:
        with Wire(rcvhwm=10) as wire:
            sent = 0
            message = encode_message([b"x" * 1000])
            while True:
                try:
                    sent += wire.peer.send(message) == len(message)
                except BlockingIOError:
                    break
                wire.read()
            assert wire.window.paused
            assert wire.window.memory() < 300_000
            assert len(wire.window.receive(5)) == 5
            assert not wire.window.paused
            shown = 5
            while more := wire.window.receive():
                shown += len(more)
                wire.read()
            assert shown == sent

    def test_whole_messages_count(self) -> None:
        with Wire(rcvhwm=2) as wire:
            message = encode_message([b"a", b"b", b"c"])
            wire.feed(message * 5)
            assert wire.window.paused
            assert len(wire.window.receive(6)) == 6


class TestPing:
    @pytest.mark.parametrize("context", [b"", b"x", b"0123456789abcdef", b"0123456789abcdefg"])
    def test_is_answered_between_messages(self, context: bytes) -> None:
        with Wire(DEALER) as wire:
            assert wire.window.send(b"first", True) == 0
            wire.feed(encode_command(b"PING", b"\x00\x64" + context))
            wire.window.write()
            assert wire.drain() == encode_command(b"PONG", context[:16])
            assert wire.window.send(b"second") == 0
            wire.window.write()
            assert wire.drain() == encode_message([b"first", b"second"])

    def test_hundreds_get_an_answer_and_fill_nothing(self) -> None:
        with Wire() as wire:
            wire.feed(encode_command(b"PING", struct.pack(">H", 5) + b"ctx") * 500)
            wire.window.write()
            assert wire.drain().startswith(encode_command(b"PONG", b"ctx"))


class TestReq:
    """REQ shuts out a peer whose replies do not begin with a delimiter, as libzmq does."""

    @pytest.mark.parametrize(
        "parts",
        [[b"", b"body"], [b"", b"", b"x"], [b"0123", b"", b"body"], [b"", b"x" * 70000]],
    )
    def test_accepts(self, parts: list[bytes]) -> None:
        stream = encode_message(parts) * 2
        for pieces in ([stream], cut(stream, range(30))):
            assert scan(pieces, REQ) == expected(stream)

    @pytest.mark.parametrize(
        "parts",
        [
            [b"x"],
            [b""],
            [b"x", b"", b"y"],
            [b"0123", b"x", b"y"],
            [b"0123", b""],
            [b"x" * 70000, b""],
        ],
    )
    def test_refuses(self, parts: list[bytes]) -> None:
        good = encode_message([b"", b"good"])
        shown = [(b"", True, False), (b"good", False, False)]
        assert scan([good + encode_message(parts)], REQ) == (shown, True)


class TestEnd:
    def test_eof_in_the_middle_of_a_message_shows_none_of_it(self) -> None:
        stream = encode_message([b"a", pattern(1, 30000), b"b"])
        for at in (*range(20), 500, 16000, 29000, len(stream) - 4, len(stream) - 1):
            with Wire() as wire:
                wire.feed(encode_message([b"whole"]) + stream[:at])
                wire.peer.close()
                wire.window.read()
                assert wire.window.failed == 0
                assert wire.window.teardown() == 0
                assert wire.window.receive() == [(b"whole", False, False)]
                wire.connect()
                wire.feed(stream)
                assert (wire.window.receive(), False) == expected(stream)

    def test_a_refused_stream_is_read_no_further(self) -> None:
        with Wire() as wire:
            wire.feed(b"\x02" + b"\xff" * 8)
            assert wire.window.failed == PROTOCOL_ERROR
            wire.peer.sendall(encode_message([b"more"]))
            assert wire.window.read() < 0
            assert wire.window.receive() == []


def test_damaged_frames() -> None:
    fuzz_scanner.run(3000)


def test_a_connection_that_ended_keeps_nobody_busy() -> None:
    """Who polls would be told again and again, until the I/O thread has closed it."""
    with Wire() as wire:
        assert not wire.window.polled
        wire.peer.close()
        assert wire.window.polled
        assert wire.window.read() < 0
        assert wire.window.failed == 0
        assert not wire.window.polled


def test_a_connection_that_failed_otherwise_keeps_nobody_busy() -> None:
    """As above; a writer, or a command from the control plane, has found out."""
    with Wire() as wire:
        wire.window.fail()
        wire.peer.send(encode_message([b"too late"]))
        assert wire.window.polled
        assert wire.window.read() < 0
        assert wire.window.receive() == []
        assert not wire.window.polled


def test_an_offence_is_looked_at_once() -> None:
    """What follows it is in the kernel still."""
    with Wire() as wire:
        wire.peer.send(b"\x02" + b"\xff" * 8 + bytes(PIECE))
        assert wire.window.read() < 0
        assert wire.window.failed is not None
        assert not wire.window.polled
