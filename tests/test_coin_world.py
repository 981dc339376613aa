"""The coin world is as its dials say, and its figures are what they are called."""

import sys
from dataclasses import replace
from math import gamma
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))
sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "benchmarks"))

from coin_advice import AHEAD, missed, true_coverage
from coin_cells import crossings
from coin_methods import measure
from coin_policies import Plan, Spent, Trial, beside, seen, spend
from coin_world import NULL, REGIMES, World
from selection import risk_area

from swe_scale.policy import Action, Move, Progress
from swe_scale.policy.deepening import IterativeDeepening
from swe_scale.ranking import find_rule
from swe_scale.records import BASE


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
    world = World(dials, 2)
    right = np.array([world.changing(10, 8).right for _ in range(600)])
    hopeless = ~right.any(axis=(1, 2))
    assert hopeless.mean() == pytest.approx(dials.hopeless, abs=0.06)
    wrong, kept = ~right[~hopeless, 0], right[~hopeless, 0]
    assert right[~hopeless, 1][wrong].mean() == pytest.approx(dials.repaired, abs=0.02)
    assert 1 - right[~hopeless, 1][kept].mean() == pytest.approx(dials.broken, abs=0.01)


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


def test_equal_cost_lies_between_two_plans() -> None:
    fixed, plans = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]), [Plan(2, 1), Plan(3, 2), Plan(1, 9)]
    assert beside(Spent(np.zeros(2), np.array([3.0, 5.0]), fixed), plans).tolist() == [0.5, 0.0]
    assert beside(Spent(np.zeros(2), np.array([2.0, 2.0]), fixed), plans).tolist() == [0.0, 0.0]
    assert beside(Spent(np.zeros(2), np.array([20.0, 20.0]), fixed), plans).tolist() == [1.0, 1.0]


def test_a_policy_spends_what_it_decides_on() -> None:
    trial = Trial(IterativeDeepening(first=2, sure=2.0), find_rule("latent"), Plan(3, 8), [Plan(3, 8)])
    spent = spend(REGIMES["middle"], 6, 20, trial)
    assert spent.turns.tolist() == [24.0] * 20
    assert spent.resolved.tolist() == spent.fixed[:, 0].tolist(), "all went to the end"
    early = spend(REGIMES["middle"], 6, 20, replace(trial, policy=IterativeDeepening(first=2, sure=0.0)))
    assert early.turns.tolist() == [6.0] * 20


class Greedy:
    """Takes all that waits, one after the other."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move."""
        if progress.finished < progress.started:
            return None
        if progress.checked < progress.finished:
            return Move("check", "")
        one = next(iter(progress.waiting), None)
        actions: dict[str, Action] = {"notes": "refine", "best": "fork"}
        return Move(actions.get(one.start, "start"), "", one.index, 3) if one else Move("stop", "")


def test_checks_and_forks_cost_what_they_take_and_only_as_many_as_are_planned() -> None:
    most = Plan(9, 8, drafts=2, refines=1, forks=3)
    assert [(one.start, one.writes) for one in most.planned] == [
        *[("scratch", "patch")] * 3, *[("scratch", "check")] * 2,
        ("notes", "patch"), *[("best", "patch")] * 3,
    ]  # fmt: skip
    spent = spend(REGIMES["middle"], 6, 10, Trial(Greedy(), find_rule("latent"), most, [], look=2))
    assert spent.taken.tolist() == [[2.0, 1.0, 3.0]] * 10
    assert spent.turns.tolist() == [3.0 * 3 + 2 * 2 + 3 + 3 * 3] * 10
    assert spent.fixed.shape == (10, 0) and {*spent.resolved.tolist()} <= {0.0, 1.0}


def test_a_fork_is_what_it_began_with_until_a_turn_mends_or_breaks_it() -> None:
    mending = World(replace(REGIMES["middle"], hopeless=0.0, repaired=1.0, broken=0.0), 8).changing(4, 3)
    breaking = World(replace(REGIMES["middle"], repaired=0.0, broken=1.0), 8).changing(4, 3)
    for issue, last in ((mending, True), (breaking, False)):
        for parent in (0, 1, 2):
            fork = issue.forked(3, parent, 1)
            assert fork.right[:, 3].tolist() == [last] * 3
            assert fork.changed(3, 2) == (bool(issue.right[0, parent]) != last)
            assert (fork.right[:, :3] == issue.right[:, :3]).all()
            told = seen(fork, {parent: 1, 3: 2}, forks=[3])
            assert len(told.candidates) == 1 + fork.changed(3, 2) and len(told.checks) == 1
    hopeless = World(replace(REGIMES["middle"], hopeless=1.0, repaired=1.0), 8).changing(2, 3)
    assert not hopeless.forked(1, 0, 1).right.any()


def test_who_writes_a_check_alone_brings_no_candidate() -> None:
    issue = World(REGIMES["middle"], 8).changing(4, 2)
    whole, alone = (seen(issue, dict.fromkeys(range(4), 1), drafts) for drafts in ((), (1, 3)))
    assert [one.authors for one in alone.candidates] == [(1,), (3,)] and alone.checks == whole.checks
    ids = {one.id for one in alone.candidates} | {BASE}
    assert alone.verdicts == tuple(one for one in whole.verdicts if one.candidate in ids)


def test_after_a_turn_nothing_changes_but_what_was_mended_or_broken() -> None:
    issue = World(replace(REGIMES["middle"], hopeless=0.0, repaired=0.5), 8).changing(6, 4)
    some = issue.after({0: 1, 2: 4, 5: 2})
    assert some.right.tolist() == [issue.right[0, 0], issue.right[3, 2], issue.right[1, 5]]
    first, second = (issue.after(dict.fromkeys(range(6), turns)) for turns in (1, 2))
    same = np.flatnonzero(issue.right[0] == issue.right[1])
    assert (first.passes[np.ix_(same, same)] == second.passes[np.ix_(same, same)]).all()


def test_what_laws_are_said_to_miss_is_beside_the_truth() -> None:
    dials = REGIMES["middle"]
    world = World(dials, 4)
    rates = np.array([world.issue(2).rate for _ in range(4000)])
    assert (rates == 0).mean() == pytest.approx(dials.hopeless, abs=0.03)
    assert true_coverage(dials, AHEAD) == pytest.approx((1 - (1 - rates) ** AHEAD).mean(), abs=0.03)
    found = missed(dials, issues=400, samples=10, seed=1)
    assert abs(found.errors["zero-inflated beta-binomial"]) < 0.06
    assert min(found.errors["plain beta-binomial"], found.errors["exponentiated power law"]) > 0.06
    assert not found.held["exponentiated power law"]


def test_the_area_under_risk_and_coverage() -> None:
    right = np.array([1.0, 0.0, 1.0, 0.0])
    assert risk_area(right, np.array([0.9, 0.2, 0.8, 0.1])) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert risk_area(right, -np.array([0.9, 0.2, 0.8, 0.1])) == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)


def test_cells_are_spared_and_nothing_changes() -> None:
    found = crossings(REGIMES["middle"], 6, 12, 8)
    assert not any(one.leader or one.finalists or one.shift for one in found)
    assert all(0 < one.cells.ours <= one.cells.full for one in found)
    assert sum(one.cells.ours for one in found) < 0.95 * sum(one.cells.full for one in found)
    assert sum(one.wall.ours for one in found) < sum(one.wall.full for one in found)
