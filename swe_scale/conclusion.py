"""Draws the conclusion: which patch is proposed, how sure that is, and why; or why none is. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.diversity import diversity
from swe_scale.errors import ModelError
from swe_scale.ranking import Evidence, Ranking
from swe_scale.records import (
    Decision,
    Issue,
    Ranked,
    Reached,
    Solution,
    Trajectory,
    TrajectoryOutcome,
    Usage,
)
from swe_scale.selection import Choice

_ENDS: dict[TrajectoryOutcome, str] = {
    "done": "ended without a change to more than tests",
    "turns": "ran out of replies",
    "context": "ran out of context",
    "budget": "ran out of budget",
    "malformed": "never kept the format",
    "cancelled": "was not waited for",
    "failed": "failed, or lost the endpoint or the sandbox",
}

_UNSUPPORTED = (
    "the best candidate is supported by nobody but its own author: no check but its author's, "
    "no similar patch, no test of the repository that it alone keeps"
)


@dataclass(frozen=True, slots=True)
class Made:
    """What a search has brought."""

    trajectories: tuple[Trajectory, ...]
    evidence: Evidence
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is said in the end."""

    reason: str
    chosen: Ranked | None = None
    confidence: float = 0.0


def conclude(
    issue: Issue, made: Made, ranking: Ranking, choice: Choice | None, least: float = 0.0
) -> Solution:
    """Return the solution, without what it cost.

    Args:
        issue: that was to be solved.
        made: what the search has brought.
        ranking: of its candidates.
        choice: of a selection, where there was one.
        least: confidence below which nothing is proposed, 0 to 1.

    Raises:
        ModelError: there is no candidate, and endpoint or sandbox failed every trajectory.
    """
    answer = _answer(made, ranking, choice, least)
    chosen = answer.chosen
    known = made.evidence if choice is None else made.evidence.also(choice.checks, choice.verdicts)
    patches = {one.id: one.patch for one in made.evidence.candidates}
    return Solution(
        issue=issue.id,
        outcome="proposed" if chosen else "abstained",
        patch=patches[chosen.candidate] if chosen else None,
        candidate=chosen.candidate if chosen else None,
        confidence=answer.confidence,
        reason=answer.reason,
        candidates=made.evidence.candidates,
        checks=known.checks,
        verdicts=known.verdicts,
        ranking=ranking.ranked,
        decisions=made.decisions,
        trajectories=made.trajectories,
        usage=Usage(),
        stages={},
        seconds={},
        diversity=diversity(made.trajectories, made.evidence),
        reached=_reached(known),
    )


def _reached(evidence: Evidence) -> tuple[Reached, ...]:
    candidates, checks = ({one.id for one in several} for several in (evidence.candidates, evidence.checks))
    return tuple(
        Reached(check=check, candidate=candidate, reach=reach)
        for (check, candidate), reach in sorted(evidence.reach.items())
        if candidate in candidates and check in checks
    )


def without_candidates(issue: Issue, reason: str, decisions: Sequence[Decision] = ()) -> Solution:
    """Return the abstention of an issue that isn't begun, or whose time was over before it could be."""
    nothing = Made((), Evidence((), {}, (), ()), tuple(decisions))
    return conclude(issue, nothing, Ranking((), (), frozenset()), None).model_copy(update={"reason": reason})


def _answer(made: Made, ranking: Ranking, choice: Choice | None, least: float) -> _Answer:
    if not ranking.ranked:
        if made.trajectories and all(one.outcome == "failed" for one in made.trajectories):
            raise ModelError(made.trajectories[0].error)
        return _Answer(_nothing(made.trajectories))
    chosen = ranking.ranked[0]
    if choice is not None:
        chosen = next(one for one in ranking.ranked if one.candidate == choice.candidate)
    if chosen.candidate not in ranking.supported:
        return _Answer(_UNSUPPORTED, confidence=chosen.posterior)
    if chosen.posterior < least:
        doubt = f"confidence in the best candidate is {chosen.posterior:.2f}, and {least:.2f} is asked"
        return _Answer(f"{doubt}; {_remedy(made, ranking)}", confidence=chosen.posterior)
    reasons = (*chosen.reasons, choice.reason) if choice is not None else chosen.reasons
    return _Answer("; ".join(reasons), chosen, chosen.posterior)


def _remedy(made: Made, ranking: Ranking) -> str:
    """Return what could change the verdict."""
    outcomes, candidates = made.evidence.outcomes, made.evidence.candidates
    heard = [one for one in made.evidence.checks if one.kind != "regression" and outcomes.reproduces(one.id)]
    if not heard:
        return "no check fails on the untouched code: one that does, and passes on a patch, would say more"
    if not any(outcomes.of(one.id, check.id) == "pass" for check in heard for one in candidates):
        return f"no candidate passes any of the {len(heard)} checks that fail on the untouched code"
    if len(ranking.contested) > 1:
        return f"any of {len(ranking.contested)} may be right: a check on which they differ would tell"
    return "more trajectories that come to the same change, each on its own, would raise it"


def _nothing(trajectories: tuple[Trajectory, ...]) -> str:
    ends = Counter(one.outcome for one in trajectories)
    if trajectories and all(one.outcome == "budget" and not one.turns for one in trajectories):
        return f"the budget is smaller than one call: {trajectories[0].error}"
    parts = [f"{count} {_ENDS[outcome]}" for outcome, count in sorted(ends.items())]
    return "no trajectory brought a candidate: " + ", ".join(parts or ["none was started"])
