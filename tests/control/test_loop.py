"""The control thread's loop: order, survival, reentrancy, bounded timers."""

import gc
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from peromq.control.loop import READ, Loop

TIMEOUT = 10.0


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop("peromq/test")
    made.start()
    yield made
    made.stop()


class Owner:
    def __init__(self) -> None:
        self.failed = threading.Event()

    def fail(self) -> None:
        self.failed.set()


def test_posted_callbacks_run_in_order_in_the_thread(loop: Loop) -> None:
    seen: list[int] = []
    done = threading.Event()
    for number in range(100):
        loop.post(lambda number=number: seen.append(number))  # type: ignore[misc]
    loop.post(lambda: seen.append(threading.get_ident()))
    loop.post(done.set)
    assert done.wait(TIMEOUT)
    assert seen[:-1] == list(range(100))
    assert seen[-1] != threading.get_ident()


def test_timers_fire_in_order_of_time_and_cancelled_ones_do_not(loop: Loop) -> None:
    seen: list[str] = []
    done = threading.Event()

    def arm() -> None:
        loop.later(0.2, done.set)
        loop.later(0.01, lambda: seen.append("b"))
        loop.later(0.0, lambda: seen.append("a"))
        loop.later(0.005, lambda: seen.append("never")).cancel()

    loop.post(arm)
    assert done.wait(TIMEOUT)
    assert seen == ["a", "b"]


def test_cancelled_timers_do_not_pile_up(loop: Loop) -> None:
    def churn() -> None:
        for _ in range(10_000):
            loop.later(1000, lambda: None).cancel()

    loop.run(churn, TIMEOUT)
    assert len(loop._timers) < 200


def test_thousands_of_timers_at_once_let_others_have_their_turn(loop: Loop) -> None:
    """As when a crowd of silent strangers has run out of time."""
    fired: list[int] = []
    before: list[int] = []
    done = threading.Event()

    def arm() -> None:
        for number in range(2000):
            loop.later(0.0, lambda number=number: fired.append(number))  # type: ignore[misc]
        loop.post(lambda: before.append(len(fired)))
        loop.later(0.001, done.set)

    loop.post(arm)
    assert done.wait(TIMEOUT)
    assert fired == list(range(2000))
    assert before[0] < 100


def test_a_very_late_timer_does_not_break_the_loop(loop: Loop) -> None:
    loop.run(lambda: loop.later(2**40, lambda: None) and None, TIMEOUT)
    done = threading.Event()
    loop.post(done.set)
    assert done.wait(TIMEOUT)


def test_stop_in_the_loops_own_thread_begins_the_end() -> None:
    loop = Loop("peromq/test")
    loop.start()
    loop.post(loop.stop)
    loop._thread.join(TIMEOUT)
    assert loop.post(loop.stop) is False


def test_an_exception_ends_its_owner_and_nothing_else(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    owner = Owner()
    loop.post(lambda: 1 // 0, owner)  # type: ignore[arg-type, return-value]
    done = threading.Event()
    loop.post(done.set)
    assert done.wait(TIMEOUT)
    assert owner.failed.is_set()
    assert "ZeroDivisionError" in caplog.text


def test_a_watch_cancelled_by_an_earlier_callback_is_not_called(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    seen: list[int] = []
    done = threading.Event()

    def arm() -> None:
        watches = []

        def first_come(number: int) -> None:
            seen.append(number)
            for watch in watches:
                watch.cancel()
            done.set()

        for number, (ours, theirs) in enumerate(pairs):
            theirs.send(b"x")
            watches.append(
                loop.watch(ours.fileno(), READ, lambda number=number: first_come(number))  # type: ignore[misc]
            )

    loop.post(arm)
    assert done.wait(TIMEOUT)
    loop.run(lambda: None, TIMEOUT)
    assert len(seen) == 1
    for pair in pairs:
        for end in pair:
            end.close()


def test_run_waits_for_the_call_and_runs_inline_in_the_thread(loop: Loop) -> None:
    seen: list[str] = []
    loop.run(lambda: loop.run(lambda: seen.append("inner"), 0), TIMEOUT)
    assert seen == ["inner"]


def test_a_finalizer_may_post_from_anywhere(loop: Loop) -> None:
    done = threading.Event()

    class Cyclic:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            loop.post(done.set)

    Cyclic()
    gc.collect()
    assert done.wait(TIMEOUT)


def test_stop_runs_what_was_posted_and_refuses_the_rest() -> None:
    loop = Loop("peromq/test")
    loop.start()
    done = threading.Event()
    loop.post(done.set)
    loop.stop()
    loop.stop()
    assert done.is_set()
    assert loop.post(done.clear) is False
    loop.run(done.clear, TIMEOUT)  # returns at once


def test_a_loop_never_started_leaves_nothing() -> None:
    before = set(os.listdir("/proc/self/fd"))
    Loop("peromq/test").stop()
    assert set(os.listdir("/proc/self/fd")) == before
