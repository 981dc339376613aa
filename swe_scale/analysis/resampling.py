"""Intervals by the bootstrap, clustered by issue: whole issues are drawn, with all that belongs to them."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from swe_scale.analysis.figures import Measured, Share

_DRAWS = 2000
_TAILS = (2.5, 97.5)
_Values = NDArray[np.float64]


class Resampled:
    """So many issues, drawn again and again with replacement: always the same draws."""

    def __init__(self, issues: int, seed: int = 0) -> None:
        self._issues = issues
        self._weights = _weights(issues, seed)

    def mean(self, values: Sequence[float]) -> Measured:
        """Return the mean over the issues; 0, with any interval, where there is none.

        Of nothing but 0 and 1 the interval is Wilson's: draws of equal values would all be the same.
        """
        if {0.0, 1.0}.issuperset(values):
            share = Share.made(round(sum(values)), len(values))
            return Measured(value=share.value, low=share.low, high=share.high)
        exact: _Values = np.asarray(values, dtype=np.float64)
        return self.stated(float(exact.mean()), self._weights @ exact / self._issues)

    def ratio(self, above: Sequence[float], below: Sequence[float]) -> Measured | None:
        """Return a ratio of sums over the issues; None where its denominator is 0."""
        one, two = (np.asarray(values, dtype=np.float64) for values in (above, below))
        if not self._issues or not two.sum():
            return None
        tops, bottoms = self._weights @ one, self._weights @ two
        # Draws of issues without any denominator say nothing of the ratio.
        said = np.abs(bottoms) > 1e-9
        return self.stated(float(one.sum() / two.sum()), tops[said] / bottoms[said])

    def sums(self, values: _Values) -> _Values:
        """Return, for each draw, the sum of each column over the drawn issues."""
        return self._weights @ values

    @property
    def weights(self) -> _Values:
        """How often each issue was drawn: draws × issues."""
        return self._weights

    @staticmethod
    def stated(value: float, drawn: _Values) -> Measured:
        """Return a figure with the percentile interval of its draws."""
        low, high = np.percentile(drawn, _TAILS)
        return Measured(value=value, low=float(low), high=float(high))


@lru_cache(maxsize=2)
def _weights(issues: int, seed: int) -> _Values:
    even = np.full(max(1, issues), 1 / max(1, issues))
    drawn = np.random.default_rng(seed).multinomial(issues, even, size=_DRAWS)
    return drawn.astype(np.float64)
