"""Puts evidence of another kind to a belief: each case counts as much as it explains that evidence, too."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.belief import Belief

Numbers = NDArray[np.float64]


def reweighed(belief: Belief, told: Numbers, alike: Sequence[Hashable]) -> Belief:
    """Return the belief once further evidence is known.

    A group's odds are multiplied by how much better the cases explain the evidence in which it is right than
    those in which it is wrong. Where the cases are few, that keeps what is known more exactly than they show
    it; otherwise it is the weighted mean over the cases. Cases are then drawn anew, by their weights, so that
    they are equally probable again.

    Args:
        belief: before.
        told: by case, the logarithm of the likelihood of the evidence, up to a constant.
        alike: by group, what the evidence says of it; of groups that were equally probable, those of which
            it says the same stay so.
    """
    if not belief.groups:
        return belief
    weight = np.exp(told - told.max())
    right = belief.cases.T @ weight
    wrong = weight.sum() - right
    count = belief.cases.sum(axis=0)
    others = len(weight) - count
    told_apart = (count > 0) & (others > 0)
    factor = np.ones(len(count))
    factor[told_apart] = (right * others)[told_apart] / np.maximum(wrong * count, 1e-300)[told_apart]
    found = belief.right * factor / (belief.right * factor + 1 - belief.right)
    nobody = ~belief.cases.any(axis=1)
    drawn = _drawn(weight)
    return replace(
        belief,
        right=_evened(found, belief.right, alike),
        none=float(weight[nobody].sum() / weight.sum()),
        cases=belief.cases[drawn],
        subtle=belief.subtle[drawn],
    )


def _drawn(weight: Numbers) -> NDArray[np.int64]:
    """Return numbers of cases, each as often as its share says (systematic resampling), without any lot."""
    share = np.cumsum(weight)
    found = np.searchsorted(share, (np.arange(len(weight)) + 0.5) / len(weight) * share[-1])
    return np.asarray(found.clip(0, len(weight) - 1))


def _evened(right: Numbers, before: Numbers, alike: Sequence[Hashable]) -> Numbers:
    """Return probabilities that are the same where all that is known is: what differs there is chance."""
    together: dict[Hashable, list[int]] = {}
    for number, said in enumerate(alike):
        together.setdefault((float(before[number]), said), []).append(number)
    even = right.copy()
    for numbers in together.values():
        even[numbers] = right[numbers].mean()
    return even
