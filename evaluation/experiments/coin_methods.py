"""What every way of choosing makes of the issues of a coin world, all on the same ones."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist

import numpy as np
from coin_evidence import evidence_of, right_of
from coin_world import Dials, Drawn, World
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
    belief = checked(evidence) if WEIGHING in rules else None
    rankings = {
        name: ranked_by(belief, evidence) if belief and name == WEIGHING else OWN_RULES[name](evidence)
        for name in rules
    }
    judge, further = (_Judge(drawn, dials.judge, chance) for chance in chances)
    judged: dict[str, str] = {}
    for name, ranking in rankings.items():
        judged[f"{name}, judged top 3"] = judge.best([one.candidate for one in ranking.ranked[:3]])
        judged[f"{name}, judged if contested"] = judge.best(ranking.contested)
    if belief:
        told = {**_weighed(evidence, rankings[WEIGHING].contested, further), **_scored(evidence, further)}
        rankings |= {f"{WEIGHING}, {name}": ranked_by(belief, one) for name, one in told.items()}
    leaders = {name: ranking.ranked[0] for name, ranking in rankings.items()}
    chosen = {name: one.candidate for name, one in leaders.items()} | judged
    return _Issue(
        {name: float(right_of(drawn, one)) for name, one in chosen.items()},
        {name: one.posterior for name, one in leaders.items()},
        float(drawn.right.any()),
        float(drawn.right.mean()),
    )


def _weighed(evidence: Evidence, contested: Sequence[str], judge: "_Judge") -> dict[str, Evidence]:
    """Return the evidence with so many verdicts on contested finalists."""
    count = max(WEIGHED) if len(contested) > 1 else 0
    said = [
        Opinion(judge="judge", finalists=tuple(contested), chosen=judge.pick(contested)) for _ in range(count)
    ]
    return {name_of(count): replace(evidence, opinions=tuple(said[:count])) for count in WEIGHED}


def name_of(verdicts: int) -> str:
    """Return the name under which so many weighed verdicts are reported."""
    return f"{verdicts} verdict{'s' if verdicts > 1 else ''} weighed"


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

    def best(self, names: Iterable[str]) -> str:
        """Return who is left when each further one has been compared with the winner so far."""
        first, *others = names
        for other in others:
            edge = int(right_of(self.drawn, other)) - int(right_of(self.drawn, first))
            for_other = self.chance.random(VERDICTS) < 0.5 + edge * (self.accuracy - 0.5)
            first = other if 2 * for_other.sum() > VERDICTS else first
        return first

    def pick(self, names: Sequence[str]) -> str:
        """Return the one that a verdict on all of them names (Plackett and Luce)."""
        odds = self.accuracy / (1 - self.accuracy)
        weights = np.array([odds if right_of(self.drawn, name) else 1.0 for name in names])
        return names[int(self.chance.choice(len(weights), p=weights / weights.sum()))]


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
