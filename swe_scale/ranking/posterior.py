"""The rule that weighs every check by how far the matrix itself says that it can be trusted."""

from collections.abc import Mapping, Sequence
from math import log

from swe_scale.ranking.latent import Belief, believe, matrix_of
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.rule import FINALISTS, Ranking, rank
from swe_scale.records import Ranked

_BREAKS_RIGHT, _BREAKS_WRONG = 0.05, 0.25
"""Assumed: how often right and wrong patches break tests of the repository that others keep."""
_FORGED = -50.0
"""Of what was caught forging what is said of it: it can't be right, whatever checks say."""
_WORTH = 0.08
"""Probability that another finalist must add to that of any of them being right."""


def latent(evidence: Evidence) -> Ranking:
    """Rank by the probability of being right, given all checks, how good they seem, and tests kept.

    Nobody knows which checks are good; that is estimated together with which candidates are right, from who
    passes what (`believe`). Where checks say nothing, the change that most trajectories made comes first.
    Equal probabilities are in the order of the default rule. What was caught forging comes last, and what
    may be proposed is as the default rule has it. Level finalists are those who may well be right where the
    leader is not.
    """
    usual = rank(evidence)
    if not usual.ranked:
        return usual
    belief, caught = _belief(evidence, usual), evidence.outcomes.caught
    right = {one.candidate: round(belief.of(one.candidate), 4) for one in usual.ranked}
    order = sorted(usual.ranked, key=lambda one: (one.candidate in caught, -right[one.candidate]))
    ranked = tuple(
        one.model_copy(
            update={
                "posterior": 0.0 if one.candidate in caught else right[one.candidate],
                "reasons": (_why(right[one.candidate], belief), *one.reasons),
            }
        )
        for one in order
    )
    return Ranking(ranked, _finalists(ranked, belief, usual.supported), usual.supported)


def believed(evidence: Evidence) -> Belief:
    """Return what the evidence makes probable, the repository's own tests included."""
    return _belief(evidence, rank(evidence))


def _belief(evidence: Evidence, usual: Ranking) -> Belief:
    matrix, known = matrix_of(evidence), {one.candidate: one for one in usual.ranked}
    return believe(matrix, [_leaning(group.candidates, known, evidence) for group in matrix.groups])


def _leaning(group: Sequence[str], known: Mapping[str, Ranked], evidence: Evidence) -> float:
    """Return what speaks for a group beside written checks, as the logarithm of a ratio of likelihoods."""
    if evidence.outcomes.caught.issuperset(group):
        return _FORGED
    if not any(one.kind == "regression" for one in evidence.checks):
        return 0.0
    if min(known[name].broken - known[name].excused for name in group) > 0:
        return log(_BREAKS_RIGHT / _BREAKS_WRONG)
    return log((1 - _BREAKS_RIGHT) / (1 - _BREAKS_WRONG))


def _why(right: float, belief: Belief) -> str:
    if not belief.checks:
        return f"right with probability {right:.2f}: no check was run on it, agreement alone speaks"
    return (
        f"right with probability {right:.2f}, if {belief.valid:.0%} of {belief.checks} checks state what is "
        f"right and {belief.flips:.0%} of runs say the opposite, as the outcomes suggest"
    )


def _finalists(ranked: Sequence[Ranked], belief: Belief, supported: frozenset[str]) -> tuple[str, ...]:
    """Return the best of each group that may well be right where the leader is not."""
    leader = ranked[0].candidate
    places = {name: number for number, group in enumerate(belief.groups) for name in group}
    if leader not in places:
        return (leader,)
    best: dict[int, str] = {places[leader]: leader}
    for one in ranked:
        if one.candidate in supported and one.candidate in places:
            best.setdefault(places[one.candidate], one.candidate)
    contest = belief.contest(places[leader], FINALISTS, _WORTH)
    return tuple(best[number] for number in contest if number in best)
