"""Coverage by the exponentiated power law of repeated sampling (arXiv 2407.21787)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swe_scale.scaling.climbing import Local, climb

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

_SCALES = (-12.0, 6.0)
"""Least and greatest logarithm of the factor."""
_EXPONENTS = (-9.0, 2.0)
"""Of the exponent."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Fitted laws, one by row: coverage by k samples is exp(-factor × k^-exponent).

    The law goes to 1: it holds that enough samples solve every issue.
    """

    factor: Numbers
    exponent: Numbers

    def coverage(self, sizes: Whole) -> Numbers:
        """Return coverage by so many samples, rows × sizes."""
        return _law(np.log(self.factor), np.log(self.exponent), sizes)


def fit_power_law(coverage: Numbers, sizes: Whole) -> PowerLaw:
    """Return the laws that miss least, by squares; sizes count alike on a logarithmic scale.

    Args:
        coverage: rows × sizes, 0 to 1: what so many samples cover.
        sizes: the numbers of samples.
    """
    heaviness = 1.0 / sizes

    def local(place: Numbers) -> Local:
        told = _law(place[:, 0], place[:, 1], sizes)
        missed = coverage - told
        inner = -told * _power(place[:, 0], place[:, 1], sizes)
        slopes = np.stack([inner, -inner * np.exp(place[:, 1])[:, None] * np.log(sizes)], axis=2)
        return Local(
            -(heaviness * missed**2).sum(axis=1) / 2,
            np.einsum("k,rk,rkp->rp", heaviness, missed, slopes),
            np.einsum("k,rkp,rkq->rpq", heaviness, slopes, slopes),
        )

    low, high = np.array([_SCALES[0], _EXPONENTS[0]]), np.array([_SCALES[1], _EXPONENTS[1]])
    found = climb(_start(coverage, sizes), local, low, high)
    return PowerLaw(np.exp(found[:, 0]), np.exp(found[:, 1]))


def _start(coverage: Numbers, sizes: Whole) -> Numbers:
    """Return the law through the first and the last point."""
    ends = np.clip(coverage[:, [0, -1]], 1e-6, 1 - 1e-6)
    scale = np.log(-np.log(ends))
    falls = np.maximum(1e-3, scale[:, 0] - scale[:, 1]) / np.log(max(2, int(sizes[-1])))
    return np.stack([scale[:, 0], np.log(falls)], axis=1)


def _power(scale: Numbers, exponent: Numbers, sizes: Whole) -> Numbers:
    return np.asarray(np.exp(scale[:, None] - np.exp(exponent)[:, None] * np.log(sizes)))


def _law(scale: Numbers, exponent: Numbers, sizes: Whole) -> Numbers:
    return np.asarray(np.exp(-_power(scale, exponent, sizes)))
