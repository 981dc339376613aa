"""Puts issues together: by repository, difficulty and reason; and in one line each."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from swe_scale.analysis.facts import Fact, Way
from swe_scale.analysis.figures import Share, Spread
from swe_scale.analysis.scoring import resolved_of
from swe_scale.analysis.summary import Counts, Outcome, Part, Reason, Strategy, Variety
from swe_scale.records import Diversity, Usage, Yield

_NUMBER = re.compile(r"\d[\d.,]*")
_REASON = 400
"""Characters of a reason that are kept."""


def counts_of(facts: Sequence[Fact]) -> Counts:
    """Return the issues by what became of them."""
    outcomes = [one.outcome for one in facts]
    return Counts(
        issues=len(facts),
        finished=sum(one.finished for one in facts),
        failed=outcomes.count("failed"),
        unstarted=outcomes.count("unstarted"),
        proposed=outcomes.count("proposed"),
        abstained=outcomes.count("abstained"),
    )


def parts_of(facts: Sequence[Fact], name: Callable[[Fact], str], graded: bool) -> tuple[Part, ...]:
    """Return the issues by a name, most first; those without one are left out."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for one in facts:
        if key := name(one):
            found[key].append(one)

    def share(inside: Sequence[Fact], way: Way) -> Share | None:
        return resolved_of(inside, way) if graded else None

    return tuple(
        Part(
            name=key,
            issues=len(inside),
            official=share(inside, "official"),
            hardened=share(inside, "hardened"),
        )
        for key, inside in sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    )


def abstentions_of(facts: Sequence[Fact]) -> tuple[Reason, ...]:
    """Return why nothing was proposed, reasons that differ in numbers alone together; most frequent first."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in facts:
        if one.outcome == "abstained":
            found[_NUMBER.sub("…", one.reason)[:_REASON]].append(one.issue)
    return tuple(
        Reason(text=text, issues=tuple(issues))
        for text, issues in sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    )


def outcomes_of(facts: Sequence[Fact], spent: Mapping[str, Usage]) -> tuple[Outcome, ...]:
    """Return each issue in one line."""
    return tuple(_outcome(one, spent.get(one.issue, Usage())) for one in facts)


def _outcome(one: Fact, usage: Usage) -> Outcome:
    proposed = one.views if one.outcome == "proposed" else {}
    view = one.views.get("hardened")
    return Outcome(
        issue=one.issue,
        repo=one.repo,
        difficulty=one.difficulty,
        outcome=one.outcome,
        reason=one.reason[:_REASON],
        confidence=one.confidence,
        official=proposed["official"].proposal if proposed else "",
        hardened=proposed["hardened"].proposal if proposed else "",
        covered=view.covered if view is not None and view.known else None,
        trajectories=one.trajectories,
        candidates=one.candidates,
        usage=usage,
    )


def variety_of(found: Sequence[Diversity]) -> Variety | None:
    """Return how much candidates differ, over these issues; None of nothing."""
    if not found:
        return None
    overlaps = [one.overlap for one in found if one.overlap is not None]
    names = sorted({name for one in found for name in one.strategies})
    return Variety(
        trees=_mean([one.trees for one in found]),
        forms=_mean([one.forms for one in found]),
        files=_mean([one.files for one in found]),
        behaviours=_mean([one.behaviours for one in found]),
        overlap=_mean(overlaps) if overlaps else None,
        strategies=tuple(
            _strategy(name, [one.strategies[name] for one in found if name in one.strategies])
            for name in names
        ),
    )


def _strategy(name: str, yields: Sequence[Yield]) -> Strategy:
    return Strategy(
        name=name,
        trajectories=sum(one.trajectories for one in yields),
        candidates=sum(one.candidates for one in yields),
        own=sum(one.own for one in yields),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def spread_of(values: Sequence[float]) -> Spread | None:
    """Return least, median and greatest; None of nothing."""
    if not values:
        return None
    order, half = sorted(values), len(values) // 2
    median = order[half] if len(order) % 2 else (order[half - 1] + order[half]) / 2
    return Spread(least=order[0], median=median, most=order[-1], total=sum(order), of=len(order))
