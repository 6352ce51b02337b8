"""`Timers`, on a clock that stands still between two ticks."""

from __future__ import annotations

import pytest

import peromq as zmq


class Clock:
    """In ms."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> int:
        return round(self.now * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timers(clock: Clock) -> zmq.Timers:
    return zmq.Timers(clock)


@pytest.fixture
def called() -> list[str]:
    return []


def test_without_timers_a_poll_may_wait_for_ever(timers: zmq.Timers) -> None:
    assert timers.timeout() == -1
    assert timers.execute() == 0
    assert len(timers) == 0


def test_they_repeat(clock: Clock, timers: zmq.Timers, called: list[str]) -> None:
    timers.add(100, called.append, "x")
    assert timers.timeout() == 100
    assert timers.execute() == 0
    clock.now += 99.5
    assert timers.timeout() == 1
    assert timers.execute() == 0
    clock.now += 0.5
    assert timers.timeout() == 0
    assert timers.execute() == 1
    assert timers.timeout() == 100
    clock.now += 1000
    assert timers.execute() == 1  # one call, however late, and the next interval begins now
    assert timers.timeout() == 100
    assert called == ["x", "x"]


def test_those_that_are_due_in_order(clock: Clock, timers: zmq.Timers, called: list[str]) -> None:
    for name, interval in (("c", 30), ("a", 10), ("b", 20), ("later", 50), ("b2", 20)):
        timers.add(interval, called.append, name)
    clock.now += 40
    assert timers.execute() == 4
    assert called == ["a", "b", "b2", "c"]
    assert timers.timeout() == 10


def test_cancel(clock: Clock, timers: zmq.Timers, called: list[str]) -> None:
    one, other = timers.add(10, called.append, "one"), timers.add(20, called.append, "other")
    timers.cancel(one)
    assert timers.timeout() == 20
    timers.cancel(other)
    assert timers.timeout() == -1
    clock.now += 100
    assert timers.execute() == 0


def test_reset_and_set_interval(clock: Clock, timers: zmq.Timers, called: list[str]) -> None:
    number = timers.add(100, called.append, "x")
    clock.now += 60
    timers.reset(number)
    assert timers.timeout() == 100
    clock.now += 60
    timers.set_interval(number, 100)  # the same: it begins anew all the same
    assert timers.timeout() == 100
    timers.set_interval(number, 10)
    assert timers.timeout() == 10
    clock.now += 10
    assert timers.execute() == 1
    assert timers.timeout() == 10


def test_an_interval_of_nothing_is_called_once_per_execute(timers: zmq.Timers) -> None:
    calls: list[int] = []
    timers.add(0, calls.append, 1)
    assert [timers.execute() for _ in range(3)] == [1, 1, 1]
    assert timers.timeout() == 0


def test_a_handler_may_change_timers(clock: Clock, timers: zmq.Timers, called: list[str]) -> None:
    def once() -> None:
        called.append("once")
        timers.cancel(first)
        timers.cancel(victim)
        timers.set_interval(slowed, 500)
        timers.reset(put_off)
        timers.add(0, called.append, "new")

    first = timers.add(10, once)
    victim = timers.add(20, called.append, "victim")
    slowed = timers.add(20, called.append, "slowed")
    put_off = timers.add(20, called.append, "put off")
    clock.now += 20
    assert timers.execute() == 1
    assert timers.execute() == 1
    assert called == ["once", "new"]
    clock.now += 20
    timers.execute()
    assert sorted(called[2:]) == ["new", "put off"]


def test_what_is_still_due_is_so_for_a_handler(
    clock: Clock, timers: zmq.Timers, called: list[str]
) -> None:
    timeouts = []
    timers.add(10, lambda: timeouts.append(timers.timeout()))
    timers.add(10, lambda: timeouts.append(timers.timeout()))
    clock.now += 10
    assert timers.execute() == 2
    assert timeouts == [0, 10]  # the other one is due, then none


def test_a_handler_may_execute(clock: Clock, timers: zmq.Timers, called: list[str]) -> None:
    """What is due is called once all the same, by the inner of them."""

    def inner() -> None:
        called.append("a")
        assert timers.execute() == 2
        called.append("end of a")

    timers.add(10, inner)
    timers.add(10, called.append, "b")
    timers.add(10, called.append, "c")
    clock.now += 10
    assert timers.execute() == 1
    assert called == ["a", "b", "c", "end of a"]
    assert timers.timeout() == 10


def test_among_those_due_at_once_what_a_handler_adds_comes_first(
    clock: Clock, timers: zmq.Timers, called: list[str]
) -> None:
    """As in libzmq, where a timer's next interval is put down after its handler."""

    def handler() -> None:
        called.append("handler")
        if len(timers) == 1:
            timers.add(10, called.append, "added")

    timers.add(10, handler)
    for _ in range(2):
        clock.now += 10
        timers.execute()
    assert called == ["handler", "added", "handler"]


