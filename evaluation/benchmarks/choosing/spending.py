"""What the adaptive policy resolves in a coin world, and at what cost, beside as much for every issue."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from coin_policies import Plan, Spent, Trial, beside, spend
from coin_world import Dials
from harness import Figure, Goal
from resolving import not_below, resolved

from swe_scale.policy.adaptive import Adaptive
from swe_scale.ranking import find_rule
from swe_scale.statistics import paired_bootstrap

USUAL = Plan(10, 8)
MOST = Plan(40, 8)
"""What an issue may get."""
POLICIES = {
    "adaptive": Adaptive(),
    "adaptive, for cost": Adaptive.aiming_at("cost"),
    "adaptive, one turn first": Adaptive(first=1, worth=0.0025),
}
"""As it is by default, and as it suits the coin world, where patch and check are there after one turn: real
trajectories need some more."""
FAMILIES: Mapping[str, list[Plan]] = {
    "N × 8": [Plan(count, 8) for count in (1, 2, 3, 5, 7)] + [USUAL],
    "N × 1": [Plan(count, 1) for count in (8, 12, 16, 24, 40)],
}
"""Fixed plans, by their cost: of as many turns each, and of one."""
PLAIN = Plan(20, 8)
MOVES = {
    "5 of 20 are checks": Plan(20, 8, drafts=5),
    "5 of 20 are forks": Plan(20, 8, forks=5),
    "5 of 20 know what failed": Plan(20, 8, refines=5),
}
"""What may be planned in place of trajectories that begin with the issue."""
_LOOK = 2
"""Turns of a check without a patch where a trajectory's first look takes three."""


def spending(worlds: Mapping[str, Dials], seed: int, issues: int) -> Iterator[Figure]:
    """Yield, for each world, what comes of the policy beside fixed plans."""
    plans = [plan for family in FAMILIES.values() for plan in family]
    for number, (world, dials) in enumerate(worlds.items()):
        fixed = None
        for name, policy in POLICIES.items():
            print(f"{world}, {name} …", file=sys.stderr, flush=True)
            trial = Trial(policy, find_rule("latent"), MOST, plans if fixed is None else ())
            spent = spend(dials, seed + number, issues, trial)
            # All policies are tried on the same issues.
            fixed = spent.fixed if fixed is None else fixed
            yield from _figures(f"{world}: {name}", world, replace(spent, fixed=fixed))


def moving(worlds: Mapping[str, Dials], seed: int, issues: int) -> Iterator[Figure]:
    """Yield, for each world, what comes of checks, forks and refines beside as many plain trajectories."""
    rule = find_rule("latent")
    for number, (world, dials) in enumerate(worlds.items()):
        found = {}
        for name, plan in {"plain": PLAIN, **MOVES}.items():
            print(f"{world}, {name} …", file=sys.stderr, flush=True)
            found[name] = spend(dials, seed + number, issues, Trial(Adaptive(), rule, plan, (), _LOOK))
        plain = found.pop("plain")
        for name, spent in found.items():
            label = f"{world}: adaptive, of which {name}, beside none"
            yield resolved(label, spent.resolved, plain.resolved)
            ours, other = float(spent.turns.mean()), float(plain.turns.mean())
            less = paired_bootstrap(spent.turns.tolist(), plain.turns.tolist())
            yield Figure(
                f"{label}: turns", ours, other, "turns an issue; spread: ours less baseline", ours / other,
                less.interval, issues, None, None,
            )  # fmt: skip
            yield Figure(
                f"{label}: begun", float(spent.taken.sum(axis=1).mean()), None, "of 5, an issue", None, None,
                issues, None, None,
            )  # fmt: skip


def _figures(name: str, world: str, spent: Spent) -> Iterator[Figure]:
    start = 0
    for family, plans in FAMILIES.items():
        part = Spent(spent.resolved, spent.turns, spent.fixed[:, start : start + len(plans)])
        start += len(plans)
        label = f"{name} beside fixed {family} at equal cost"
        yield not_below(label, spent.resolved, beside(part, plans))
    usual = spent.fixed[:, FAMILIES["N × 8"].index(USUAL)]
    label = f"{USUAL.trajectories} × {USUAL.turns}"
    yield resolved(
        f"{name} beside fixed {label}", spent.resolved, usual, -0.01 if world == "middle" else None
    )
    cost, goal = float(spent.turns.mean()), Goal(most=0.5) if world == "middle" else None
    yield Figure(
        f"{name}, turns beside fixed {label}", cost, float(USUAL.cost),
        "turns an issue; spread: quartiles of ours", cost / USUAL.cost,
        (float(np.quantile(spent.turns, 0.25)), float(np.quantile(spent.turns, 0.75))), len(usual),
        str(goal) if goal else None, goal.met(cost, cost / USUAL.cost) if goal else None,
    )  # fmt: skip
