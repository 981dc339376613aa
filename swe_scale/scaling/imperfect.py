"""What more samples bring where wrong ones pass, too: a ceiling, and a best number (arXiv 2411.17501)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_HALVINGS = 20
"""Of an interval of 0 to 1, so that it is exact to a millionth."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What comes of sampling until one passes, as shares of issues."""

    right: Numbers
    wrong: Numbers


def ceiling(rates: Numbers, passes: float | Numbers) -> Numbers:
    """Return what sampling until one passes resolves at any number of samples: Σ p / (p + (1 - p) f).

    Args:
        rates: … × issues: probability that a sample is right, and then passes; 0 is never resolved.
        passes: probability that a wrong one passes; a number, or one for each row.
    """
    wrong = (1 - rates) * _column(passes)
    return np.asarray(
        np.divide(rates, rates + wrong, out=np.zeros_like(rates), where=rates > 0).mean(axis=-1)
    )


def accepted(rates: Numbers, passes: float | Numbers, samples: int) -> Accepted:
    """Return what comes of drawing samples until one passes, or so many were drawn.

    Args:
        rates: see `ceiling`.
        passes: see `ceiling`.
        samples: at most.
    """
    wrong = (1 - rates) * _column(passes)
    any_of = rates + wrong
    some = 1 - (1 - any_of) ** samples
    part = np.divide(rates, any_of, out=np.zeros_like(rates), where=any_of > 0)
    return Accepted((part * some).mean(axis=-1), ((1 - part) * some).mean(axis=-1))


def matched(rates: Numbers, resolved: Numbers, samples: int) -> Numbers:
    """Return the probability that a wrong one passes which would explain what is resolved.

    Args:
        rates: rows × issues.
        resolved: by row, with so many samples.
        samples: drawn.

    Returns:
        By row; 0 where more is resolved than even a perfect test would, 1 where less is than by one sample.
    """
    low, high = np.zeros(len(rates)), np.ones(len(rates))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = accepted(rates, middle, samples).right > resolved
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.asarray((low + high) / 2)


def _column(passes: float | Numbers) -> Numbers:
    found = np.asarray(passes, dtype=np.float64)
    return found[..., None] if found.ndim else found
