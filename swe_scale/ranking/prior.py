"""What is known of candidates before anything is run."""

from dataclasses import dataclass
from functools import lru_cache
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from swe_scale.config import PriorConfig

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prior:
    """How often trajectories are right, before anything is seen of an issue.

    An issue is hopeless with some probability; otherwise its rate of success is drawn from a beta
    distribution. By these numbers 42 % of single candidates are right, and one of ten on 65 % of the issues:
    rounded guesses near what is published of CodeMonkeys (arXiv 2501.14723), whose ten samples cover 70 % of
    SWE-bench Verified, while one resolves some 46 %, as others have summed it up.
    """

    hopeless: float = 0.3
    successes: float = 0.9
    failures: float = 0.6
    mended: float = 0.06
    """Probability that a further reply makes a wrong patch right where that can be: assumed."""

    @classmethod
    def of(cls, config: PriorConfig | None) -> "Prior | None":
        """Return what a configuration says is known; None: it says nothing."""
        return None if config is None else cls(**config.model_dump())

    def of_counts(self, right: Counts, wrong: Counts) -> Numbers:
        """Return the logarithm of the probability of one order of so many right and wrong ones."""
        most = 1 << int(right.max(initial=0) + wrong.max(initial=0)).bit_length()
        able = (
            log(1 - self.hopeless)
            + _log_gammas(self.successes, most)[right]
            + _log_gammas(self.failures, most)[wrong]
            - _log_gammas(self.successes + self.failures, most)[right + wrong]
        )
        if not self.hopeless:
            return np.asarray(able)
        return np.asarray(np.where(right == 0, np.logaddexp(able, log(self.hopeless)), able))

    def able(self, right: Counts, wrong: Counts, in_vain: int = 0) -> Numbers:
        """Return the probability that an issue isn't hopeless.

        Args:
            right: trajectories that are right.
            wrong: those that aren't.
            in_vain: further replies that those have had without being mended.
        """
        if not self.hopeless:
            return np.ones(np.shape(right))
        told = np.exp(self.of_counts(right, wrong)) - self.hopeless
        told = told * (1 - self.mended) ** in_vain
        return np.asarray(np.where(right == 0, told / (told + self.hopeless), 1.0))

    def some_right(self, right: Counts, wrong: Counts, more: int) -> Numbers:
        """Return the probability that any of so many more is right, on an issue that isn't hopeless."""
        able = Prior(0.0, self.successes, self.failures)
        return np.asarray(1 - np.exp(able.of_counts(right, wrong + more) - able.of_counts(right, wrong)))


def log_rising(start: Numbers, steps: int) -> Numbers:
    """Return the logarithm of start × (start + 1) × …, so many factors; −∞ where the start is nothing."""
    with np.errstate(divide="ignore"):
        return np.asarray(sum((np.log(start + step) for step in range(steps)), np.zeros_like(start)))


@lru_cache(maxsize=64)
def _log_gammas(start: float, most: int) -> Numbers:
    """Return log Γ(start + n) − log Γ(start) for n from 0."""
    return np.array([lgamma(start + count) - lgamma(start) for count in range(most + 1)])
