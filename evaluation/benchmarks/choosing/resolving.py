"""A figure of two methods on the same issues."""

from dataclasses import replace

import numpy as np
from harness import Figure
from numpy.typing import NDArray

from swe_scale.statistics import paired_bootstrap

Numbers = NDArray[np.float64]


def resolved(name: str, ours: Numbers, other: Numbers, least: float | None = None) -> Figure:
    """Return a figure of two methods on the same issues; spread is the interval of the difference.

    Args:
        name: of the figure.
        ours: whether our choice is right, by issue.
        other: whether the other's is.
        least: the goal of the difference.
    """
    difference = paired_bootstrap(ours.tolist(), other.tolist())
    return Figure(
        name=name,
        ours=float(ours.mean()),
        baseline=float(other.mean()),
        unit="share resolved; spread: ours less baseline",
        ratio=float(ours.mean() / other.mean()) if other.mean() else None,
        spread=difference.interval,
        repeats=len(ours),
        goal=None if least is None else f"difference ≥ {least:g}",
        met=None if least is None else difference.value >= least,
    )


def not_below(name: str, ours: Numbers, other: Numbers) -> Figure:
    """Return such a figure of which the goal is that the interval of the difference doesn't end below 0."""
    found = resolved(name, ours, other)
    return replace(found, goal="not below beyond noise", met=found.spread is None or found.spread[1] >= 0)
