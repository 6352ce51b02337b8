"""Several addresses of one peer: in turn, and beside each other."""

from __future__ import annotations

import errno
import queue
import socket
from collections.abc import Iterator, Sequence

import pytest

from peromq.control.loop import Loop
from peromq.control.race import Race, in_turn
from peromq.transports import Route

TIMEOUT = 10.0


class Owner:
    def fail(self) -> None:
        raise AssertionError


class Addresses:
    """A target whose routes are server addresses, or errno values to fail with at once."""

    def __init__(self) -> None:
        self.dialed: list[object] = []

    def dial(self, route: Route) -> tuple[socket.socket, int]:
        self.dialed.append(route.remote)
        sock = socket.socket()
        sock.setblocking(False)
        if route.remote == "broken":
            sock.close()
            raise OSError(errno.EMFILE, "no more")
        if isinstance(route.remote, int):
            return sock, route.remote
        return sock, sock.connect_ex(route.remote)


class Outcome:
    """What a race tells."""

    def __init__(self, loop: Loop, target: Addresses, remotes: Sequence[object], timeout: int = 0):
        self.begun = 0
        self.given_up = 0
        self._ended: queue.Queue[tuple[socket.socket | None, int]] = queue.Queue()
        self.race = Race(
            loop,
            target,  # type: ignore[arg-type]
            [Route(socket.AF_INET, remote) for remote in remotes],
            timeout,
            Owner(),
            begun=self._count_begun,
            given_up=self._count_given_up,
            ended=lambda *result: self._ended.put(result),
        )
        loop.post(self.race.start)

    def _count_begun(self) -> None:
        self.begun += 1

    def _count_given_up(self, descriptor: int, number: int) -> None:
        assert descriptor >= 0
        self.given_up += 1

    def wait(self) -> tuple[socket.socket | None, int]:
        return self._ended.get(timeout=TIMEOUT)


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop("peromq/test")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Where nobody answers, not even with a refusal: a full listen queue."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        taken = []
        for _ in range(3):
            taken.append(socket.socket())
            taken[-1].setblocking(False)
            taken[-1].connect_ex(full.getsockname())
        yield full.getsockname()
        for sock in taken:
            sock.close()


def refused() -> tuple[str, int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address: tuple[str, int] = sock.getsockname()
        return address


def test_the_first_that_answers_is_taken(loop: Loop, server: socket.socket) -> None:
    target = Addresses()
    outcome = Outcome(loop, target, ["broken", errno.ENETUNREACH, refused(), server.getsockname()])
    connection, number = outcome.wait()
    assert connection is not None
    assert connection.getpeername() == server.getsockname()
    assert number == 0
    connection.close()
    assert len(target.dialed) == 4


def test_all_fail(loop: Loop) -> None:
    outcome = Outcome(loop, Addresses(), [refused(), refused()])
    assert outcome.wait() == (None, errno.ECONNREFUSED)
    assert outcome.given_up == 2
    assert Outcome(loop, Addresses(), []).wait() == (None, errno.EADDRNOTAVAIL)


def test_who_says_nothing_does_not_keep_the_others(
    loop: Loop, server: socket.socket, silent: tuple[str, int]
) -> None:
    outcome = Outcome(loop, Addresses(), [silent, server.getsockname()])
    connection, _ = outcome.wait()
    assert connection is not None
    assert connection.getpeername() == server.getsockname()
    connection.close()
    assert outcome.begun == 2
    assert outcome.given_up == 1


def test_each_has_its_time(loop: Loop, silent: tuple[str, int]) -> None:
    outcome = Outcome(loop, Addresses(), [silent, silent], timeout=20)
    assert outcome.wait() == (None, errno.ETIMEDOUT)
    assert outcome.given_up == 2


def test_cancelled(loop: Loop, silent: tuple[str, int]) -> None:
    outcome = Outcome(loop, Addresses(), [silent, silent])
    loop.run(outcome.race.cancel, TIMEOUT)
    loop.run(outcome.race.cancel, TIMEOUT)
    assert outcome.race._going == {}
    assert outcome.given_up == 0


def test_families_take_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    routes = [Route(six, 1), Route(six, 2), Route(six, 3), Route(four, 4), Route(four, 5)]
    assert [route.remote for route in in_turn(routes)] == [1, 4, 2, 5, 3]
    assert in_turn(routes[:3]) == routes[:3]
    assert in_turn([]) == []
