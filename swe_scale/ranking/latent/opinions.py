"""How probable it is that judges say what they said, given who is right."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.belief import Belief
from swe_scale.ranking.latent.reweighing import reweighed
from swe_scale.records import Opinion

Numbers = NDArray[np.float64]
Grid = tuple[tuple[float, ...], tuple[float, ...]]
"""Values that are tried, and how probable each is."""
_STEPS = 16
_ECHO = 0.5
"""What an opinion counts that was formed on checks of the judge's own which count themselves."""


def _beta(successes: float, failures: float) -> Grid:
    steps = (np.arange(_STEPS) + 0.5) / _STEPS
    density = steps ** (successes - 1) * (1 - steps) ** (failures - 1)
    return tuple(steps.tolist()), tuple((density / density.sum()).tolist())


@dataclass(frozen=True, slots=True)
class Judges:
    """What is known of judges before they speak. By these numbers one verdict is right with 0.70."""

    rates: Grid = field(default_factory=lambda: _beta(4.5, 1.5))
    """How often one picks the right one of two that it likes equally; some are misled, and do so seldom."""
    tastes: Grid = ((1.0, 4.0, 16.0), (0.4, 0.35, 0.25))
    """By how much it is drawn to one finalist, any of them, for reasons that have nothing to do with it."""
    nones: Grid = ((0.01, 0.25, 1.0), (0.6, 0.3, 0.1))
    """How readily it says that none is right, beside how readily it names one of several wrong ones."""


JUDGES = Judges()


def weighed(
    belief: Belief, opinions: Sequence[Opinion], counted: Collection[str] = (), judges: Judges = JUDGES
) -> Belief:
    """Return the belief once judges have said who is right.

    A judge chooses with a probability that is in proportion to weights (Plackett and Luce): p / (1 − p) of
    what is right, 1 of what is wrong, times a taste; "none of them" has such a weight, too, by whether that
    is so. How good judges are, p, what they are drawn to, and how readily they say "none" isn't known: all
    combinations are tried. Opinions of one judge on one issue have them in common, so ten equal ones say far
    less than ten of different judges, who have their own.

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
    told = sum(_by_case(several, belief, places, counted, judges) for several in by_judge.values())
    said = [_said_of(group, by_judge) for group in belief.groups]
    return reweighed(belief, np.asarray(told), said)


def _by_case(
    opinions: Sequence[Opinion],
    belief: Belief,
    places: Mapping[str, int],
    counted: Collection[str],
    judges: Judges,
) -> Numbers:
    """Return the logarithm of how probable all that one judge said is, by case."""
    names = sorted({name for one in opinions for name in one.finalists})
    right = np.zeros((len(belief.cases), len(names)), dtype=np.bool_)
    for column, name in enumerate(names):
        if name in places:
            right[:, column] = belief.cases[:, places[name]]
    # Cases in which the same of them are right are alike.
    alike, case = np.unique(right, axis=0, return_inverse=True)
    kinds = _Kinds.of(judges, names)
    joint = np.log(kinds.chance)[:, None] + sum(
        kinds.told(one, alike) * (_ECHO if {*counted}.intersection(one.checks) else 1.0) for one in opinions
    )
    return np.asarray(np.logaddexp.reduce(joint, axis=0)[case.ravel()])


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The combinations of what isn't known of one judge."""

    names: Sequence[str]
    chance: Numbers
    edge: Numbers
    """Weight of what is right."""
    none: Numbers
    draws: Numbers
    """Factor of each finalist's weight: combinations × names."""

    @classmethod
    def of(cls, judges: Judges, names: Sequence[str]) -> "_Kinds":
        drawn_to = [
            (place, taste, chance / len(names))
            for taste, chance in zip(*judges.tastes, strict=True)
            for place in range(len(names))
        ]
        rows = [
            (likely * share * chance, rate / (1 - rate), none, place, taste)
            for rate, likely in zip(*judges.rates, strict=True)
            for none, share in zip(*judges.nones, strict=True)
            for place, taste, chance in drawn_to
        ]
        chances, edges, nones, places, tastes = (np.array(column) for column in zip(*rows, strict=True))
        draws = np.ones((len(rows), len(names)))
        draws[np.arange(len(rows)), places] = tastes
        return cls(names, chances, edges, nones, draws)

    def told(self, one: Opinion, right: NDArray[np.bool_]) -> Numbers:
        """Return the logarithm of how probable an opinion is: combinations × cases.

        Args:
            one: the opinion.
            right: who is, of the names: cases × names.
        """
        shown = [self.names.index(name) for name in one.finalists]
        weights = np.where(right[:, shown], self.edge[:, None, None], 1.0) * self.draws[:, None, shown]
        none = self.none[:, None] * np.where(right[:, shown].any(axis=1), 1.0, self.edge[:, None])
        total = weights.sum(axis=2) + none
        chosen = none if one.chosen is None else weights[:, :, one.finalists.index(one.chosen)]
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
