"""Frames out: a small kernel buffer, cuts anywhere. Nothing is lost, doubled or cut."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests._core.wire import PUSH, Wire, pattern
from tests.oracle import zmtp

BIG = 16384
WOULD_BLOCK = -1
SIZES = [0, 1, 100, 255, 256, 5000, BIG - 1, BIG, 60_000]
TINY = 2304  # the kernel makes of it what it must


def messages_of(streams: list[bytes]) -> tuple[list[list[bytes]], list[bytes]]:
    """Whole messages of all connections in order, and the commands.

    Raises where a command cuts a message.
    """
    complete: list[list[bytes]] = []
    commands = []
    for stream in streams:
        parts: list[bytes] = []
        for frame in zmtp.decode(stream)[0]:
            if frame.command:
                assert not parts, "a command within a message"
                commands.append(frame.body)
                continue
            parts.append(frame.body)
            if not frame.more:
                complete.append(parts)
                parts = []
    return complete, commands


ACTION = st.one_of(
    st.tuples(st.just("send"), st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)),
    st.tuples(st.just("send"), st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)),
    st.tuples(st.just("read"), st.sampled_from([1, 2, 10, 100, 1000, 5000, 100_000])),
    st.tuples(st.sampled_from(["write", "write", "out", "ping", "cut"]), st.none()),
)


@given(st.lists(ACTION, max_size=80), st.booleans())
@settings(max_examples=300)
def test_any_order_of_sends_writes_and_cuts(actions: list[tuple[str, Any]], tiny: bool) -> None:
    sent: list[list[bytes]] = []
    streams = [b""]
    pings = 0
    with Wire(PUSH) as wire:
        window = wire.window
        wire.window.teardown()
        wire.peer.close()
        wire.connect(buffer=TINY if tiny else 0)
        for action, detail in actions:
            if action == "send":
                message = [pattern(len(sent) * 10 + i, size) for i, size in enumerate(detail)]
                for i, part in enumerate(message):
                    assert window.send(part, i < len(message) - 1) == 0
                sent.append(message)
            elif action == "read":
                try:
                    streams[-1] += wire.peer.recv(detail)
                except BlockingIOError:
                    pass
            elif action == "write":
                window.write()
            elif action == "out":
                window.out_event()
            elif action == "ping":
                window.ping()
                pings += 1
            elif action == "cut":
                streams[-1] += wire.drain()  # what the kernel had, the peer has
                window.teardown()
                wire.peer.close()
                wire.connect(buffer=TINY if tiny else 0)
                streams.append(b"")
        while window.queued() or window.out_event() == WOULD_BLOCK:
            streams[-1] += wire.drain()
            window.out_event()
        streams[-1] += wire.drain()
        window.ping()  # idle is a boundary
        window.write()
        pings += 1
        streams[-1] += wire.drain()
        assert streams[-1].endswith(b"PING\x00\x00")
        shown, commands = messages_of(streams)
        assert shown == sent
        assert set(commands) <= {b"\x04PING\x00\x00"}
        assert len(commands) <= pings
        assert window.queued() == 0


@pytest.mark.parametrize("parts", [[100], [0, 0, 0], [300, 0, 20_000, 5], [BIG, BIG], [70_000]])
def test_cut_at_every_place(parts: list[int]) -> None:
    """Two messages; the peer takes n octets of them and is gone, then comes back."""
    first = [pattern(i, size) for i, size in enumerate(parts)]
    second = [b"second", b"message"]
    whole = zmtp.encode_message(first) + zmtp.encode_message(second)
    one = len(zmtp.encode_message(first))
    places = sorted({*range(24), *range(one - 12, len(whole)), *range(0, len(whole), 4999)})
    for place in places:
        with Wire(PUSH) as wire:
            wire.window.teardown()
            wire.peer.close()
            for message in (first, second):
                for i, part in enumerate(message):
                    wire.window.send(part, i < len(message) - 1)
            wire.connect(buffer=TINY)
            got = b""
            while len(got) < place:
                got += wire.peer.recv(place - len(got))
                wire.window.out_event()
            got += wire.drain()
            queued = wire.window.queued()
            wire.window.teardown()
            wire.peer.close()
            complete = [first, second][: 2 - queued]
            assert messages_of([got])[0] == complete
            wire.connect()
            assert messages_of([got, wire.drain()])[0] == [first, second]
            assert wire.window.queued() == 0


class TestHighWaterMark:
    def test_full_and_room_again(self) -> None:
        with Wire(PUSH, sndhwm=10) as wire:
            wire.window.teardown()
            wire.peer.close()
            sent = 0
            while wire.window.send(b"x%d" % sent) == 0:
                sent += 1
            assert sent == 10
            wire.connect()
            for _ in range(100):
                while sent < 100 and wire.window.send(b"x%d" % sent) == 0:
                    sent += 1
                wire.window.write()
            assert messages_of([wire.drain()])[0] == [[b"x%d" % i] for i in range(sent)]
            assert sent == 100

    def test_unfinished_messages_do_not_leave(self) -> None:
        with Wire(PUSH) as wire:
            wire.window.send(b"a", True)
            wire.window.send(b"b" * 70_000, True)
            wire.window.write()
            assert wire.drain() == b""
            wire.window.send(b"c")
            wire.window.write()
            assert messages_of([wire.drain()])[0] == [[b"a", b"b" * 70_000, b"c"]]


class TestClose:
    @pytest.mark.parametrize("size", [10, 200_000])
    def test_a_closed_pipe_is_flushed_and_gone(self, size: int) -> None:
        with Wire(PUSH) as wire:
            wire.window.teardown()
            wire.peer.close()
            wire.window.events()
            wire.window.send(pattern(1, size))
            wire.window.send(b"last")
            wire.window.send(b"half", True)
            wire.connect(buffer=TINY)
            wire.window.close_pipe()
            stream = wire.drain()
            while wire.window.failed is None:
                wire.window.out_event()
                stream += wire.drain()
            assert wire.window.failed == 0
            wire.window.teardown()
            assert not wire.window.connected
            assert sorted(kind for kind, _, _ in wire.window.events()) == [1, 2]
            assert messages_of([stream])[0] == [[pattern(1, size)], [b"last"]]

    def test_a_broken_connection_fails(self) -> None:
        with Wire(PUSH) as wire:
            wire.peer.close()
            wire.window.send(b"x" * 100)
            wire.window.write()
            assert wire.window.failed is not None
            wire.window.teardown()
            wire.connect()
            assert messages_of([wire.drain()])[0] == [[b"x" * 100]]
