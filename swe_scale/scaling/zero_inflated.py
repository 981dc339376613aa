"""Coverage by a zero-inflated beta-binomial: some issues are out of reach, the others differ in difficulty.

An issue is hopeless with some probability; otherwise the rate at which its samples are right is drawn from a
beta distribution. So coverage levels off where the hopeless ones begin, which a power law can't.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swe_scale.scaling.climbing import Local, climb
from swe_scale.scaling.counts import Cells

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

_LEAST = 1e-6
"""Share of hopeless issues that stands for none."""
_SHAPES = (1e-3, 1e3)
"""Least and greatest parameter of the beta distribution."""
_FIRST_SHARES = (0.02, 0.2, 0.4, 0.6, 0.8)
_FIRST_MEANS = (0.03, 0.1, 0.25, 0.5, 0.75, 0.95)
_FIRST_SUMS = (0.3, 1.0, 3.0, 10.0, 50.0)
"""Places from which the best start is taken."""


@dataclass(frozen=True, slots=True)
class ZeroInflated:
    """Fitted distributions of difficulty, one by row."""

    hopeless: Numbers
    """Share of issues that no sample can solve."""
    successes: Numbers
    """First parameter of the beta distribution of the others' rates."""
    failures: Numbers
    """Second one."""

    def coverage(self, sizes: Whole) -> Numbers:
        """Return coverage by so many samples, rows × sizes."""
        steps = np.arange(int(sizes.max(initial=1)))
        first, second = self.successes[:, None], self.failures[:, None]
        none = np.cumsum(np.log1p(-first / (first + second + steps)), axis=1)
        missed = np.concatenate([np.ones((len(first), 1)), np.exp(none)], axis=1)
        return np.asarray((1 - self.hopeless[:, None]) * (1 - missed[:, sizes]))

    def rates(self, draws: int, seed: int = 0) -> Numbers:
        """Return rates of success of so many issues drawn by each row, rows × draws; always the same ones."""
        chance = np.random.default_rng(seed)
        rows = zip(self.hopeless, self.successes, self.failures, strict=True)
        ranks = (np.arange(draws) + 0.5) / draws
        return np.stack(
            [np.where(ranks < share, 0.0, chance.beta(one, other, draws)) for share, one, other in rows]
        )


def fit_zero_inflated(cells: Cells, weights: Numbers, most: float = 1.0) -> ZeroInflated:
    """Return the distributions of greatest likelihood.

    Args:
        cells: issues by their samples and how many of these are right.
        weights: rows × issues: how often an issue counts; a fit is made for each row.
        most: greatest share of hopeless issues; 0 makes it a plain beta-binomial.
    """
    counts = cells.weighed(weights)
    low = np.array([_logit(_LEAST), *np.log([_SHAPES[0]] * 2)])
    high = np.array([_logit(min(1 - _LEAST, max(_LEAST, most))), *np.log([_SHAPES[1]] * 2)])
    grid = np.clip(_grid(), low, high)
    values, _ = _told(grid, cells)
    start = grid[np.argmax(counts @ values.T, axis=1)]

    def local(place: Numbers) -> Local:
        logs, slopes = _told(place, cells)
        return Local(
            (counts * logs).sum(axis=1),
            np.einsum("ru,rup->rp", counts, slopes),
            # The outer product of slopes stands for the curvature (Berndt and others, 1974).
            np.einsum("ru,rup,ruq->rpq", counts, slopes, slopes),
        )

    found = climb(start, local, low, high)
    share = 1 / (1 + np.exp(-found[:, 0]))
    share = np.where(share <= 2 * _LEAST, 0.0, share)
    return ZeroInflated(share, np.exp(found[:, 1]), np.exp(found[:, 2]))


def _logit(share: float) -> float:
    return float(np.log(share) - np.log1p(-share))


def _grid() -> Numbers:
    return np.array(
        [
            (_logit(share), np.log(mean * total), np.log((1 - mean) * total))
            for share in _FIRST_SHARES
            for mean in _FIRST_MEANS
            for total in _FIRST_SUMS
        ]
    )


def _told(place: Numbers, cells: Cells) -> tuple[Numbers, Numbers]:
    """Return the log-likelihood of one issue of each cell, and its slope: rows × cells (× parameters).

    What doesn't depend on the parameters is left out.
    """
    share = (1 / (1 + np.exp(-place[:, 0])))[:, None]
    first, second = np.exp(place[:, 1]), np.exp(place[:, 2])
    right, wrong = cells.right, cells.samples - cells.right
    log_right, by_right = _rising(first, right)
    log_wrong, by_wrong = _rising(second, wrong)
    log_all, by_all = _rising(first + second, cells.samples)
    able = log_right + log_wrong - log_all
    seen = np.where(right == 0, np.logaddexp(np.log1p(-share) + able, np.log(share)), np.log1p(-share) + able)
    hopeless = np.where(right == 0, np.exp(np.log(share) - seen), 0.0)
    slopes = (
        hopeless - share,
        (1 - hopeless) * first[:, None] * (by_right - by_all),
        (1 - hopeless) * second[:, None] * (by_wrong - by_all),
    )
    return np.asarray(seen), np.stack(slopes, axis=2)


def _rising(start: Numbers, steps: Whole) -> tuple[Numbers, Numbers]:
    """Return log(start × (start + 1) × …), so many factors, and its slope by the start: rows × cells."""
    factors = start[:, None] + np.arange(int(steps.max(initial=0)))
    nothing = np.zeros((len(start), 1))
    logs = np.concatenate([nothing, np.cumsum(np.log(factors), axis=1)], axis=1)
    slopes = np.concatenate([nothing, np.cumsum(1 / factors, axis=1)], axis=1)
    return np.asarray(logs[:, steps]), np.asarray(slopes[:, steps])
