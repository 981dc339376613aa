"""The coin world is as its dials say, and its figures are what they are called."""

import sys
from math import gamma
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))
sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "benchmarks"))

from coin_cells import column, crossings
from coin_methods import measure
from coin_policies import Spent, beside
from coin_world import NULL, REGIMES, World
from selection import risk_area


def beta(one: float, other: float) -> float:
    return gamma(one) * gamma(other) / gamma(one + other)


def test_single_candidates_and_ten_are_right_as_often_as_the_dials_say() -> None:
    dials = REGIMES["middle"]
    world = World(dials, 1)
    right = np.array([world.issue(10).right for _ in range(1500)])
    able = 1 - dials.hopeless
    single = able * dials.successes / (dials.successes + dials.failures)
    none = beta(dials.successes, dials.failures + 10) / beta(dials.successes, dials.failures)
    assert right.mean() == pytest.approx(single, abs=0.04)
    assert right.any(axis=1).mean() == pytest.approx(able * (1 - none), abs=0.04)


def test_further_turns_mend_more_than_they_break_and_never_on_hopeless_issues() -> None:
    dials = REGIMES["middle"]
    first, last = (
        np.array([one.issue(10, turns).right for _ in range(600)])
        for one, turns in ((World(dials, 2), 1), (World(dials, 2), 8))
    )
    assert last.mean() > first.mean() + 0.05
    assert (~last.any(axis=1)).mean() > dials.hopeless - 0.05


def test_own_pairs_agree_but_for_flips_and_null_checks_say_anything() -> None:
    world, null = World(REGIMES["flaky"], 3), World(NULL["null"], 3)
    own = np.array([np.diagonal(world.issue(10).passes) for _ in range(300)])
    assert own.mean() == pytest.approx(1 - REGIMES["flaky"].flip, abs=0.03)
    drawn = [null.issue(10) for _ in range(300)]
    said = {
        right: np.mean([one.passes[one.right == right].mean() for one in drawn if (one.right == right).any()])
        for right in (True, False)
    }
    # One cell of ten is a candidate's own.
    assert said[True] == pytest.approx(0.9 * 0.5 + 0.1, abs=0.04) == pytest.approx(said[False], abs=0.04)


def test_a_judge_that_knows_nothing_gains_nothing() -> None:
    found = measure(NULL["null"], 5, 200, 6, ("raw", "random"))
    gain = found.right["random, judged top 3"] - found.chance
    assert abs(gain.mean()) < 3 * gain.std() / len(gain) ** 0.5
    assert (found.right["random, judged top 3"] <= found.coverage).all()


def test_equal_cost_lies_between_two_sizes() -> None:
    fixed = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    spent = Spent(np.zeros(2), np.array([3.0, 5.0]), fixed)
    assert beside(spent, (2, 6, 9)).tolist() == [0.5, 0.0]
    assert beside(Spent(np.zeros(2), np.array([2.0, 2.0]), fixed), (2, 6, 9)).tolist() == [0.0, 0.0]
    assert beside(Spent(np.zeros(2), np.array([20.0, 20.0]), fixed), (2, 6, 9)).tolist() == [1.0, 1.0]


def test_the_area_under_risk_and_coverage() -> None:
    right = np.array([1.0, 0.0, 1.0, 0.0])
    assert risk_area(right, np.array([0.9, 0.2, 0.8, 0.1])) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert risk_area(right, -np.array([0.9, 0.2, 0.8, 0.1])) == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)


def test_cells_are_spared_and_under_votes_nothing_changes() -> None:
    found = crossings(REGIMES["middle"], 6, 12, 8, "votes")
    assert not any(one.leader or one.finalists or one.shift for one in found)
    assert 0 < column(found, "share").mean() < 1 and 0 < column(found, "wall").mean() < 1.05


def test_the_belief_spares_cells_too() -> None:
    found = crossings(REGIMES["good"], 6, 6, 8, "latent")
    assert 0 < column(found, "share").mean() <= 1
