"""How probable it is that judges say what they said, given who is right."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.belief import Belief
from swe_scale.ranking.latent.reweighing import reweighed
from swe_scale.records import Opinion

Numbers = NDArray[np.float64]
_RELIABLE, _MISLED = 3.5, 1.5
"""Of the beta distribution of how often a judge picks the right one of two: 0.70 on average, and with a
probability of 0.17 it is misled on this issue, so that it mostly picks the wrong one."""
_STEPS = 40
_SAYS_NONE = 0.25
"""How readily a judge says that none is right, beside one finalist that seems as good to it as that."""
_ECHO = 0.5
"""What an opinion counts that was formed on checks of the judge's own which count themselves."""

Grid = tuple[Numbers, Numbers]
"""How often a judge may pick the right one of two, and how probable each is."""


def _beta(successes: float, failures: float) -> Grid:
    steps = (np.arange(_STEPS) + 0.5) / _STEPS
    density = steps ** (successes - 1) * (1 - steps) ** (failures - 1)
    return steps, density / density.sum()


JUDGES: Grid = _beta(_RELIABLE, _MISLED)


def weighed(
    belief: Belief, opinions: Sequence[Opinion], counted: Collection[str] = (), judges: Grid = JUDGES
) -> Belief:
    """Return the belief once judges have said who is right.

    A judge chooses with a probability that is in proportion to weights (Plackett and Luce): p / (1 − p) of
    what is right, 1 of what is wrong; "none of them" has such a weight, too, by whether that is so. How good
    judges are, p, isn't known: every p of the grid is tried. Opinions of one judge on one issue have their p
    in common, so ten equal ones say far less than ten of different judges, who have a p each.

    Args:
        belief: what the other evidence makes probable.
        opinions: those that name no candidate that is known say nothing.
        counted: checks that are in the other evidence: who chose by what his own of these said counts less.
        judges: what is known of judges beforehand.
    """
    places = {name: number for number, group in enumerate(belief.groups) for name in group}
    by_judge: dict[str, list[Opinion]] = {}
    for one in opinions:
        if any(name in places for name in one.finalists):
            by_judge.setdefault(one.judge, []).append(one)
    if not by_judge:
        return belief
    told = np.zeros(len(belief.cases))
    rates, chances = judges
    for several in by_judge.values():
        by_rate = np.log(chances)[:, None] + sum(
            _told(one, belief, places, rates) * (_ECHO if {*counted}.intersection(one.checks) else 1.0)
            for one in several
        )
        told += np.logaddexp.reduce(by_rate, axis=0)
    said = [_said_of(group, by_judge) for group in belief.groups]
    return reweighed(belief, told, said)


def _told(one: Opinion, belief: Belief, places: Mapping[str, int], rates: Numbers) -> Numbers:
    """Return the logarithm of how probable an opinion is: rates × cases."""
    edge = rates / (1 - rates)
    right = np.zeros((len(one.finalists), len(belief.cases)), dtype=np.bool_)
    for row, name in enumerate(one.finalists):
        if name in places:
            right[row] = belief.cases[:, places[name]]
    count = right.sum(axis=0)
    none = _SAYS_NONE * np.where(count == 0, edge[:, None], 1.0)
    total = count * edge[:, None] + (len(one.finalists) - count) + none
    if one.chosen is None:
        return np.asarray(np.log(none / total))
    chosen = np.where(right[one.finalists.index(one.chosen)], edge[:, None], 1.0)
    return np.asarray(np.log(chosen / total))


def _said_of(
    group: Collection[str], by_judge: Mapping[str, Sequence[Opinion]]
) -> tuple[tuple[int, ...], ...]:
    """Return, by judge, in how many comparisons of which size a group was chosen, and in how many it lost."""
    return tuple(
        tuple(
            sorted(
                len(one.finalists) * (1 if one.chosen in group else -1)
                for one in several
                if not set(group).isdisjoint(one.finalists)
            )
        )
        for several in by_judge.values()
    )
