"""What every way of choosing makes of the issues of a coin world, all on the same ones."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from coin_world import Dials, Drawn, World, evidence_of
from numpy.typing import NDArray

from swe_scale.ranking import OWN_RULES

Numbers = NDArray[np.float64]
VERDICTS = 3
"""Of the simulated judge, for each pair."""
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of many issues, by method: whether its choice is right, and how sure it was."""

    right: Mapping[str, Numbers]
    sure: Mapping[str, Numbers]
    coverage: Numbers
    """Whether any candidate is right, by issue."""
    chance: Numbers
    """Share of right candidates."""


def measure(dials: Dials, seed: int, issues: int, samples: int, rules: Sequence[str]) -> Outcome:
    """Return what rules, and judges, make of so many issues; the processors share them.

    Each chunk of issues has a seed of its own, so that the result doesn't depend on how they are shared.
    """
    chunks = [(seed, chunk) for chunk in range(-(-issues // _CHUNK))]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(partial(_chunk, dials, samples, tuple(rules)), chunks))
    return _joined([part for several in parts for part in several][:issues])


@dataclass(frozen=True, slots=True)
class _Issue:
    right: Mapping[str, float]
    sure: Mapping[str, float]
    coverage: float
    chance: float


def _chunk(dials: Dials, samples: int, rules: Sequence[str], seed: tuple[int, int]) -> list[_Issue]:
    world, chance = World(dials, seed), np.random.default_rng((*seed, 1))
    return [_issue(world.issue(samples), dials, rules, chance) for _ in range(_CHUNK)]


def _issue(drawn: Drawn, dials: Dials, rules: Sequence[str], chance: np.random.Generator) -> _Issue:
    evidence = evidence_of(drawn)
    rankings = {name: OWN_RULES[name](evidence) for name in rules}
    places = {one.id: number for number, one in enumerate(evidence.candidates)}
    chosen = {name: places[ranking.ranked[0].candidate] for name, ranking in rankings.items()}
    sure = {name: ranking.ranked[0].posterior for name, ranking in rankings.items()}
    judge = _Judge(drawn, dials.judge, chance)
    for name, ranking in rankings.items():
        top = [places[one.candidate] for one in ranking.ranked[:3]]
        chosen[f"{name}, judged top 3"] = judge.best(top)
        contested = [places[one] for one in ranking.contested]
        chosen[f"{name}, judged if contested"] = judge.best(contested)
    return _Issue(
        {name: float(drawn.right[place]) for name, place in chosen.items()},
        sure,
        float(drawn.right.any()),
        float(drawn.right.mean()),
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    """Picks the right one of two with a probability, several times a pair; among equals, by lot."""

    drawn: Drawn
    accuracy: float
    chance: np.random.Generator

    def best(self, places: Iterable[int]) -> int:
        """Return who is left when each further one has been compared with the winner so far."""
        first, *others = places
        for other in others:
            edge = int(self.drawn.right[other]) - int(self.drawn.right[first])
            for_other = self.chance.random(VERDICTS) < 0.5 + edge * (self.accuracy - 0.5)
            first = other if 2 * for_other.sum() > VERDICTS else first
        return first


def _joined(issues: Sequence[_Issue]) -> Outcome:
    def column(values: Iterable[Mapping[str, float]]) -> dict[str, Numbers]:
        rows = list(values)
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    return Outcome(
        column(one.right for one in issues),
        column(one.sure for one in issues),
        np.array([one.coverage for one in issues]),
        np.array([one.chance for one in issues]),
    )
