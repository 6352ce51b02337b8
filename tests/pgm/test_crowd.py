"""One source and up to 200 receivers on virtual time: nobody is left behind, few ask."""

import pytest

from tools.multicast_simulation import Simulation, percentile


@pytest.mark.slow
def test_naks_do_not_grow_with_the_group() -> None:
    """200 receivers that all miss the same packets ask hardly more often than 10."""
    few = Simulation(10, packets=400, loss=0.0, shared=0.05).run()
    many = Simulation(200, packets=400, loss=0.0, shared=0.05).run()
    assert few.distinct == many.distinct or many.distinct > 3
    assert many.naks / many.distinct < 6  # the first losses included, when all are new to it
    assert many.naks / many.distinct < 5 * max(1.0, few.naks / few.distinct)
    assert many.holes / many.naks > 30  # spared


@pytest.mark.slow
def test_nobody_is_left_behind() -> None:
    outcome = Simulation(200, packets=100, loss=0.05).run()
    assert outcome.complete == 200
    assert outcome.lost == 0
    assert outcome.naks < outcome.holes
    assert percentile(outcome.late, 0.5) < 80
    assert percentile(outcome.late, 0.99) < 1000


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.2, 0.5])
def test_a_few_receivers_over_bad_links(loss: float) -> None:
    outcome = Simulation(5, packets=200, loss=loss, seed=3).run()
    assert outcome.complete == 5
    assert outcome.lost == 0
    assert bool(outcome.naks) == bool(loss)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2])
def test_reordered_and_doubled_packets(loss: float) -> None:
    """They overtake each other by up to 30 ms, and one in ten comes twice."""
    outcome = Simulation(5, packets=300, loss=loss, jitter=30.0, copies=0.1, seed=8).run()
    assert outcome.complete == 5
    assert outcome.disordered == outcome.lost == 0


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (Simulation(7, packets=100, loss=0.1, seed=9).run() for _ in range(2))
    assert first == second


def test_what_falls_out_of_the_window_is_lost_and_the_rest_arrives() -> None:
    outcome = Simulation(3, packets=500, loss=0.1, window=10, seed=4).run()
    assert outcome.lost > 0
    assert outcome.complete == 0
    assert outcome.told == outcome.lost
    assert outcome.disordered == 0
