"""From a matrix to probabilities: of each candidate that it is right, and that none is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.allocation import WAYS, allocate, heard
from swe_scale.ranking.latent.matrix import Matrix
from swe_scale.ranking.latent.worlds import worlds
from swe_scale.ranking.prior import Prior

__all__ = ["Belief", "Prior", "believe"]

_SEED = 1
_WORLDS = 384
_FEWEST = 20
_WORK = 800_000
"""Worlds × groups × checks × places that are affordable: beyond, there are fewer worlds."""

Numbers = NDArray[np.float64]
Cases = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Belief:
    """What the evidence makes probable."""

    groups: tuple[tuple[str, ...], ...]
    """Candidates that are right or wrong together."""
    sizes: tuple[int, ...]
    """How many trajectories came to each group."""
    right: Numbers
    """Of each group, the probability that it is right."""
    none: float
    """That no candidate is."""
    valid: float
    """Expected share of the checks that state what is right."""
    flips: float
    """Expected probability that a run says the opposite of what it should."""
    checks: int
    """How many were looked at."""
    cases: Cases
    """Who is right in cases that are equally probable: cases × groups."""
    subtle: Cases
    """Who is wrong there in a way that checks hardly ever see."""

    def of(self, candidate: str) -> float:
        """Return the probability that a candidate is right; 0 of those beyond the largest groups."""
        places = [number for number, group in enumerate(self.groups) if candidate in group]
        return float(self.right[places[0]]) if places else 0.0

    def doubted(self, ratios: Sequence[float]) -> "Belief":
        """Return the belief once each group has been seen to do what says nothing of any other.

        Args:
            ratios: by group, how much more probable that is of a right one than of a wrong one; 1 at most.
        """
        given, lots = np.asarray(ratios, dtype=np.float64), np.random.default_rng(_SEED)
        right = self.right * given / (self.right * given + 1 - self.right)
        kept = np.divide(right, self.right, out=np.zeros_like(right), where=self.right > 0)
        cases = self.cases & (lots.random(self.cases.shape) < kept)
        return replace(self, right=right, none=float((~cases.any(axis=1)).mean()), cases=cases)

    def contest(self, leader: int, most: int, least: float) -> list[int]:
        """Return the groups that are to be told apart: the leader, and who is likely right where it is not.

        Args:
            leader: number of a group.
            most: groups at most.
            least: probability that a further one must add to that of any of them being right.
        """
        chosen = [leader]
        lost = ~self.cases[:, leader]
        while len(chosen) < most:
            gains = (self.cases & lost[:, None]).mean(axis=0)
            gains[chosen] = 0.0
            best = int(gains.argmax())
            if gains[best] < least:
                break
            chosen.append(best)
            lost = lost & ~self.cases[:, best]
        return chosen


def believe(matrix: Matrix, leanings: Sequence[float] = (), prior: Prior | None = None) -> Belief:
    """Return what is probable, given what checks say.

    Candidates that are right behave alike; those that are wrong are so in some number of ways, and those of
    one way behave alike, too. Groups are put, one after the other, to the right ones or to a way of being
    wrong, by how well that explains what checks say: sequential imputation for a mixture of an unknown number
    of components (Fearnhead, Statistics and Computing 14, 2004), once in each of many worlds in which checks
    are good or bad (Dawid and Skene, 1979, ask the same of people who label).

    Args:
        matrix: what checks say of groups.
        leanings: per group, how much other evidence speaks for its being right, as the logarithm of the ratio
            of likelihoods; none: nothing does.
        prior: what is known before.
    """
    if not matrix.groups:
        nobody = np.zeros((1, 0), dtype=np.bool_)
        return Belief((), (), np.zeros(0), 1.0, 0.0, 0.0, 0, nobody, nobody)
    given = np.asarray(leanings if len(leanings) else np.zeros(len(matrix.groups)), dtype=np.float64)
    found = allocate(matrix, worlds(_worlds_for(matrix)), prior or Prior(), given)
    right = _evened(found.right, _alike(matrix, given))
    return Belief(
        tuple(group.candidates for group in matrix.groups),
        tuple(group.size for group in matrix.groups),
        right,
        float((~found.cases.any(axis=1)).mean()),
        found.valid,
        found.flips,
        len(matrix.checks),
        found.cases,
        found.subtle,
    )


def _alike(matrix: Matrix, leanings: Numbers) -> list[list[int]]:
    """Return the groups of which all evidence is the same, in lists."""
    found: dict[object, list[int]] = {}
    for number, group in enumerate(matrix.groups):
        own = np.array([writer == number for writer in matrix.writers], dtype=np.bool_)
        said = np.where(own, -np.sign(matrix.runs.max(initial=0.0)), np.sign(matrix.contrast[number]))
        key = group.size, heard(matrix, number), float(leanings[number]), said.tobytes()
        found.setdefault(key, []).append(number)
    return list(found.values())


def _evened(right: Numbers, alike: list[list[int]]) -> Numbers:
    """Return probabilities that are the same where the evidence is: what differs there is chance alone."""
    even = right.copy()
    for numbers in alike:
        even[numbers] = right[numbers].mean()
    return even


def _worlds_for(matrix: Matrix) -> int:
    groups, checks = matrix.failed.shape
    return max(_FEWEST, min(_WORLDS, _WORK // max(1, int(groups) * max(1, int(checks)) * (WAYS + 1))))
