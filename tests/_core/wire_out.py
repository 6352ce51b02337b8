"""What the tests of frames going out share: sends, writes and cuts in any order, with any codec."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from peromq._core.handles_codec import Codec
from tests._core.wire import PUSH, Wire, pattern
from tests.oracle import zmtp

BIG = 16384
WOULD_BLOCK = -1
SIZES = [0, 1, 100, 255, 256, 5000, BIG - 1, BIG, 60_000]
TINY = 2304  # the kernel makes of it what it must

Messages = tuple[list[list[bytes]], list[bytes]]
"""Whole messages, and the commands between them."""
Read = Callable[[list[bytes]], Messages]
"""What the streams of some connections, one after the other, carry."""
MakeCodec = Callable[[], Codec | None]
"""A new one for each connection."""

ACTION = st.one_of(
    st.tuples(st.just("send"), st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)),
    st.tuples(st.just("send"), st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)),
    st.tuples(st.just("read"), st.sampled_from([1, 2, 10, 100, 1000, 5000, 100_000])),
    st.tuples(st.sampled_from(["write", "write", "out", "ping", "cut"]), st.none()),
)


class Played(NamedTuple):
    sent: list[list[bytes]]
    streams: list[bytes]
    pings: int


def gather(connections: Iterable[Iterable[zmtp.Frame]]) -> Messages:
    """Raises where a command cuts a message; a message cut by a connection's end does not count."""
    complete: list[list[bytes]] = []
    commands = []
    for frames in connections:
        parts: list[bytes] = []
        for frame in frames:
            if frame.command:
                assert not parts, "a command within a message"
                commands.append(frame.body)
                continue
            parts.append(frame.body)
            if not frame.more:
                complete.append(parts)
                parts = []
    return complete, commands


def send(wire: Wire, message: list[bytes]) -> None:
    for i, part in enumerate(message):
        assert wire.window.send(part, i < len(message) - 1) == 0


def play(actions: list[tuple[str, Any]], *, tiny: bool, codec: MakeCodec) -> Played:
    """Take them in order, then let everything out, and a PING: idle is a boundary."""
    sent: list[list[bytes]] = []
    streams = [b""]
    pings = 1
    buffer = TINY if tiny else 0
    with Wire(PUSH) as wire:
        window = wire.window
        wire.cut()
        wire.connect(buffer=buffer, codec=codec())
        for action, detail in actions:
            if action == "send":
                message = [pattern(len(sent) * 10 + i, size) for i, size in enumerate(detail)]
                send(wire, message)
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
                wire.cut()
                wire.connect(buffer=buffer, codec=codec())
                streams.append(b"")
        while window.queued() or window.out_event() == WOULD_BLOCK:
            streams[-1] += wire.drain()
            window.out_event()
        streams[-1] += wire.drain()
        window.ping()
        window.write()
        streams[-1] += wire.drain()
        assert window.queued() == 0
    return Played(sent, streams, pings)


def cut_and_resume(
    place: int, first: list[bytes], second: list[bytes], *, codec: MakeCodec, read: Read
) -> None:
    """Two messages; the peer takes `place` octets of them and is gone, then comes back."""
    with Wire(PUSH) as wire:
        wire.cut()
        send(wire, first)
        send(wire, second)
        wire.connect(buffer=TINY, codec=codec())
        got = b""
        while len(got) < place:
            got += wire.peer.recv(place - len(got))
            wire.window.out_event()
        got += wire.drain()
        queued = wire.window.queued()
        wire.cut()
        assert read([got])[0] == [first, second][: 2 - queued]
        wire.connect(codec=codec())
        assert read([got, wire.drain()])[0] == [first, second]
        assert wire.window.queued() == 0


def close_and_flush(size: int, *, codec: MakeCodec, read: Read) -> None:
    """A closed pipe is flushed and gone; half a message is forgotten."""
    with Wire(PUSH) as wire:
        wire.cut()
        wire.window.events()
        wire.window.send(pattern(1, size))
        wire.window.send(b"last")
        wire.window.send(b"half", True)
        wire.connect(buffer=TINY, codec=codec())
        wire.window.close_pipe()
        stream = wire.drain()
        while wire.window.failed is None:
            wire.window.out_event()
            stream += wire.drain()
        assert wire.window.failed == 0
        wire.window.teardown()
        assert not wire.window.connected
        assert sorted(kind for kind, _, _ in wire.window.events()) == [1, 2]
        assert read([stream])[0] == [[pattern(1, size)], [b"last"]]


def break_and_resume(*, codec: MakeCodec, read: Read) -> None:
    """What a broken connection did not take, the next one does."""
    with Wire(PUSH, codec=codec()) as wire:
        wire.peer.close()
        wire.window.send(b"x" * 100)
        wire.window.write()
        assert wire.window.failed is not None
        wire.window.teardown()
        wire.connect(codec=codec())
        assert read([wire.drain()])[0] == [[b"x" * 100]]
