"""What more compute would bring: that the leader is wrong, and a further patch is right."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swe_scale.policy.agreed import said
from swe_scale.policy.progress import Progress
from swe_scale.ranking import Evidence, believed
from swe_scale.ranking.latent import Belief, Prior

Numbers = NDArray[np.float64]
_NOTHING = Evidence((), {}, (), ())
_RED = 0.5
"""Probability of being wrong that a leader has at least while most checks that speak of it are red."""


@dataclass(frozen=True, slots=True)
class Gains:
    """Probabilities that something puts a right patch in the place of a wrong one."""

    belief: Belief
    prior: Prior
    lost: Numbers
    """By case, how much it counts that the leader is wrong there and can be put behind, and nothing under way
    is right."""
    right: NDArray[np.int64]
    """By case, how many trajectories are right."""
    wrong: NDArray[np.int64]
    """How many aren't: those that are under way, too, where they still matter."""
    able: Numbers
    """By case, the probability that the issue isn't hopeless."""
    coming: float
    """What those that are under way bring, if they are like new ones."""
    groups: Mapping[int, int]
    """By trajectory, the number of the group that its candidate belongs to."""

    @classmethod
    def of(cls, progress: Progress, first: int) -> "Gains":
        """Return what can be gained; what those bring that are under way is gained already.

        Args:
            progress: what there is.
            first: replies of a new trajectory. Those that went on in vain speak for a hopeless issue.
        """
        seen, under_way = progress.evidence or _NOTHING, progress.started - progress.finished
        prior = seen.prior or Prior()
        belief = believed(seen)
        right = belief.cases.astype(np.int64) @ np.array(belief.sizes, dtype=np.int64)
        wrong = np.maximum(progress.checked, sum(belief.sizes)) - right
        lost = np.ones(len(belief.cases))
        if belief.groups:
            leader = int(belief.right.argmax())
            # Who is wrong in a way that checks hardly see stays the leader, whoever else comes.
            lost = (~belief.cases[:, leader] & ~belief.subtle[:, leader]).astype(np.float64)
            passed, failed = said(seen, belief.groups[leader][0])
            if failed > passed:
                lost = np.maximum(lost, _RED)
        in_vain = sum(max(0, had - first) for had in progress.had.values())
        able = prior.able(right, wrong, in_vain)
        failing = 1 - able * prior.some_right(right, wrong, under_way)
        numbers = {name: number for number, group in enumerate(belief.groups) for name in group}
        groups = {
            author: numbers[one.id] for one in seen.candidates if one.id in numbers for author in one.authors
        }
        coming = float((lost * (1 - failing)).mean())
        return cls(belief, prior, lost * failing, right, wrong + under_way, able, coming, groups)

    def of_start(self, count: int = 1) -> float:
        """Return what so many further trajectories bring."""
        return float((self.lost * self.able * self.prior.some_right(self.right, self.wrong, count)).mean())

    def of_replies(self, trajectory: int, more: int) -> float:
        """Return what further replies of a trajectory bring: one without a candidate is like new."""
        if trajectory not in self.groups:
            return self.of_start()
        group = self.groups[trajectory]
        wrong = ~self.belief.cases[:, group] & ~self.belief.subtle[:, group]
        mended = 1 - (1 - self.prior.mended) ** more
        return float((self.lost * self.able * wrong).mean() * mended)
