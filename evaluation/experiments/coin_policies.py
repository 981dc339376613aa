"""What a budget policy makes of the issues of a coin world, beside as many trajectories for each issue.

A policy decides as in a search; what it starts is taken from the issue's trajectories in their order, and has
finished at once. Costs are counted in turns.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from coin_world import Dials, Drawn, World, evidence_of
from numpy.typing import NDArray

from swe_scale.policy import Policy, Progress
from swe_scale.ranking import Rule

Numbers = NDArray[np.float64]
_CHUNK = 25


@dataclass(frozen=True, slots=True)
class Spent:
    """What came of many issues."""

    resolved: Numbers
    """By issue, whether the policy's leader is right."""
    trajectories: Numbers
    """That it started."""
    fixed: Numbers
    """Whether the leader of the first so many is right: issues × sizes."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    policy: Policy
    rule: Rule
    most: int
    """Trajectories that an issue may get."""
    turns: int
    """Of each of them."""
    sizes: Sequence[int]
    """Numbers of trajectories that it stands beside."""


def spend(dials: Dials, seed: int, issues: int, trial: Trial) -> Spent:
    """Return what came of so many issues; the processors share them."""
    chunks = [(seed, chunk) for chunk in range(-(-issues // _CHUNK))]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(partial(_chunk, dials, trial), chunks))
    rows = [row for several in parts for row in several][:issues]
    return Spent(
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([row[1] for row in rows], dtype=np.float64),
        np.array([row[2:] for row in rows], dtype=np.float64),
    )


def beside(spent: Spent, sizes: Sequence[int]) -> Numbers:
    """Return, by issue, what a fixed number of trajectories resolves at the policy's mean cost.

    Where the cost lies between two sizes, it is so much of the one and so much of the other.
    """
    cost = float(spent.trajectories.mean())
    above = next((place for place, size in enumerate(sizes) if size >= cost), len(sizes) - 1)
    below = max(0, above - 1)
    width = sizes[above] - sizes[below]
    share = min(1.0, (cost - sizes[below]) / width) if width else 1.0
    return np.asarray(share * spent.fixed[:, above] + (1 - share) * spent.fixed[:, below])


def _chunk(dials: Dials, trial: Trial, seed: tuple[int, int]) -> list[list[float]]:
    world = World(dials, seed)
    return [_issue(world.issue(trial.most, trial.turns), trial) for _ in range(_CHUNK)]


def _issue(drawn: Drawn, trial: Trial) -> list[float]:
    started = finished = checked = 0
    while True:
        evidence = evidence_of(_first(drawn, checked)) if checked else None
        move = trial.policy.next(Progress(trial.most, started, finished, checked, evidence=evidence))
        if move is None:
            finished += 1
        elif move.action == "start":
            started += 1
        elif move.action == "check":
            checked = finished
        else:
            break
    fixed = [_right(drawn, size, trial.rule) for size in trial.sizes]
    return [_right(drawn, checked, trial.rule), float(started), *fixed]


def _first(drawn: Drawn, size: int) -> Drawn:
    return Drawn(drawn.right[:size], drawn.passes[:size, :size], drawn.base[:size], drawn.rate)


def _right(drawn: Drawn, size: int, rule: Rule) -> float:
    leader = rule(evidence_of(_first(drawn, size))).ranked[0].candidate
    return float(drawn.right[int(leader, 16) - 1])
