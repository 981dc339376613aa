"""Makes a ranking of a score: all that a new rule has to write is how good a candidate is, and why."""

from collections.abc import Callable, Sequence
from math import isnan

from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.rule import FINALISTS, Ranking, rank
from swe_scale.records import Candidate, Ranked

Score = Callable[[Candidate, Ranked], float | tuple[float, ...]]
"""From a candidate, and what the rule `votes` knows of it, to how good it is: more is better."""


def ordered(evidence: Evidence, score: Score, why: Callable[[Candidate, Ranked], str]) -> Ranking:
    """Rank by a score, best first; what scores alike is in the order of the votes.

    What was caught forging comes last whatever its score, and what may be proposed is as the rule `votes`
    has it. Level finalists are those that score as the leader does, the best of each normal form.

    Args:
        evidence: all of it.
        score: of each candidate; of several numbers, later ones decide where earlier ones are equal.
        why: the reason that is given for its place, in a few words.

    Raises:
        ValueError: a score is not a number.
    """
    usual = rank(evidence)
    caught = evidence.outcomes.caught
    by_id = {one.id: one for one in evidence.candidates}
    scores = {one.candidate: _numbers(score(by_id[one.candidate], one)) for one in usual.ranked}
    ranked = sorted(
        usual.ranked, key=lambda one: (one.candidate in caught, *(-part for part in scores[one.candidate]))
    )
    told = tuple(
        one.model_copy(update={"reasons": (why(by_id[one.candidate], one), *one.reasons)}) for one in ranked
    )
    level = [one for one in told if scores[one.candidate] == scores[told[0].candidate]] if told else []
    return Ranking(told, _best_of_each_form(level, usual.supported), usual.supported)


def _numbers(score: float | tuple[float, ...]) -> tuple[float, ...]:
    parts = score if isinstance(score, tuple) else (score,)
    if any(isnan(part) for part in parts):
        raise ValueError("a score is not a number")
    return parts


def _best_of_each_form(level: Sequence[Ranked], supported: frozenset[str]) -> tuple[str, ...]:
    best: dict[str, str] = {}
    for place, one in enumerate(level):
        if place == 0 or one.candidate in supported:
            best.setdefault(one.form, one.candidate)
    return tuple(best.values())[:FINALISTS]
