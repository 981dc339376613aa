"""What is estimated of checks from the matrix alone, beside what they are; and what others would tell."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

import numpy as np
from mutant_crossing import Crossed
from numpy.typing import NDArray

from swe_scale.ranking import Evidence
from swe_scale.ranking.posterior import checked
from swe_scale.statistics import Estimate

Numbers = NDArray[np.float64]
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the checks of one issue: what is estimated, and what is so."""

    valid: float
    """Estimated share of checks that state what is right."""
    truly_valid: float
    passes: float
    """Estimated probability that a wrong candidate passes another author's check (f of arXiv 2411.17501)."""
    truly_passes: float
    """NaN where no candidate is wrong."""
    flips: float
    """Estimated probability that a run says the opposite."""


def quality(one: Crossed, regime: str) -> Quality:
    """Return what `latent` believes of an issue's checks, beside the truth."""
    evidence, truth = one.evidence[regime], one.valid[regime]
    belief = checked(evidence)
    wrong = {name: 1 - belief.of(name) for name in one.right}
    truly = {name: float(not right) for name, right in one.right.items()}
    return Quality(
        belief.valid,
        sum(truth.values()) / len(truth),
        _passes(evidence, wrong),
        _passes(evidence, truly),
        belief.flips,
    )


def _passes(evidence: Evidence, wrong: dict[str, float]) -> float:
    """Return how often wrong ones pass, each candidate counted by how probably it is wrong."""
    passed = counted = 0.0
    for one in evidence.candidates:
        for check in evidence.checks:
            if check.author not in one.authors:
                counted += wrong[one.id]
                passed += wrong[one.id] * (evidence.outcomes.of(one.id, check.id) == "pass")
    return passed / counted if counted else float("nan")


def rank_correlation(pairs: Sequence[Sequence[tuple[float, float]]], seed: int = 0) -> Estimate:
    """Return Spearman's correlation over all pairs, with its 95 % interval by bootstrap over issues.

    Args:
        pairs: of each issue, estimates with the truth.
        seed: of the resampling.

    Returns:
        NaN where there are no pairs, or all are equal.
    """
    known = [np.array(some) for some in pairs if len(some)]
    if not known:
        return Estimate(float("nan"), (float("nan"), float("nan")))
    chance = np.random.default_rng(seed)
    drawn = [
        _spearman(np.concatenate([known[place] for place in chance.integers(0, len(known), len(known))]))
        for _ in range(_RESAMPLES)
    ]
    sound = [value for value in drawn if isfinite(value)]
    low, high = np.quantile(sound, [0.025, 0.975]) if sound else (float("nan"), float("nan"))
    return Estimate(_spearman(np.concatenate(known)), (float(low), float(high)))


def _spearman(pairs: Numbers) -> float:
    first, second = (_ranks(pairs[:, column]) for column in (0, 1))
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Numbers) -> Numbers:
    """Return ranks; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Of an issue's pairs of candidates that behave differently, means."""

    by_verdict: float
    """Share of the suite's assertions that hold on one of the two alone."""
    by_output: float
    """Share of its expressions that give different things."""
    by_any: float
    """Whether any assertion holds on one alone."""
    by_own: float
    """Whether any check that the issue has tells them apart."""


def pairs_of(one: Crossed, regime: str, wanted: Callable[[bool, bool], bool]) -> Pairs | None:
    """Return what tells an issue's candidates apart; None where no two wanted ones behave differently.

    Args:
        one: the issue.
        regime: whose checks it has.
        wanted: from whether each of the two is right to whether the pair counts.
    """
    rows = [
        _pair(one, regime, first, second)
        for first, second in combinations(sorted(one.right), 2)
        if one.values[first] != one.values[second] and wanted(one.right[first], one.right[second])
    ]
    return Pairs(*np.mean(rows, axis=0)) if rows else None


def _pair(one: Crossed, regime: str, first: str, second: str) -> tuple[float, ...]:
    evidence = one.evidence[regime]
    outputs = list(zip(one.values[first], one.values[second], one.suite, strict=True))
    split = [(a == asked.expected) != (b == asked.expected) for a, b, asked in outputs]
    said = (
        (evidence.outcomes.of(first, check.id), evidence.outcomes.of(second, check.id))
        for check in evidence.checks
    )
    return (
        float(np.mean(split)),
        float(np.mean([a != b for a, b, _ in outputs])),
        float(any(split)),
        float(any(a != b for a, b in said)),
    )


def behaviours(found: Sequence[Crossed]) -> Iterator[tuple[int, int]]:
    """Yield, per issue, how many pairs of candidates there are, and of different behaviours."""
    for one in found:
        texts, ways = len(one.values), len(set(one.values.values()))
        yield texts * (texts - 1) // 2, ways * (ways - 1) // 2
