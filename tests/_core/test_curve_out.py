"""MESSAGE commands out: a small kernel buffer, cuts anywhere, commands between.

PyNaCl's boxes open all of it: nothing is lost, doubled, cut, or sealed twice with one nonce.
"""

import errno
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq._core.handles_codec import Codec, CurveCodec
from tests._core import wire_out
from tests._core.wire import PUSH, Wire, pattern
from tests._core.wire_out import ACTION, BIG, TINY, Messages
from tests.oracle.curve import CLIENT, SERVER, Box
from tests.oracle.zmtp import Frame, decode, encode_frame, encode_message

KEY = bytes(range(7, 39))
OWN = Box(KEY, SERVER)
"""What the socket under test, a server, seals with."""
LAST = 2**64 - 1


def server(send_nonce: int = 1) -> Codec:
    return CurveCodec(
        key=KEY, send_prefix=SERVER, recv_prefix=CLIENT, send_nonce=send_nonce, recv_nonce=2
    )


def messages_of(streams: list[bytes]) -> Messages:
    """The nonces are those due."""
    return wire_out.gather(map(opened, streams))


def opened(stream: bytes) -> Iterator[Frame]:
    for number, outer in enumerate(decode(stream)[0]):
        assert not outer.command
        assert not outer.more
        frame, nonce = OWN.open(outer, 0)
        assert nonce == 2 + number
        yield frame


@given(st.lists(ACTION, max_size=80), st.booleans())
@settings(max_examples=200)
def test_any_order_of_sends_writes_and_cuts(actions: list[tuple[str, Any]], tiny: bool) -> None:
    sent, streams, _ = wire_out.play(actions, tiny=tiny, codec=server)
    shown, commands = messages_of(streams)
    assert shown == sent
    assert set(commands) == {b"\x04PING\x00\x00"}


@pytest.mark.parametrize("parts", [[100], [0, 0, 0], [300, 0, 20_000, 5], [BIG, BIG], [200_000]])
def test_cut_at_every_place(parts: list[int]) -> None:
    first = [pattern(i, size) for i, size in enumerate(parts)]
    second = [b"second", b"message"]
    sizes = [len(OWN.seal(Frame(part), 1)) for part in first]
    one, whole = sum(sizes), sum(sizes) + len(OWN.seal(Frame(b"second"), 1)) + 7 + 35
    places = sorted({*range(50), *range(one - 12, whole), *range(0, whole, 4999)})
    for place in places:
        wire_out.cut_and_resume(place, first, second, codec=server, read=messages_of)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 222, 223, 224, 480, 1000, BIG - 1, BIG, 1 << 20])
def test_sizes(size: int) -> None:
    with Wire(PUSH, codec=server()) as wire:
        got = b""
        for body in (pattern(1, size), b"next"):
            wire.window.send(body)
        while wire.window.queued():
            wire.window.out_event()
            got += wire.drain()
        got += wire.drain()
        assert messages_of([got])[0] == [[pattern(1, size)], [b"next"]]
        assert got.startswith(b"\x00" if size < 223 else b"\x02")


def test_many_small_ones_go_together() -> None:
    with Wire(PUSH, codec=server()) as wire:
        for i in range(5000):
            wire.window.send(b"%d" % i)
        got = b""
        while wire.window.queued():
            wire.window.out_event()
            got += wire.drain()
        got += wire.drain()
        assert messages_of([got])[0] == [[b"%d" % i] for i in range(5000)]


class TestTheLastNonce:
    """Nobody sends so many messages; but a counter that wrapped would give the key away."""

    @pytest.mark.parametrize("size", [5, BIG])
    def test_is_used_and_no_other_after_it(self, size: int) -> None:
        bodies = [pattern(i, size) for i in range(4)]
        with Wire(PUSH, codec=server(LAST - 2)) as wire:
            for body in bodies:
                wire.window.send(body)
                wire.window.write()
            assert wire.window.failed == errno.EOVERFLOW
            assert wire.window.queued() == 2
            frames, _ = OWN.open_all(wire.drain(), LAST - 2)
            assert [frame.body for frame in frames] == bodies[:2]
            wire.cut()
            wire.connect(codec=server())  # new keys, a new count
            assert messages_of([wire.drain()])[0] == [[body] for body in bodies[2:]]

    def test_counts_commands(self) -> None:
        with Wire(PUSH, codec=server(LAST)) as wire:
            wire.window.ping()
            wire.window.write()
            assert wire.window.failed == errno.EOVERFLOW
            assert wire.drain() == b""


class TestClose:
    @pytest.mark.parametrize("size", [10, 200_000])
    def test_a_closed_pipe_is_flushed_and_gone(self, size: int) -> None:
        wire_out.close_and_flush(size, codec=server, read=messages_of)

    def test_a_broken_connection_fails(self) -> None:
        wire_out.break_and_resume(codec=server, read=messages_of)


def test_a_full_kernel_holds_messages_back() -> None:
    """The mark counts what the kernel has not got whole, sealed or not."""
    with Wire(PUSH, sndhwm=10) as wire:
        wire.cut()
        wire.connect(buffer=TINY, codec=server())
        sent = 0
        got = b""
        while wire.window.send(pattern(sent, 3000)) == 0:
            wire.window.write()
            sent += 1
        assert 10 <= sent < 40
        while sent < 60:
            got += wire.drain()
            wire.window.out_event()
            while sent < 60 and wire.window.send(pattern(sent, 3000)) == 0:
                wire.window.write()
                sent += 1
        while wire.window.queued():
            got += wire.drain()
            wire.window.out_event()
        got += wire.drain()
        assert messages_of([got])[0] == [[pattern(i, 3000)] for i in range(60)]


def test_a_codec_is_for_one_connection() -> None:
    codec = server()
    with Wire(PUSH, codec=codec) as wire:
        wire.cut()
        with pytest.raises(ValueError, match="another connection"):
            wire.connect(codec=codec)
        wire.peer.close()
        os.close(wire.fd)  # not taken


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", bytes(31)), ("send_prefix", bytes(15)), ("recv_prefix", bytes(17))],
)
def test_wrong_sizes(name: str, value: bytes) -> None:
    values: dict[str, Any] = {"key": KEY, "send_prefix": SERVER, "recv_prefix": CLIENT}
    with pytest.raises(ValueError, match="octets"):
        CurveCodec(**values | {name: value}, send_nonce=0, recv_nonce=0)


@pytest.mark.parametrize("nonce", [-1, 2**64])
def test_nonces_out_of_range(nonce: int) -> None:
    with pytest.raises(OverflowError):
        CurveCodec(key=KEY, send_prefix=SERVER, recv_prefix=CLIENT, send_nonce=nonce, recv_nonce=0)


def test_a_codec_that_nobody_attaches() -> None:
    with pytest.raises(TypeError):
        Codec()
    for _ in range(100):
        server()


def test_plain_and_coded_carry_the_same() -> None:
    """What PUB's peers hear: one message, one of them in boxes."""
    message = [b"topic", b"", pattern(1, BIG)]
    with Wire(PUSH) as plain, Wire(PUSH, codec=server()) as boxed:
        for wire in (plain, boxed):
            for i, part in enumerate(message):
                wire.window.send(part, i < 2)
            wire.window.write()
        frames, _ = OWN.open_all(boxed.drain(), 1)
        assert b"".join(map(encode_frame, frames)) == plain.drain() == encode_message(message)
