"""What a budget policy makes of the issues of a coin world, beside as many turns for each issue.

A policy decides as in a search: what it starts has finished at the next look, in the order in which it was
started. Costs are counted in turns.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from coin_evidence import evidence_of
from coin_world import Changing, Dials, World
from numpy.typing import NDArray

from swe_scale.policy import Move, Planned, Policy, Progress
from swe_scale.ranking import Evidence, Rule

Numbers = NDArray[np.float64]
_CHUNK = 25
_KINDS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """As many trajectories for each issue, of as many turns."""

    trajectories: int
    turns: int
    drafts: int = 0
    """Of the trajectories, those that write a check and no patch."""
    refines: int = 0
    """Those that begin anew and know what failed: here, as any other."""
    forks: int = 0
    """Those that go on from the leader."""

    @property
    def planned(self) -> tuple[Planned, ...]:
        """All of them, as a policy knows them."""
        late = [Planned(0, "notes")] * self.refines + [Planned(0, "best")] * self.forks
        drafts = [Planned(0, writes="check")] * self.drafts
        plain = [Planned(0)] * (self.trajectories - len(late) - len(drafts))
        return tuple(replace(one, index=index) for index, one in enumerate((*plain, *drafts, *late), 1))

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
    taken: Numbers = field(default_factory=lambda: np.zeros((0, _KINDS)))
    """Checks without a patch, trajectories that know what failed, and forks that it started: issues × 3."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    policy: Policy
    rule: Rule
    most: Plan
    """What an issue may get."""
    plans: Sequence[Plan]
    """Beside which it stands, by their cost."""
    look: int = 1
    """Turns that a check takes without a patch."""


def spend(dials: Dials, seed: int, issues: int, trial: Trial) -> Spent:
    """Return what came of so many issues; the processors share them."""
    chunks = [(seed, chunk) for chunk in range(-(-issues // _CHUNK))]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(partial(_chunk, dials, trial), chunks))
    rows = np.array([row for several in parts for row in several][:issues], dtype=np.float64)
    return Spent(rows[:, 0], rows[:, 1], rows[:, 2:-_KINDS], rows[:, -_KINDS:])


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
    several = (trial.most, *trial.plans)
    most, turns = max(one.trajectories for one in several), max(one.turns for one in several)
    return [_issue(world.changing(most, turns), trial) for _ in range(_CHUNK)]


def _issue(issue: Changing, trial: Trial) -> list[float]:
    state = _State(issue, trial, trial.most.planned)
    while state.goes_on():
        pass
    fixed = [
        _right(issue, seen(issue, turns), turns, trial)
        for turns in (dict.fromkeys(range(plan.trajectories), plan.turns) for plan in trial.plans)
    ]
    ours = _right(state.issue, state.evidence, state.judged, trial)
    return [ours, float(sum(state.aims.values())), *fixed, *state.taken]


@dataclass(slots=True)
class _State:
    """Where a search is: trajectories by number, with their turns."""

    issue: Changing
    trial: Trial
    plan: tuple[Planned, ...]
    aims: dict[int, int] = field(default_factory=dict)
    """Turns that each has, or is under way to."""
    had: dict[int, int] = field(default_factory=dict)
    """Those that each had when it last stopped."""
    judged: dict[int, int] = field(default_factory=dict)
    """Those after which each was judged."""
    under_way: list[int] = field(default_factory=list)
    forks: set[int] = field(default_factory=set)
    evidence: Evidence | None = None

    def goes_on(self) -> bool:
        """Carry out the next decision; return whether there was one."""
        progress = self._progress()
        move = self.trial.policy.next(progress)
        if move is None:
            ended = self.under_way.pop(0)
            self.had[ended] = self.aims[ended]
        elif move.action == "stop":
            return False
        elif move.action == "check":
            self.judged = dict(self.had)
            self.evidence = seen(self.issue, self.judged, self._drafts, self.forks)
        else:
            self._spend(move, progress)
        return True

    def _spend(self, move: Move, progress: Progress) -> None:
        late = move.action in ("refine", "fork")
        several = progress.behind if late else progress.ahead
        one = (several[0].index if move.trajectory is None else move.trajectory) - 1
        if move.action == "fork" and self.evidence is not None:
            parent = _leader(self.evidence, self.trial)
            self.issue = self.issue.forked(one, parent, self.judged[parent])
            self.forks.add(one)
        self.aims[one] = self.trial.look if one in self._drafts else move.turns or self.trial.most.turns
        self.under_way.append(one)

    @property
    def _drafts(self) -> frozenset[int]:
        return frozenset(one.index - 1 for one in self.plan if one.writes == "check")

    @property
    def taken(self) -> list[float]:
        """How many checks without a patch, trajectories that know what failed, and forks were started."""
        known = [one for one in self.plan if one.index - 1 in self.aims]
        drafts, refines = (sum(one.writes == "check" for one in known), sum(one.late for one in known))
        return [float(drafts), float(refines - len(self.forks)), float(len(self.forks))]

    def _progress(self) -> Progress:
        at_rest = [one for one, turns in self.judged.items() if self.aims[one] == turns]
        most, late = self.trial.most.turns, tuple(one for one in self.plan if one.late)
        return Progress(
            len(self.plan) - len(late),
            len(self.aims),
            len(self.aims) - len(self.under_way),
            len(at_rest),
            tuple(one.start for one in late),
            len(self.evidence.candidates) if self.evidence else 0,
            evidence=self.evidence,
            turns=most,
            aside={
                one + 1: self.had[one] for one in at_rest if self.had[one] < most and one not in self._drafts
            },
            had={one + 1: self.had[one] for one in at_rest},
            begun=tuple(one + 1 for one in self.aims),
            plan=self.plan,
        )


def seen(
    issue: Changing, turns: Mapping[int, int], drafts: Collection[int] = (), forks: Collection[int] = ()
) -> Evidence:
    """Return what a policy sees of some trajectories, by number, after so many turns of each.

    A fork that has changed nothing is no other candidate, and has the check that it was given.
    """
    told = {one: had for one, had in turns.items() if one not in forks or issue.changed(one, had)}
    names = tuple(one + 1 for one in sorted(told))
    return evidence_of(issue.after(told), names, [one + 1 for one in drafts], [one + 1 for one in forks])


def _leader(evidence: Evidence, trial: Trial) -> int:
    return int(trial.rule(evidence).ranked[0].candidate, 16) - 1


def _right(issue: Changing, evidence: Evidence | None, turns: Mapping[int, int], trial: Trial) -> float:
    """Return whether the leader of these trajectories is right."""
    if evidence is None or not evidence.candidates:
        return 0.0
    leader = _leader(evidence, trial)
    return float(issue.right[turns[leader] - 1, leader])
