"""How probable the order is in which an external verifier puts candidates, given who is right."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.belief import Belief
from swe_scale.ranking.latent.reweighing import reweighed

Numbers = NDArray[np.float64]
Grid = tuple[Numbers, Numbers]
"""Distances between the means of right and wrong ones, in their own spread, and how probable each is."""

VERIFIERS: Grid = (
    np.array([0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4]),
    np.array([0.4, 0.15, 0.16, 0.12, 0.09, 0.05, 0.03]),
)
"""By areas under the curve: 0.5, 0.61, 0.71, 0.80, 0.87, 0.92, 0.96. Two in five say nothing."""


def scored(belief: Belief, scores: Mapping[str, float], verifiers: Grid = VERIFIERS) -> Belief:
    """Return the belief once a verifier has given its scores.

    Only their order counts: scores are put to normal scores (van der Waerden, 1952), of which those of right
    candidates lie higher by some distance than those of wrong ones (binormal). How far isn't known: each
    distance of the grid is tried, nothing among them. Given which scores there are, it is then a matter of
    chance who got which (the conditional likelihood): so a verifier that knows nothing changes nothing on
    average, however many candidates are right. This is how execution and a trained verifier are combined, as
    R2E-Gym (arXiv 2504.07164) found both together better than either.

    Args:
        belief: what the other evidence makes probable.
        scores: by candidate, finite; candidates of one group have their mean.
        verifiers: what is known of verifiers beforehand.
    """
    known = [
        (number, [scores[name] for name in group if name in scores])
        for number, group in enumerate(belief.groups)
    ]
    places = [number for number, several in known if several]
    if len(places) < 2:
        return belief
    means = [sum(value / len(several) for value in several) for _, several in known if several]
    ranks = _normal_scores(means)
    cases = belief.cases[:, places]
    right = cases.sum(axis=1)
    distances, chances = verifiers
    above = np.outer(distances, cases @ ranks)
    usual = np.stack([_usual(distance * ranks) for distance in distances])
    told = np.logaddexp.reduce(np.log(chances)[:, None] + above - usual[:, right], axis=0)
    said: list[float | None] = [None] * len(belief.groups)
    for place, rank in zip(places, ranks.tolist(), strict=True):
        said[place] = rank
    return reweighed(belief, told, said)


def _normal_scores(values: Sequence[float]) -> Numbers:
    """Return by each value the normal quantile of its place; of equal ones, of the middle of their places."""
    told = np.array(values)
    below, upto = (told[:, None] > told).sum(axis=1), (told[:, None] >= told).sum(axis=1)
    normal = NormalDist()
    middle = (below + upto + 1) / 2 / (len(told) + 1)
    return np.array([normal.inv_cdf(share) for share in middle.tolist()])


def _usual(gains: Numbers) -> Numbers:
    """Return, by how many are right, the logarithm of the mean of exp(sum of gains) over who they may be.

    The elementary symmetric polynomials of exp(gain), over the number of their terms.
    """
    found = np.full(len(gains) + 1, -np.inf)
    found[0] = 0.0
    for number, gain in enumerate(gains.tolist(), start=1):
        # Of the first so many, the mean over those with the newest one, and those without.
        sizes = np.arange(1, number + 1)
        share = sizes / number
        with np.errstate(divide="ignore"):
            newest = np.log(share) + gain + found[:number]
            others = np.log1p(-share) + found[1 : number + 1]
        found[1 : number + 1] = np.logaddexp(newest, others)
    return found
