"""The rule that weighs all that is said by how far it can be trusted: checks, scores, judges."""

from collections.abc import Iterator, Sequence
from math import log

from swe_scale.ranking.latent import Belief, believe, matrix_of, scored, weighed
from swe_scale.ranking.outcomes import Evidence, authors_of
from swe_scale.ranking.rule import FINALISTS, Ranking, rank
from swe_scale.ranking.voices import clusters_of
from swe_scale.records import Ranked

_BREAKS_RIGHT, _BREAKS_WRONG = 0.05, 0.25
"""Assumed: how often right and wrong patches break tests of the repository that others keep."""
_KEEPS = log((1 - _BREAKS_RIGHT) / (1 - _BREAKS_WRONG))
_FORGED = -50.0
"""Of what was caught forging what is said of it: it can't be right, whatever checks say."""
_WORTH = 0.05
"""Probability that another finalist must add to that of any of them being right. A verdict that is
right with 0.7 gains 0.4 of it."""


def latent(evidence: Evidence) -> Ranking:
    """Rank by the probability of being right, given all checks, how good they seem, and tests kept.

    Nobody knows which checks are good; that is estimated together with which candidates are right, from who
    passes what (`believe`). What a verifier and judges say is weighed with it (`scored`, `weighed`), so none
    of them has the last word. Where checks say nothing, the change that most trajectories made comes first.
    Equal probabilities are in the order of the votes. What was caught forging comes last, and what
    may be proposed is as the rule `votes` has it. Level finalists are those who may well be right where the
    leader is not.
    """
    usual = rank(evidence)
    return _ranked(usual, _checked(evidence, usual), evidence)


def ranked_by(belief: Belief, evidence: Evidence) -> Ranking:
    """Rank as `latent` does, by what checks make probable and by the scores and opinions of the evidence.

    Args:
        belief: by `checked`, of this evidence or of one with other scores and opinions.
        evidence: all of it.
    """
    return _ranked(rank(evidence), belief, evidence)


def _ranked(usual: Ranking, belief: Belief, evidence: Evidence) -> Ranking:
    if not usual.ranked:
        return usual
    belief, caught = _heard(belief, evidence), evidence.outcomes.caught
    right = {one.candidate: round(belief.of(one.candidate), 4) for one in usual.ranked}
    order = sorted(usual.ranked, key=lambda one: (one.candidate in caught, -right[one.candidate]))
    ranked = tuple(
        one.model_copy(
            update={
                "posterior": 0.0 if one.candidate in caught else right[one.candidate],
                "reasons": (*_why(one.candidate, right[one.candidate], belief, evidence), *one.reasons),
            }
        )
        for one in order
    )
    return Ranking(ranked, _finalists(ranked, belief, usual.supported), usual.supported, weighed=True)


def believed(evidence: Evidence) -> Belief:
    """Return what the evidence makes probable: the repository's own tests, scores and judges included."""
    return _heard(checked(evidence), evidence)


def checked(evidence: Evidence) -> Belief:
    """Return what checks and the repository's own tests make probable, whatever else was said."""
    return _checked(evidence, rank(evidence))


def _checked(evidence: Evidence, usual: Ranking) -> Belief:
    matrix, known = matrix_of(evidence), {one.candidate: one for one in usual.ranked}
    tested = any(one.kind == "regression" for one in evidence.checks)
    groups = [[known[name] for name in group.candidates] for group in matrix.groups]
    breaks = [min(one.broken - one.excused for one in group) > 0 for group in groups]
    leanings = [
        _FORGED if evidence.outcomes.caught.issuperset(group.candidates) else _KEEPS * (tested and not broken)
        for group, broken in zip(matrix.groups, breaks, strict=True)
    ]
    belief = believe(matrix, leanings, evidence.prior)
    if not any(breaks):
        return belief
    return belief.doubted([_BREAKS_RIGHT / _BREAKS_WRONG if broken else 1.0 for broken in breaks])


def _heard(belief: Belief, evidence: Evidence) -> Belief:
    counted = {one.id for one in evidence.checks}
    return weighed(scored(belief, evidence.scores), evidence.opinions, counted)


def _why(candidate: str, right: float, belief: Belief, evidence: Evidence) -> Iterator[str]:
    """Yield what the probability rests on."""
    if belief.checks:
        several = f"{belief.valid:.0%} of {belief.checks} checks state what is right"
        one = f"the one check states what is right with a probability of {belief.valid:.0%}"
        yield (
            f"right with probability {right:.2f}, if {several if belief.checks > 1 else one} "
            f"and {belief.flips:.0%} of runs say the opposite, as the outcomes suggest"
        )
    else:
        silent = _silent(candidate, evidence)
        yield f"right with probability {right:.2f}: {silent}, agreement alone speaks"
    if candidate in evidence.scores:
        above = sum(value > evidence.scores[candidate] for value in evidence.scores.values())
        yield f"scored {above + 1} of {len(evidence.scores)} by the verifier"
    heard = [one for one in evidence.opinions if candidate in one.finalists]
    if heard:
        chosen = sum(one.chosen == candidate for one in heard)
        yield f"chosen in {chosen} of {len(heard)} verdicts of judges"


def _silent(candidate: str, evidence: Evidence) -> str:
    """Return why no check says anything of a candidate, where none does of any."""
    outcomes, makers = evidence.outcomes, clusters_of(evidence)[evidence.forms[candidate]]
    authors = authors_of(one for one in evidence.checks if one.kind != "regression")
    others = [check for check, by in authors.items() if not by & makers and check not in outcomes.blind]
    run = sum(
        outcomes.of(candidate, check) not in (None, "infra") and not evidence.unreached(candidate, check)
        for check in others
    )
    match run:
        case 0:
            return "no check of others was run on it"
        case 1:
            return "no patch passes the one check of others that was run on it"
        case _:
            return f"no patch passes any of the {run} checks of others that were run on it"


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
