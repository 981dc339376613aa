"""What a budget policy makes of the issues of a coin world, beside as many turns for each issue.

A policy decides as in a search: what it starts has finished at the next look, in the order in which it was
started. Costs are counted in turns.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from coin_world import Changing, Dials, World, evidence_of
from numpy.typing import NDArray

from swe_scale.policy import Policy, Progress
from swe_scale.ranking import Evidence, Rule

Numbers = NDArray[np.float64]
_CHUNK = 25


@dataclass(frozen=True, slots=True)
class Plan:
    """As many trajectories for each issue, of as many turns."""

    trajectories: int
    turns: int

    @property
    def cost(self) -> int:
        """Turns."""
        return self.trajectories * self.turns


@dataclass(frozen=True, slots=True)
class Spent:
    """What came of many issues."""

    resolved: Numbers
    """By issue, whether the policy's leader is right."""
    turns: Numbers
    """That it spent."""
    fixed: Numbers
    """Whether the leader is right of each plan that it stands beside: issues × plans."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    policy: Policy
    rule: Rule
    most: Plan
    """What an issue may get."""
    plans: Sequence[Plan]
    """Beside which it stands, by their cost."""


def spend(dials: Dials, seed: int, issues: int, trial: Trial) -> Spent:
    """Return what came of so many issues; the processors share them."""
    chunks = [(seed, chunk) for chunk in range(-(-issues // _CHUNK))]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(partial(_chunk, dials, trial), chunks))
    rows = np.array([row for several in parts for row in several][:issues], dtype=np.float64)
    return Spent(rows[:, 0], rows[:, 1], rows[:, 2:])


def beside(spent: Spent, plans: Sequence[Plan]) -> Numbers:
    """Return, by issue, what fixed plans resolve at the policy's mean cost.

    Where the cost lies between two plans, it is so much of the one and so much of the other.
    """
    cost = float(spent.turns.mean())
    above = next((place for place, plan in enumerate(plans) if plan.cost >= cost), len(plans) - 1)
    below = max(0, above - 1)
    width = plans[above].cost - plans[below].cost
    share = min(1.0, (cost - plans[below].cost) / width) if width else 1.0
    return np.asarray(share * spent.fixed[:, above] + (1 - share) * spent.fixed[:, below])


def _chunk(dials: Dials, trial: Trial, seed: tuple[int, int]) -> list[list[float]]:
    world = World(dials, seed)
    most = max(trial.most.trajectories, *(plan.trajectories for plan in trial.plans))
    turns = max(trial.most.turns, *(plan.turns for plan in trial.plans))
    return [_issue(world.changing(most, turns), trial) for _ in range(_CHUNK)]


def _issue(issue: Changing, trial: Trial) -> list[float]:
    state = _State(issue, trial.most)
    while state.goes_on(trial.policy):
        pass
    fixed = [
        _right(issue, dict.fromkeys(range(plan.trajectories), plan.turns), trial) for plan in trial.plans
    ]
    return [_right(issue, state.judged, trial), float(sum(state.aims.values())), *fixed]


@dataclass(slots=True)
class _State:
    """Where a search is: trajectories by number, with their turns."""

    issue: Changing
    most: Plan
    aims: dict[int, int] = field(default_factory=dict)
    """Turns that each has, or is under way to."""
    had: dict[int, int] = field(default_factory=dict)
    """Those that each had when it last stopped."""
    judged: dict[int, int] = field(default_factory=dict)
    """Those after which each was judged."""
    under_way: list[int] = field(default_factory=list)
    evidence: Evidence | None = None

    def goes_on(self, policy: Policy) -> bool:
        """Carry out the next decision; return whether there was one."""
        move = policy.next(self._progress())
        if move is None:
            ended = self.under_way.pop(0)
            self.had[ended] = self.aims[ended]
        elif move.action == "stop":
            return False
        elif move.action == "check":
            self.judged = dict(self.had)
            self.evidence = seen(self.issue, self.judged)
        else:
            one = len(self.aims) if move.trajectory is None else move.trajectory - 1
            self.aims[one] = move.turns or self.most.turns
            self.under_way.append(one)
        return True

    def _progress(self) -> Progress:
        at_rest = [one for one, turns in self.judged.items() if self.aims[one] == turns]
        return Progress(
            self.most.trajectories,
            len(self.aims),
            len(self.aims) - len(self.under_way),
            len(at_rest),
            evidence=self.evidence,
            turns=self.most.turns,
            aside={one + 1: self.had[one] for one in at_rest if self.had[one] < self.most.turns},
            had={one + 1: self.had[one] for one in at_rest},
        )


def seen(issue: Changing, turns: Mapping[int, int]) -> Evidence:
    """Return what a policy sees of some trajectories, by number, after so many turns of each."""
    return evidence_of(issue.after(turns), tuple(one + 1 for one in sorted(turns)))


def _right(issue: Changing, turns: Mapping[int, int], trial: Trial) -> float:
    """Return whether the leader of these trajectories is right."""
    if not turns:
        return 0.0
    leader = int(trial.rule(seen(issue, turns)).ranked[0].candidate, 16) - 1
    return float(issue.right[turns[leader] - 1, leader])
