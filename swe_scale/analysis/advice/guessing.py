"""What can be said of a run without grades: agreement, and what a posterior makes probable."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from swe_scale.analysis.recording import Recording
from swe_scale.ranking import Evidence, Rule, find_rule
from swe_scale.records import Solution

RULE = "latent"
"""Whose probabilities are used: those of the other rules aren't meant as such."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What some evidence looks like, or the mean of several."""

    agreement: float
    probable: float
    expected: float
    usd: float
    tokens: float


def guess(solution: Solution, sizes: Sequence[int], draws: int, least: float) -> Mapping[int, Looks]:
    """Return what so many samples of an issue look like, drawn without replacement; nothing of none.

    Args:
        solution: what is recorded.
        sizes: the numbers; beyond what there are, all count.
        draws: of each number.
        least: probability below which nothing would be proposed.
    """
    recording = Recording(solution)
    first, rule = recording.first, find_rule(RULE)
    known: dict[frozenset[int], tuple[float, float, float]] = {}
    found: dict[int, Looks] = {}
    for size in sizes if first else ():
        several = []
        for draw in range(draws):
            chance = random.Random(f"{solution.issue} {draw}")  # noqa: S311 - it draws samples, not secrets
            drawn = chance.sample(first, len(first))[:size]
            names = frozenset(one.index for one in drawn)
            if names not in known:
                whole = [recording.cut(one, None) for one in sorted(drawn, key=lambda one: one.index)]
                known[names] = _looks(recording.evidence(whole), rule, least)
            usage = [one.usage for one in drawn]
            several.append(
                Looks(*known[names], sum(one.usd for one in usage), float(sum(one.tokens for one in usage)))
            )
        found[size] = mean_of(several)
    return found


def mean_of(several: Sequence[Looks]) -> Looks:
    """Return the mean of several."""
    return Looks(**{name: fmean(getattr(one, name) for one in several) for name in Looks.__slots__})


def _looks(evidence: Evidence, rule: Rule, least: float) -> tuple[float, float, float]:
    """Return agreement, whether the leader is probably right, and how probable what is proposed is."""
    if not evidence.candidates:
        return 0.0, 0.0, 0.0
    ranking = rule(evidence)
    leader = ranking.ranked[0]
    forms: Counter[str] = Counter()
    for one in evidence.candidates:
        forms[evidence.forms[one.id]] += len(one.authors)
    proposed = leader.candidate in ranking.supported and leader.posterior >= least
    agreement = max(forms.values()) / max(1, forms.total())
    return agreement, float(leader.posterior >= 0.5), leader.posterior if proposed else 0.0
