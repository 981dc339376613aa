"""Asks one model after the other, the next one only where those before it leave enough to gain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

import numpy as np

from swe_scale.policy.agreed import UntilAgreed
from swe_scale.policy.gains import Gains
from swe_scale.policy.progress import Move, Policy, Progress

_CONSISTENT = UntilAgreed(ahead=0.85)
"""Two of two agree, or four of five."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """Lets another policy spend the trajectories of one model at a time.

    After ModelSwitch (arXiv 2504.00762): a second model is asked only where the answers of the first aren't
    consistent, which here is that one change is ahead of all others and passes the checks. Nor is it asked
    where too little is to be gained: that the leader is wrong and one of its trajectories right. How alike
    two models fail isn't known: half of that is reckoned as if the next one found the issue as hard as those
    before, half as if it had nothing in common with them.
    """

    policy: Policy
    tiers: Sequence[Sequence[int]]
    """Indices of the trajectories, by the model that makes them, the first ones first."""
    worth: float = 0.025
    """Probability of a gain, per trajectory of the next model, below which it isn't asked."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        begun = frozenset(progress.begun)
        here = max((place for place, tier in enumerate(self.tiers) if begun & {*tier}), default=0)
        left = [index for index in self.tiers[here] if index not in begun]
        last = here + 1 == len(self.tiers)
        early = sum(index in begun for tier in self.tiers for index in tier)
        known = begun.union(left)
        seen = replace(
            progress,
            planned=early + len(left),
            late=progress.late if last else (),
            plan=tuple(one for one in progress.plan if one.index in known or (last and one.late)),
        )
        move = self.policy.next(seen)
        if move is None:
            return None
        if move.action == "start":
            return replace(move, trajectory=move.trajectory if move.trajectory in left else left[0])
        if move.action != "stop" or last:
            return move
        return self._switch(move, progress, self.tiers[here + 1])

    def _switch(self, stop: Move, progress: Progress, following: Sequence[int]) -> Move:
        """Return the first move of the next model; the stop where it isn't worth it."""
        if agreed := _CONSISTENT.agreed(progress.evidence):
            return replace(stop, reason=f"the next model isn't asked: {agreed}")
        gain, best = self._gain(progress, len(following))
        told = f"the leader is right with probability {best:.2f}"
        if gain >= self.worth * len(following):
            more = f"{len(following)} trajectories of the next model may gain {gain:.3f}"
            return Move("start", f"{told}: {more}", trajectory=following[0])
        return replace(stop, reason=f"{told}: the next model would gain {gain:.3f}, less than it is worth")

    def _gain(self, progress: Progress, more: int) -> tuple[float, float]:
        """Return the probability that the next model's patch replaces a wrong leader, and the leader's."""
        gains = Gains.of(progress, progress.turns)
        best = float(gains.belief.right.max(initial=0.0))
        apart = gains.beatable * (1 - exp(float(gains.prior.of_counts(np.array([0]), np.array([more]))[0])))
        return (gains.of_start(more) + apart) / 2, best
