"""Blocking calls elsewhere."""

import threading
from functools import partial

from peromq.control.resolver import Resolver

TIMEOUT = 10.0


def join_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "peromq/resolver":
            thread.join(TIMEOUT)


def test_a_slow_call_does_not_hold_up_the_others() -> None:
    resolver = Resolver(max_threads=2)
    gate, done = threading.Event(), threading.Semaphore(0)
    resolver.submit(lambda: gate.wait(TIMEOUT) and None)
    for _ in range(20):
        resolver.submit(done.release)
    for _ in range(20):
        assert done.acquire(timeout=TIMEOUT)
    gate.set()
    join_threads()


def test_threads_are_few_and_end_with_the_work() -> None:
    resolver = Resolver(max_threads=3)
    gate = threading.Event()
    for _ in range(20):
        resolver.submit(lambda: gate.wait(TIMEOUT) and None)
    assert sum(thread.name == "peromq/resolver" for thread in threading.enumerate()) == 3
    gate.set()
    join_threads()


def test_what_is_taken_back_is_not_called() -> None:
    resolver = Resolver(max_threads=1)
    gate, called = threading.Event(), []
    resolver.submit(lambda: gate.wait(TIMEOUT) and None)
    unwanted = partial(called.append, 1)
    resolver.submit(unwanted)
    resolver.submit(partial(called.append, 2))
    resolver.take_back(unwanted)
    resolver.take_back(unwanted)
    gate.set()
    join_threads()
    assert called == [2]


def test_clear_forgets_what_has_not_begun() -> None:
    resolver = Resolver(max_threads=1)
    gate, begun, called = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        gate.wait(TIMEOUT)

    resolver.submit(block)
    assert begun.wait(TIMEOUT)
    resolver.submit(called.set)
    resolver.clear()
    gate.set()
    join_threads()
    assert not called.is_set()
