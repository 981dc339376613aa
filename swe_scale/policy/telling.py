"""What one more written check would change: the probability that the proposed candidate is right."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent import Belief
from swe_scale.ranking.latent.worlds import MISTAKE_PASSES_OTHER, UNSEEN, VACUOUS, worlds

Numbers = NDArray[np.float64]
_MOST = 5
"""Groups on which it is reckoned with: the leader, and who is likely right where that is wrong."""
_LEAST = 0.01
"""Probability that a further one of them must add to that of any of them being right."""
_WORLDS = 384


@dataclass(frozen=True, slots=True)
class Told:
    """What a further check may be like."""

    valid: float
    """Probability that it passes on right patches alone."""
    mistaken: float
    """That it asks for a mistake: it fails on right patches, and on most wrong ones."""
    detects: float
    """That a valid one fails on the patches that are wrong in one way."""
    flips: float
    """That a run says the opposite."""

    @classmethod
    def by(cls, belief: Belief) -> "Told":
        """Return what is to be expected of one, from those there are.

        It is as often valid as these seem to be, and where there are none, as is assumed of checks before
        anything is seen. Of others the usual share of those whose authors are wrong asks for a mistake.
        """
        usual = worlds(_WORLDS)
        author = float(belief.cases.mean()) if belief.groups else 0.0
        valid, flips = belief.valid, belief.flips
        if not belief.checks:
            of_wrong, of_right = usual.valid_of_wrong, usual.valid_of_right
            valid = float(((1 - usual.noise) * (of_wrong + (of_right - of_wrong) * author)).mean())
            flips = float(usual.flips.mean())
        mistaken = (1 - valid) * (1 - author) * float(usual.mistaken.mean())
        return cls(valid, mistaken, float(usual.detects.mean()), flips)

    @property
    def silent(self) -> float:
        """Probability that it doesn't tell a wrong patch from a right one."""
        return 1 - self.valid * self.detects

    def rise(self, belief: Belief) -> float:
        """Return by how much it raises, on average, the probability that the leader is right.

        Over all that it may say of the leader and its rivals: who is first then, less who is first now. It
        is nothing where no outcome puts another first, as where there is one group, or the leader is sure.
        """
        if len(belief.groups) < 2:
            return 0.0
        places = belief.contest(int(belief.cases.mean(axis=0).argmax()), _MOST, _LEAST)
        both = np.hstack([belief.cases[:, places], belief.subtle[:, places]])
        alike, counts = np.unique(both, axis=0, return_counts=True)
        cases, subtle = alike[:, : len(places)], alike[:, len(places) :]
        right = cases * (counts / counts.sum())[:, None]
        after = sum(float((told @ right).max()) for told in self._outcomes(cases, subtle))
        return max(0.0, after - float(right.sum(axis=0).max()))

    def _outcomes(self, cases: NDArray[np.bool_], subtle: NDArray[np.bool_]) -> Iterator[Numbers]:
        """Yield how probable each outcome is, by case."""
        rest = 1 - self.valid - self.mistaken
        detected = np.where(subtle, UNSEEN, 1.0) * self.detects
        kinds = [
            (self.valid, np.where(cases, 1.0, 1 - detected)),
            (self.mistaken, np.where(cases, 0.0, MISTAKE_PASSES_OTHER)),
            (rest * VACUOUS, np.ones(cases.shape)),
            (rest * (1 - VACUOUS), np.zeros(cases.shape)),
        ]
        for outcome in product((True, False), repeat=cases.shape[1]):
            told = np.zeros(len(cases))
            for share, passes in kinds:
                passed = passes * (1 - self.flips) + (1 - passes) * self.flips
                told += share * np.where(outcome, passed, 1 - passed).prod(axis=1)
            yield told
