"""Figures over issues as rows: the first of the data, each further one of a resample of whole issues."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swe_scale.analysis.figures import Measured
from swe_scale.analysis.resampling import Resampled
from swe_scale.statistics import wilson

Numbers = NDArray[np.float64]

_RESAMPLES = 600
"""Each takes a fit; their ends are certain to about a fiftieth of the interval."""


class Rows:
    """So many issues and their resamples: all figures of them rest on the same draws."""

    def __init__(self, issues: int) -> None:
        self.issues = issues
        self._drawn = Resampled(issues)
        self.weights: Numbers = np.vstack([np.ones((1, issues)), self._drawn.weights[:_RESAMPLES]])
        """Rows × issues."""

    def mean(self, values: Sequence[float] | Numbers) -> Numbers:
        """Return the mean over the issues, by row."""
        return np.asarray(self.weights @ np.asarray(values, dtype=np.float64) / self.issues)

    def share(self, values: Sequence[float] | Numbers) -> Measured:
        """Return a mean of shares with its interval; of one issue nothing is known beyond it."""
        told = [float(one) for one in values]
        if self.issues == 1:
            return Measured(value=told[0], low=0.0, high=1.0)
        return self._drawn.mean(told)

    def contrast(self, values: Sequence[float] | Numbers) -> Measured:
        """Return the mean of differences of shares of the same issues.

        Where none differs, its interval is that of none of so many (Newcombe, 1998, for pairs): all resamples
        would be the same.
        """
        told = stated(self.mean(values))
        if np.any(np.asarray(values)):
            return told
        reach = wilson(0, self.issues).interval[1]
        return Measured(value=0.0, low=-reach, high=reach)

    def ratio(self, above: Sequence[float] | Numbers, below: Sequence[float] | Numbers) -> Measured | None:
        """Return a ratio of sums with its interval; None where its denominator is 0.

        Of a share that is nothing or all on every issue the interval is Wilson's, over issues that have any.
        """
        tops, bottoms = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
        said = bottoms > 0
        for value in (0.0, 1.0):
            if said.any() and np.array_equal(tops[said], value * bottoms[said]):
                share = wilson(round(value * said.sum()), int(said.sum()))
                return Measured(value=value, low=share.interval[0], high=share.interval[1])
        return self._drawn.ratio([float(one) for one in above], [float(one) for one in below])


def stated(rows: Numbers) -> Measured:
    """Return a figure with the percentile interval of its rows; those that say nothing are left out."""
    told = rows[1:][np.isfinite(rows[1:])]
    low, high = np.percentile(told, (2.5, 97.5)) if told.size else (float(rows[0]), float(rows[0]))
    return Measured(value=float(rows[0]), low=float(low), high=float(high))


def hull(several: Sequence[Measured]) -> Measured:
    """Return the first figure with the interval that holds those of all."""
    return Measured(
        value=several[0].value, low=min(one.low for one in several), high=max(one.high for one in several)
    )
