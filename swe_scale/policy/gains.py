"""What more compute would bring: that the leader is wrong, and a further patch is right."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from swe_scale.policy.agreed import said
from swe_scale.policy.progress import Progress
from swe_scale.policy.telling import Told
from swe_scale.ranking import Evidence, believed
from swe_scale.ranking.latent import Belief, Prior

Numbers = NDArray[np.float64]
_NOTHING = Evidence((), {}, (), ())
_RED = 0.5
"""Probability of being wrong that a leader has at least while most checks that speak of it are red."""
_HEEDS = 0.5
"""Probability that a trajectory which knows that a change fails doesn't make it again: assumed."""
_FASHION = 1.2
"""Concentration of the ways to be wrong: of w wrong ones, the next wrong one repeats any with w / (w + this).
It is the middle of what beliefs leave open."""


@dataclass(frozen=True, slots=True)
class Gains:
    """Probabilities that something puts a right patch in the place of a wrong one."""

    seen: Evidence
    belief: Belief
    prior: Prior
    lost: Numbers
    """By case, how much it counts that the leader is wrong there and can be put behind, and nothing under way
    is right."""
    right: NDArray[np.int64]
    """By case, how many trajectories are right, of those that came to it by themselves."""
    wrong: NDArray[np.int64]
    """How many aren't: those that are under way, too, where they still matter."""
    able: Numbers
    """By case, the probability that the issue isn't hopeless."""
    coming: float
    """What those that are under way bring, if they are like new ones."""
    drafting: int
    """How many of these write a check and no patch."""
    checks: int
    """How many of these write a check: all but forks, which keep the one that they were given."""
    groups: Mapping[int, int]
    """By trajectory, the number of the group that its candidate belongs to."""
    forks: frozenset[int]
    """Trajectories that began with the best patch."""

    @classmethod
    def of(cls, progress: Progress, first: int) -> "Gains":
        """Return what can be gained; what those bring that are under way is gained already.

        Args:
            progress: what there is.
            first: replies of a new trajectory. Those that went on in vain speak for a hopeless issue.
        """
        seen, under_way = progress.evidence or _NOTHING, _UnderWay.of(progress)
        prior = seen.prior or Prior()
        belief = believed(seen)
        numbers = {name: number for number, group in enumerate(belief.groups) for name in group}
        groups = {
            author: numbers[one.id] for one in seen.candidates if one.id in numbers for author in one.authors
        }
        # A fork is no draw of its own, and who writes a check is none of a patch.
        own = np.array(belief.sizes, dtype=np.int64)
        np.subtract.at(own, [groups[index] for index in progress.forks if index in groups], 1)
        right = belief.cases.astype(np.int64) @ own
        wrong = np.maximum(under_way.judged, own.sum()) - right
        in_vain = sum(
            max(0, had - (0 if index in progress.forks else first))
            for index, had in progress.had.items()
            if index not in progress.drafts
        )
        able = np.where(belief.cases.any(axis=1), 1.0, prior.able(right, wrong, in_vain))
        mended = _mended(prior, under_way.forks * first)
        failing = 1 - able * (1 - (1 - prior.some_right(right, wrong, under_way.patches)) * (1 - mended))
        lost = _lost(seen, belief)
        return cls(
            seen,
            belief,
            prior,
            lost * failing,
            right,
            wrong + under_way.patches,
            able,
            float((lost * (1 - failing)).mean()),
            under_way.drafts,
            under_way.drafts + under_way.patches,
            groups,
            progress.forks,
        )

    @property
    def beatable(self) -> float:
        """Probability that the leader is wrong, and can be put behind."""
        return float(_lost(self.seen, self.belief).mean())

    @property
    def where_none_is_right(self) -> "Gains":
        """What can be gained where no candidate is right: where one is, it needs but to be told."""
        return replace(self, lost=self.lost * ~self.belief.cases.any(axis=1))

    def of_start(self, count: int = 1) -> float:
        """Return what so many further trajectories bring."""
        return float((self.lost * self.able * self.prior.some_right(self.right, self.wrong, count)).mean())

    def of_replies(self, trajectory: int, more: int) -> float:
        """Return what further replies of a trajectory bring: one without a candidate is like new."""
        if trajectory not in self.groups:
            return self.of_fork(more) if trajectory in self.forks else self.of_start()
        group = self.groups[trajectory]
        wrong = ~self.belief.cases[:, group] & ~self.belief.subtle[:, group]
        return float((self.lost * self.able * wrong).mean() * _mended(self.prior, more))

    def of_fork(self, replies: int) -> float:
        """Return what a trajectory brings that goes on from the leader, which stays what it is.

        As of any that goes on, each reply mends it where it is wrong and that can be.
        """
        return float((self.lost * self.able).mean() * _mended(self.prior, replies)) if self.groups else 0.0

    def of_refine(self) -> float:
        """Return what a trajectory brings that begins anew and knows what failed.

        It is a draw like any other, but a change that it knows to fail is made again less often: with
        probability `_HEEDS` it is drawn anew.
        """
        groups = self.belief.groups
        red = np.array([_is_red(self.seen, group[0]) for group in groups], dtype=np.bool_)
        failed = (~self.belief.cases & red).astype(np.int64) @ np.array(self.belief.sizes, dtype=np.int64)
        right = self.prior.some_right(self.right, self.wrong, 1)
        drawn_anew = (1 - right) * _HEEDS * np.minimum(failed, self.wrong) / (self.wrong + _FASHION)
        return float((self.lost * self.able * right / (1 - drawn_anew)).mean())

    def of_check(self) -> float:
        """Return by how much one more check raises the probability that the proposed candidate is right.

        Those that are under way may tell the same before: each does so if it is valid and detects.
        """
        told = Told.by(self.belief)
        return told.rise(self.belief) * told.silent**self.checks

    def of_drafts(self) -> float:
        """Return the same of the checks that are under way without a patch."""
        if not self.drafting:
            return 0.0
        told = Told.by(self.belief)
        return told.rise(self.belief) * sum(told.silent**before for before in range(self.drafting))


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """What was started, by what it is for."""

    judged: int
    """Trajectories that were to bring a patch by themselves, and have been judged."""
    patches: int
    """Those that are under way."""
    forks: int
    drafts: int

    @classmethod
    def of(cls, progress: Progress) -> "_UnderWay":
        left = progress.started - progress.finished
        drafts, forks = (
            min(left, len(several - progress.had.keys())) for several in (progress.drafts, progress.forks)
        )
        others = len(progress.drafts) - drafts + len(progress.forks) - forks
        return cls(progress.checked - others, left - drafts - forks, forks, drafts)


def _mended(prior: Prior, replies: int) -> float:
    return float(1 - (1 - prior.mended) ** replies)


def _lost(seen: Evidence, belief: Belief) -> Numbers:
    """Return, by case, how much it counts that the leader is wrong there."""
    if not belief.groups:
        return np.ones(len(belief.cases))
    leader = int(belief.right.argmax())
    # Who is wrong in a way that checks hardly see stays the leader, whoever else comes.
    lost = (~belief.cases[:, leader] & ~belief.subtle[:, leader]).astype(np.float64)
    return np.maximum(lost, _RED) if _is_red(seen, belief.groups[leader][0]) else lost


def _is_red(seen: Evidence, candidate: str) -> bool:
    """Return whether most checks that fail on the untouched code fail on a candidate, too."""
    passed, failed = said(seen, candidate)
    return failed > passed