def test_a_handler_that_puts_itself_off(
    clock: Clock, timers: zmq.Timers, called: list[str]
) -> None:
    """libzmq reads memory that it has freed."""

    def handler() -> None:
        called.append("x")
        clock.now += 3
        timers.reset(number)

    number = timers.add(10, handler)
    clock.now += 10
    assert timers.execute() == 1
    assert timers.timeout() == 10
    clock.now += 9
    assert timers.execute() == 0
    timers.set_interval(number, 20)
    assert timers.timeout() == 20
    assert called == ["x"]


def test_a_handler_that_puts_off_one_that_was_called(
    clock: Clock, timers: zmq.Timers, called: list[str]
) -> None:
    """libzmq frees it twice, or calls it twice from then on."""
    first = timers.add(10, called.append, "first")
    second = timers.add(10, timers.set_interval, first, 15)
    clock.now += 10
    assert timers.execute() == 2
    timers.cancel(second)
    assert timers.timeout() == 15
    clock.now += 15
    assert timers.execute() == 1
    assert called == ["first", "first"]


def test_what_a_handler_raises_comes_out(
    clock: Clock, timers: zmq.Timers, called: list[str]
) -> None:
    timers.add(10, lambda: 1 // 0)
    timers.add(20, called.append, "after it")
    clock.now += 20
    with pytest.raises(ZeroDivisionError):
        timers.execute()
    assert called == []
    assert timers.execute() == 1
    assert called == ["after it"]
    clock.now += 10
    with pytest.raises(ZeroDivisionError):
        timers.execute()  # it goes on


def test_bad_arguments(timers: zmq.Timers) -> None:
    number = timers.add(10, print)
    timers.cancel(number)
    for call in (timers.cancel, timers.reset):
        for bad in (number, 0, -1, 4711):
            with pytest.raises(zmq.ZMQError, match=f"no timer {bad}") as caught:
                call(bad)
            assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError, match="no timer"):
        timers.set_interval(number, 10)
    for interval in (-1, -0.5, float("nan"), float("inf"), 2**63, 1e305):
        with pytest.raises(zmq.ZMQError, match="an interval of") as caught:
            timers.add(interval, print)
        assert caught.value.errno == zmq.EINVAL
    with pytest.raises(TypeError, match="must be callable"):
        timers.add(10, None)  # type: ignore[arg-type]


def test_the_longest_interval(timers: zmq.Timers) -> None:
    """As long as a poll can wait."""
    timers.add(2**63 - 1, print)
    assert timers.timeout() == 2**63 - 1
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        assert socket.poll(timers.timeout(), zmq.POLLOUT)


def test_resetting_for_ever_takes_no_memory(clock: Clock, timers: zmq.Timers) -> None:
    number = timers.add(1000, print)
    for _ in range(10_000):
        clock.now += 0.01
        timers.reset(number)
    assert len(timers._heap) < 100
    assert timers.timeout() == 1000


def test_beside_a_poller() -> None:
    """By the system's clock."""
    calls: list[int] = []
    timers = zmq.Timers()
    timers.add(5, calls.append, 1)
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        while len(calls) < 3:
            assert socket.poll(timers.timeout()) == 0
            timers.execute()
