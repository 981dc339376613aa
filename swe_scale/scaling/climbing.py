"""Climbs many likelihoods of a few parameters at once: one of the data, one of each of its resamples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_STEPS = 200
_SETTLED = 1e-10
"""Relative gain of a step below which a row has arrived."""
_FIRST, _EASED, _HELD = 1e-3, 0.3, 6.0
"""Damping at first; its factors after a step that gained, and after one that didn't."""
_MOST = 1e9
"""Damping at which no step is left to try."""


@dataclass(frozen=True, slots=True)
class Local:
    """What is climbed, at one place of each row."""

    value: Numbers
    """Rows."""
    slope: Numbers
    """Rows × parameters."""
    curvature: Numbers
    """Rows × parameters × parameters: how fast the slope falls, approximately; positive semidefinite."""


def climb(start: Numbers, local: Callable[[Numbers], Local], low: Numbers, high: Numbers) -> Numbers:
    """Return for each row the place at which its value is greatest nearby.

    Damped Newton steps (Levenberg, 1944; Marquardt, 1963): one that gains nothing isn't taken, so that no
    row ends below where it began.

    Args:
        start: rows × parameters.
        local: returns value, slope and curvature at such places.
        low: least parameters.
        high: greatest parameters.

    Returns:
        Rows × parameters.
    """
    place = np.clip(start, low, high)
    here = local(place)
    damping = np.full(len(place), _FIRST)
    moving = np.ones(len(place), dtype=bool)
    for _ in range(_STEPS):
        tried = np.where(moving[:, None], np.clip(place + _step(here, damping), low, high), place)
        there = local(tried)
        gains = moving & (there.value > here.value)
        settled = there.value - here.value <= _SETTLED * (1 + np.abs(here.value))
        damping = np.where(gains, damping * _EASED, damping * _HELD)
        moving &= ~(gains & settled) & (damping < _MOST)
        place = np.where(gains[:, None], tried, place)
        here = _chosen(gains, there, here)
        if not moving.any():
            break
    return place


def _step(here: Local, damping: Numbers) -> Numbers:
    scale = np.einsum("rpp->rp", here.curvature)
    scale = np.maximum(scale, 1e-9 * (1 + scale.max(axis=1, keepdims=True)))
    damped = here.curvature + (damping[:, None] * scale)[:, :, None] * np.eye(scale.shape[1])
    return np.asarray(np.linalg.solve(damped, here.slope[:, :, None])[:, :, 0])


def _chosen(first: NDArray[np.bool_], one: Local, other: Local) -> Local:
    return Local(
        np.where(first, one.value, other.value),
        np.where(first[:, None], one.slope, other.slope),
        np.where(first[:, None, None], one.curvature, other.curvature),
    )
