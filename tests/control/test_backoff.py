"""Waits between attempts to connect."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.control.backoff import Backoff


@pytest.mark.parametrize("interval", [-1, 0])
@pytest.mark.parametrize("maximum", [0, 1000])
def test_without_an_interval_there_is_no_next_attempt(interval: int, maximum: int) -> None:
    assert Backoff(interval, maximum, Random(1)).next_wait() is None


@given(st.integers(1, 10_000), st.integers())
def test_without_a_maximum_the_wait_is_one_to_two_intervals(interval: int, seed: int) -> None:
    backoff = Backoff(interval, 0, Random(seed))
    for _ in range(20):
        wait = backoff.next_wait()
        assert wait is not None
        assert interval <= wait < 2 * interval


@given(st.integers(1, 1000), st.integers(1, 100_000), st.integers())
def test_with_a_maximum_the_wait_doubles_up_to_it(interval: int, maximum: int, seed: int) -> None:
    backoff = Backoff(interval, maximum, Random(seed))
    for attempt in range(20):
        ideal = min(interval * 2**attempt, maximum)
        wait = backoff.next_wait()
        assert wait is not None
        assert ideal - ideal // 4 <= wait <= ideal


def test_reset_starts_with_the_shortest_wait() -> None:
    backoff = Backoff(100, 10_000, Random(1))
    for _ in range(5):
        backoff.next_wait()
    backoff.reset()
    wait = backoff.next_wait()
    assert wait is not None
    assert wait <= 100


def test_waits_spread() -> None:
    waits = {Backoff(100, 0, Random(seed)).next_wait() for seed in range(50)}
    assert len(waits) > 10
