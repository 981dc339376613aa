"""What every way of choosing makes of the issues of a coin world, all on the same ones."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist

import numpy as np
from coin_world import Dials, Drawn, World, evidence_of
from numpy.typing import NDArray

from swe_scale.ranking import OWN_RULES, Evidence
from swe_scale.ranking.posterior import checked, ranked_by
from swe_scale.records import Opinion

Numbers = NDArray[np.float64]
Chances = tuple[np.random.Generator, np.random.Generator]
WEIGHING = "latent"
"""The rule that weighs verdicts and scores."""
VERDICTS = 3
"""Of the simulated judge, for each pair."""
WEIGHED = (1, 3)
"""Verdicts on the whole list of finalists that are weighed."""
AREAS = (0.5, 0.7, 0.8)
"""Areas under the curve of simulated verifiers; 0.5: it knows nothing."""
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
    world = World(dials, seed)
    chance, further = (np.random.default_rng((*seed, number)) for number in (1, 2))
    return [_issue(world.issue(samples), dials, rules, (chance, further)) for _ in range(_CHUNK)]


def _issue(drawn: Drawn, dials: Dials, rules: Sequence[str], chances: Chances) -> _Issue:
    evidence = evidence_of(drawn)
    belief = checked(evidence)
    rankings = {
        name: ranked_by(belief, evidence) if name == WEIGHING else OWN_RULES[name](evidence) for name in rules
    }
    places = {one.id: number for number, one in enumerate(evidence.candidates)}
    chosen = {name: places[ranking.ranked[0].candidate] for name, ranking in rankings.items()}
    sure = {name: ranking.ranked[0].posterior for name, ranking in rankings.items()}
    judge = _Judge(drawn, dials.judge, chances[0])
    for name, ranking in rankings.items():
        top = [places[one.candidate] for one in ranking.ranked[:3]]
        chosen[f"{name}, judged top 3"] = judge.best(top)
        contested = [places[one] for one in ranking.contested]
        chosen[f"{name}, judged if contested"] = judge.best(contested)
    if WEIGHING in rankings:
        level = rankings[WEIGHING].contested
        judge = _Judge(drawn, dials.judge, chances[1])
        for name, told in {**_weighed(evidence, level, judge), **_scored(evidence, judge)}.items():
            ranking = ranked_by(belief, told)
            chosen[f"{WEIGHING}, {name}"] = places[ranking.ranked[0].candidate]
            sure[f"{WEIGHING}, {name}"] = ranking.ranked[0].posterior
    return _Issue(
        {name: float(drawn.right[place]) for name, place in chosen.items()},
        sure,
        float(drawn.right.any()),
        float(drawn.right.mean()),
    )


def _weighed(evidence: Evidence, contested: Sequence[str], judge: "_Judge") -> dict[str, Evidence]:
    """Return the evidence with so many verdicts on contested finalists."""
    places = {one.id: number for number, one in enumerate(evidence.candidates)}
    said: list[Opinion] = []
    for _ in range(max(WEIGHED) if len(contested) > 1 else 0):
        picked = contested[judge.pick([places[name] for name in contested])]
        said.append(Opinion(judge="judge", finalists=tuple(contested), chosen=picked))
    return {
        f"{count} verdict{'s' if count > 1 else ''} weighed": replace(evidence, opinions=tuple(said[:count]))
        for count in WEIGHED
    }


def _scored(evidence: Evidence, judge: "_Judge") -> dict[str, Evidence]:
    """Return the evidence with the scores of verifiers that know more or less."""
    right, names = judge.drawn.right, [one.id for one in evidence.candidates]
    noise, found = judge.chance.normal(size=len(names)), {}
    for area in AREAS:
        told = noise + np.sqrt(2) * NormalDist().inv_cdf(area) * right
        scores = dict(zip(names, told.tolist(), strict=True))
        found[f"score of area {area:g}"] = replace(evidence, scores=scores)
    return found


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

    def pick(self, places: Sequence[int]) -> int:
        """Return the number of the one that a verdict on all of them names (Plackett and Luce)."""
        odds = self.accuracy / (1 - self.accuracy)
        weights = np.where(self.drawn.right[list(places)], odds, 1.0)
        return int(self.chance.choice(len(weights), p=weights / weights.sum()))


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
