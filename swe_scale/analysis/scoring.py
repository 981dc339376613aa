"""Makes the scores of a run from what grades say of each issue."""

from collections.abc import Iterator, Sequence
from itertools import chain

from swe_scale.analysis.facts import Fact, View, Way
from swe_scale.analysis.figures import Cell, Point, Share
from swe_scale.analysis.resampling import Resampled
from swe_scale.analysis.scores import Scores
from swe_scale.statistics import pass_at_k

_KNOWN = 0.95
"""Share of the issues whose patches after a turn must have a ruling for a figure of that turn."""


def resolved_of(facts: Sequence[Fact], way: Way) -> Share:
    """Return the share resolved: of all issues but those whose proposal has no ruling."""
    ruled = [one.views[way] for one in facts if one.views[way].proposal in ("resolved", "unresolved")]
    return Share.made(sum(one.resolved for one in ruled), len(ruled))


def scores_of(facts: Sequence[Fact], way: Way, samples: int) -> Scores:
    """Return the scores of a run by one way of grading.

    Args:
        facts: all issues of the run.
        way: of grading.
        samples: trajectories per issue.
    """
    views = [one.views[way] for one in facts]
    proposals = [one.views[way].proposal for one in facts if one.outcome == "proposed"]
    known = [one for one in views if one.known]
    drawn = Resampled(len(known))
    covered, chosen = [one.covered for one in known], [one.resolved for one in known]
    random = [one.random for one in known]
    gained = [one - other for one, other in zip(chosen, random, strict=True)]
    room = [one - other for one, other in zip(covered, random, strict=True)]
    return Scores(
        resolved=resolved_of(facts, way),
        precision=Share.made(proposals.count("resolved"), len(proposals) - _unruled(proposals)),
        ungraded=proposals.count(""),
        infra=proposals.count("infra"),
        known=len(known),
        coverage=Share.made(sum(covered), len(known)),
        random=drawn.mean(random),
        selected=Share.made(sum(chosen), len(known)),
        efficiency=drawn.ratio(chosen, covered),
        gap=drawn.ratio(gained, room) if sum(room) > 1e-9 else None,
        pass_at=pass_at(known, drawn, samples),
        ranked_at=ranked_at(known, drawn),
        by_turns=tuple(_by_turns(known)),
        heat=tuple(_heat(known, samples)),
    )


def pass_at(known: Sequence[View], drawn: Resampled, samples: int) -> tuple[Point, ...]:
    """Return coverage by k trajectories for every k; an issue with fewer takes all that it has."""
    return tuple(
        Point(at=size, figure=drawn.mean([_pass(one.finals, size) for one in known]))
        for size in range(1, samples + 1)
        if known
    )


def ranked_at(known: Sequence[View], drawn: Resampled) -> tuple[Point, ...]:
    """Return the share resolved by the ranking of k trajectories, for the sizes that were ranked."""
    sizes = sorted({*chain.from_iterable(one.ranked for one in known)})
    return tuple(Point(at=size, figure=drawn.mean([one.ranked[size] for one in known])) for size in sizes)


def _unruled(proposals: Sequence[str]) -> int:
    return proposals.count("") + proposals.count("infra")


def _pass(labels: Sequence[bool | None], size: int) -> float:
    return pass_at_k(len(labels), sum(map(bool, labels)), min(size, len(labels)))


def _longest(known: Sequence[View]) -> int:
    return max((len(turns) for one in known for turns in one.turns), default=0)


def _cut(view: View, turn: int) -> tuple[bool | None, ...]:
    """Return the labels of an issue's trajectories, each cut after a turn; shorter ones are whole."""
    return tuple(
        turns[turn - 1] if turn < len(turns) else final
        for turns, final in zip(view.turns, view.finals, strict=True)
    )


def _told(known: Sequence[View], turn: int) -> list[tuple[bool | None, ...]]:
    """Return the labels after a turn of the issues where all are known."""
    return [cut for one in known if None not in (cut := _cut(one, turn))]


def _by_turns(known: Sequence[View]) -> Iterator[Point]:
    for turn in range(1, _longest(known) + 1):
        told = _told(known, turn)
        if len(told) >= _KNOWN * len(known):
            yield Point(at=turn, figure=Resampled(len(told)).mean([any(one) for one in told]))


def _heat(known: Sequence[View], samples: int) -> Iterator[Cell]:
    for turn in range(1, _longest(known) + 1):
        told = _told(known, turn)
        enough = len(told) >= _KNOWN * len(known)
        for size in range(1, samples + 1):
            coverage = sum(_pass(one, size) for one in told) / len(told) if enough else None
            yield Cell(turns=turn, samples=size, coverage=coverage, issues=len(told))
