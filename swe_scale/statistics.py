"""What figures on a set of issues can show: proportions with intervals, paired differences, pass@k."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_LEVEL = 0.95
"""Of intervals."""
_POWER = 0.8
"""With which the smallest effect would be seen."""
_RESAMPLES = 10_000
"""Of a bootstrap, so that its ends are certain to about a hundredth of the interval."""
_BLOCK = 1 << 20
"""Draws that are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many of how many, with its 95 % interval."""

    count: int
    of: int
    interval: tuple[float, float]

    @property
    def share(self) -> float:
        """The proportion; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    def __str__(self) -> str:
        """Return it as it is printed."""
        low, high = self.interval
        return f"{self.share:.3f} ({low:.3f} … {high:.3f}), {self.count} of {self.of}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, difference or ratio over issues, with its 95 % interval."""

    value: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        """Return it as it is printed."""
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f} … {high:.3f})"


@dataclass(frozen=True, slots=True)
class Difference:
    """How one proportion differs from another that was measured on the same issues."""

    only_ours: int
    only_other: int
    both: int
    neither: int
    interval: tuple[float, float]
    """Of the difference, ours less the other, 95 %."""

    @property
    def of(self) -> int:
        """How many issues there are."""
        return self.only_ours + self.only_other + self.both + self.neither

    @property
    def value(self) -> float:
        """The difference; 0 of nothing."""
        return (self.only_ours - self.only_other) / self.of if self.of else 0.0

    @property
    def p(self) -> float:
        """Return how probable so large a difference is by chance alone, two-sided (McNemar, 1947; exact)."""
        discordant = self.only_ours + self.only_other
        fewer = min(self.only_ours, self.only_other)
        tail = sum(comb(discordant, count) for count in range(fewer + 1))
        return min(1.0, float(2 * tail / 2**discordant))


def wilson(count: int, of: int) -> Proportion:
    """Return a proportion with its interval by Wilson (1927).

    Raises:
        ValueError: there are more than there can be, or fewer than none.
    """
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no proportion")
    if not of:
        return Proportion(0, 0, (0.0, 1.0))
    z = _quantile((1 + _LEVEL) / 2)
    share, squared = count / of, z * z
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    reach = z / (1 + squared / of) * sqrt(share * (1 - share) / of + squared / (4 * of * of))
    return Proportion(count, of, (max(0.0, middle - reach), min(1.0, middle + reach)))


def difference(ours: Sequence[bool], other: Sequence[bool]) -> Difference:
    """Return the difference of two proportions of the same issues (Newcombe, 1998, method 10 for pairs).

    Args:
        ours: of each issue, whether it holds.
        other: the same, in the same order.

    Raises:
        ValueError: they are not as many.
    """
    both = sum(one and two for one, two in zip(ours, other, strict=True))
    only_ours, only_other = sum(ours) - both, sum(other) - both
    neither = len(ours) - both - only_ours - only_other
    interval = _newcombe(both, only_ours, only_other, neither) if ours else (-1.0, 1.0)
    return Difference(only_ours, only_other, both, neither, interval)


def _newcombe(both: int, only_ours: int, only_other: int, neither: int) -> tuple[float, float]:
    of = both + only_ours + only_other + neither
    first, second = wilson(both + only_ours, of), wilson(both + only_other, of)
    spread = (both + only_ours) * (only_other + neither) * (both + only_other) * (only_ours + neither)
    together = (both * neither - only_ours * only_other) / sqrt(spread) if spread else 0.0

    def reach(one: float, two: float) -> float:
        return sqrt(max(0.0, one * one - 2 * together * one * two + two * two))

    value = first.share - second.share
    return (
        value - reach(first.share - first.interval[0], second.interval[1] - second.share),
        value + reach(first.interval[1] - first.share, second.share - second.interval[0]),
    )


def bootstrap(values: Sequence[float], seed: int = 0) -> Estimate:
    """Return a mean over issues with its percentile interval (Efron, 1979); whole issues are resampled.

    Args:
        values: one of each issue; where it was measured several times, their mean, so that repetitions
            aren't taken for more issues.
        seed: of the resampling; the same gives the same interval.
    """
    return ratio_bootstrap(values, [1.0] * len(values), seed)


def paired_bootstrap(ours: Sequence[float], other: Sequence[float], seed: int = 0) -> Estimate:
    """Return the mean difference, ours less the other, of values of the same issues; see `bootstrap`.

    Raises:
        ValueError: they are not as many.
    """
    return bootstrap([one - two for one, two in zip(ours, other, strict=True)], seed)


def ratio_bootstrap(parts: Sequence[float], wholes: Sequence[float], seed: int = 0) -> Estimate:
    """Return the ratio of two sums over the same issues; see `bootstrap`.

    Resamples in which the whole is nothing are left out; where it always is, the value and both ends are NaN.

    Raises:
        ValueError: they are not as many.
    """
    import numpy as np

    if len(parts) != len(wholes):
        raise ValueError(f"{len(parts)} parts of {len(wholes)} wholes: these numbers can't be")
    pairs = np.array([parts, wholes], dtype=float)
    total = pairs.sum(axis=1)
    drawn = _resampled(pairs, seed)
    ratios = drawn[0][drawn[1] != 0] / drawn[1][drawn[1] != 0]
    if not total[1] or not ratios.size:
        return Estimate(float("nan"), (float("nan"), float("nan")))
    low, high = np.quantile(ratios, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(float(total[0] / total[1]), (float(low), float(high)))


def _resampled(pairs: "np.ndarray", seed: int) -> "np.ndarray":
    """Return the sums of each row over as many issues as there are, drawn with replacement, many times."""
    import numpy as np

    of = pairs.shape[1]
    chance = np.random.default_rng(seed)
    rows = max(1, _BLOCK // max(1, of))
    sums = [
        pairs[:, chance.integers(0, max(1, of), (min(rows, _RESAMPLES - start), of))].sum(axis=2)
        for start in range(0, _RESAMPLES, rows)
    ]
    return np.concatenate(sums, axis=1)


def smallest_effect(of: int, discordant: float) -> float:
    """Return the least paired difference that would be seen with a power of 80 %.

    Args:
        of: issues.
        discordant: share of the issues on which the two differ, 0 to 1.
    """
    z = _quantile((1 + _LEVEL) / 2) + _quantile(_POWER)
    return min(1.0, z * sqrt(discordant / of)) if of else 1.0


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Return the probability that one of k samples is right, without bias (Chen and others, 2021).

    Args:
        samples: drawn of an issue.
        right: of these.
        k: at most as many as there are samples.

    Raises:
        ValueError: these numbers can't be.
    """
    if not 0 <= right <= samples or not 0 <= k <= samples:
        raise ValueError(f"{right} right of {samples}, {k} drawn: these numbers can't be")
    return 1.0 - comb(samples - right, k) / comb(samples, k)


def holm(values: Sequence[float]) -> list[float]:
    """Return the probabilities of several tests, corrected for there being several (Holm, 1979).

    Args:
        values: of each test, how probable its result is by chance alone.

    Returns:
        The same in the same order, each at least what it was and at most 1.
    """
    found, least = [1.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        least = found[place] = max(least, min(1.0, (len(values) - rank) * values[place]))
    return found


def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)
