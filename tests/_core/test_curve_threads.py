"""Two engines, an attached pair of descriptors, keys by hand: boxes between busy threads."""

import socket
from collections.abc import Callable, Iterator

import pytest

from peromq._core.handles import EV_DISCONNECTED, EV_FLUSHED, Engine
from peromq._core.handles_codec import CurveCodec
from peromq._core.handles_watch import ControlCore
from tests._core.wire import DEALER
from tests.helpers import together, wait_until
from tests.oracle.curve import CLIENT, SERVER

KEY = bytes(range(32))
TOKEN = 1


class End:
    """A socket, its engine, and one connection whose wire carries boxes."""

    def __init__(self, fd: int, sends: bytes, hears: bytes) -> None:
        self.engine = Engine(1)
        self.core = ControlCore(self.engine, DEALER)
        codec = CurveCodec(
            key=KEY, send_prefix=sends, recv_prefix=hears, send_nonce=2, recv_nonce=1
        )
        status = self.core.attach(
            TOKEN,
            fd,
            b"",
            routing_id=b"",
            peer_type="DEALER",
            minor=1,
            bound=True,
            properties={},
            codec=codec,
        )
        assert status == 0

    def news(self, kind: int) -> list[int]:
        return [value for found, _, value in self.engine.poll_events() if found == kind]

    def close(self) -> None:
        self.core.close_core()
        self.core.abort_pipe(TOKEN)
        wait_until(lambda: self.news(EV_FLUSHED))
        self.engine.stop()


@pytest.fixture
def ends() -> Iterator[tuple[End, End]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    made = End(near.detach(), CLIENT, SERVER), End(far.detach(), SERVER, CLIENT)
    yield made
    for end in made:
        end.close()


def body(name: int, number: int, size: int) -> bytes:
    return b"%d %d " % (name, number) + b"x" * size


@pytest.mark.parametrize(("count", "size"), [(1500, 0), (600, 400), (60, 40_000)])
def test_threads_send_both_ways(ends: tuple[End, End], count: int, size: int) -> None:
    """Each thread's messages stay in order, none is refused, cut or doubled."""

    def sender(end: End, name: int) -> Callable[[], None]:
        def send() -> None:
            for number in range(count):
                end.core.send(body(name, number, size))

        return send

    def receiver(end: End) -> Callable[[], None]:
        def receive() -> None:
            due = [0, 0]
            for _ in range(2 * count):
                found = end.core.recv()
                name, number = map(int, found.split()[:2])
                assert found == body(name, number, size)
                assert number == due[name]
                due[name] += 1

        return receive

    together(*(work for end in ends for work in (sender(end, 0), sender(end, 1), receiver(end))))
    assert not [value for end in ends for value in end.news(EV_DISCONNECTED)]


def test_a_pipe_is_flushed_before_it_goes(ends: tuple[End, End]) -> None:
    first, second = ends
    for number in range(500):
        first.core.send(body(0, number, 3000))
    first.core.close_pipe(TOKEN)
    for number in range(500):
        assert second.core.recv() == body(0, number, 3000)
    wait_until(lambda: first.news(EV_FLUSHED))
