"""How well the confidence of proposals tells whether they are resolved."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from swe_scale.analysis.figures import Share
from swe_scale.analysis.resampling import Resampled
from swe_scale.analysis.scores import Bin, Calibration, Risk

_BINS = 10


def calibration_of(confidences: Sequence[float], resolved: Sequence[bool]) -> Calibration | None:
    """Return how well confidences tell outcomes; None where there is no graded proposal.

    Brier (1950) for the score; the calibration error over ten bins of equal width (Naeini and others,
    2015); the area under the risk-coverage curve (Geifman and others, 2019), equal confidences together.
    """
    if not confidences:
        return None
    order = sorted(range(len(confidences)), key=lambda place: -confidences[place])
    said = np.array([confidences[place] for place in order])
    right = np.array([float(resolved[place]) for place in order])
    drawn = Resampled(len(order))
    error, errors = _ece(said, right, drawn)
    area, areas = _aurc(said, right, drawn)
    return Calibration(
        of=len(order),
        bins=tuple(_bins(said, right)),
        brier=drawn.mean(list((said - right) ** 2)),
        ece=drawn.stated(error, errors),
        curve=tuple(_curve(said, right)),
        aurc=drawn.stated(area, areas),
    )


def _places(said: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each confidence."""
    return np.minimum((said * _BINS).astype(np.int64), _BINS - 1)


def _bins(said: NDArray[np.float64], right: NDArray[np.float64]) -> Iterator[Bin]:
    places = _places(said)
    for place in range(_BINS):
        inside = places == place
        if inside.any():
            yield Bin(
                low=place / _BINS,
                high=(place + 1) / _BINS,
                confidence=float(said[inside].mean()),
                resolved=Share.made(int(right[inside].sum()), int(inside.sum())),
            )


def _ece(
    said: NDArray[np.float64], right: NDArray[np.float64], drawn: Resampled
) -> tuple[float, NDArray[np.float64]]:
    held = np.zeros((len(said), _BINS))
    held[np.arange(len(said)), _places(said)] = said - right
    exact = np.abs(held.sum(axis=0)).sum() / len(said)
    return float(exact), np.abs(drawn.sums(held)).sum(axis=1) / len(said)


def _ends(said: NDArray[np.float64]) -> list[int]:
    """Return the last place of each run of equal confidences."""
    ends, place = [], -1
    for _, same in groupby(said):
        place += sum(1 for _ in same)
        ends.append(place)
    return ends


def _curve(said: NDArray[np.float64], right: NDArray[np.float64]) -> Iterator[Risk]:
    wrong = np.cumsum(1 - right)
    for end in _ends(said):
        handed = end + 1
        yield Risk(confidence=float(said[end]), coverage=handed / len(said), risk=float(wrong[end] / handed))


def _aurc(
    said: NDArray[np.float64], right: NDArray[np.float64], drawn: Resampled
) -> tuple[float, NDArray[np.float64]]:
    areas = _areas(np.vstack([np.ones(len(said)), drawn.weights]), 1 - right, _ends(said))
    return float(areas[0]), areas[1:]


def _areas(weights: NDArray[np.float64], wrong: NDArray[np.float64], ends: list[int]) -> NDArray[np.float64]:
    """Return the area of each row of weights: the risk at each confidence, weighted by who has it."""
    handed, lost = np.cumsum(weights, axis=1)[:, ends], np.cumsum(weights * wrong, axis=1)[:, ends]
    risk = np.divide(lost, handed, out=np.zeros_like(lost), where=handed > 0)
    width = np.diff(handed, axis=1, prepend=0.0)
    area: NDArray[np.float64] = (risk * width).sum(axis=1) / weights.shape[1]
    return area
