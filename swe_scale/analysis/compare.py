"""Compares systems by the issues that both were tried on: what can be told from chance, and what it costs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from swe_scale.analysis.facts import WAYS, Way
from swe_scale.analysis.figures import Measured, Share
from swe_scale.analysis.sides import Side
from swe_scale.analysis.summary import Reason
from swe_scale.records import Record, Usage
from swe_scale.statistics import difference, holm, paired_bootstrap, smallest_effect

LEVEL = 0.05
"""Below which a difference is called one."""


class Paid(Record):
    """What one side spends beside the other, per issue of those that are compared."""

    unit: str
    """`usd` (US dollars) or `tokens` (prompt and completion)."""
    first: float
    other: float
    difference: Measured
    """First less other, with its interval by the paired bootstrap."""


class Contrast(Record):
    """The first of the sides beside one of the others."""

    way: Way
    first: str
    other: str
    issues: int
    """Those that both have with a ruling."""
    resolved_first: Share
    resolved_other: Share
    difference: Measured
    """First less other, with its interval by Newcombe's method for pairs; -1 to 1."""
    bootstrap: Measured
    """The same with the interval of the paired bootstrap."""
    p: float
    """Exact McNemar, two-sided."""
    adjusted: float
    """The same by Holm over all contrasts of this way."""
    smallest: float
    """Least difference that would have been seen with a power of 80 %, 0 to 1."""
    only_first: tuple[str, ...]
    """Issues that only the first resolves."""
    only_other: tuple[str, ...]
    both: int
    neither: int
    words: str
    paid: tuple[Paid, ...]
    """Empty where nothing is known of what one of them cost."""


class Comparison(Record):
    """What is said of systems beside one another."""

    sides: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    """Hardened first, then official; within them in the order of the sides."""
    left_out: tuple[Reason, ...]
    """Issues that are not compared, and why."""


def compare(sides: Sequence[Side]) -> Comparison:
    """Compare the first of several systems with each of the others.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(sides) < 2:
        raise ValueError("there is nothing to compare with")
    first, others = sides[0], sides[1:]
    ways = [_of_way(first, others, way) for way in reversed(WAYS)]
    return Comparison(
        sides=tuple(one.name for one in sides),
        contrasts=tuple(chain.from_iterable(ways)),
        left_out=tuple(dict.fromkeys(chain.from_iterable(_left_out(first, other) for other in others))),
    )


def _of_way(first: Side, others: Sequence[Side], way: Way) -> Iterator[Contrast]:
    made = [_contrast(first, other, way) for other in others]
    adjusted = holm([one.p for one in made])
    for one, probable in zip(made, adjusted, strict=True):
        told = one.model_copy(update={"adjusted": probable})
        yield told.model_copy(update={"words": _words(told, len(others))})


def _contrast(first: Side, other: Side, way: Way) -> Contrast:
    issues = sorted(first.resolved[way].keys() & other.resolved[way].keys())
    ours = [first.resolved[way][issue] for issue in issues]
    theirs = [other.resolved[way][issue] for issue in issues]
    found = difference(ours, theirs)
    discordant = max(1, found.only_ours + found.only_other)
    paired = zip(issues, ours, theirs, strict=True)
    only = [(issue, one) for issue, one, two in paired if one != two]
    return Contrast(
        way=way,
        first=first.name,
        other=other.name,
        issues=len(issues),
        resolved_first=Share.made(sum(ours), len(issues)),
        resolved_other=Share.made(sum(theirs), len(issues)),
        difference=Measured(value=found.value, low=found.interval[0], high=found.interval[1]),
        bootstrap=_paired(ours, theirs),
        p=found.p,
        adjusted=found.p,
        smallest=smallest_effect(len(issues), discordant / max(1, len(issues))),
        only_first=tuple(issue for issue, one in only if one),
        only_other=tuple(issue for issue, one in only if not one),
        both=found.both,
        neither=found.neither,
        words="",
        paid=tuple(_paid(first, other, issues)),
    )


def _paired(ours: Sequence[float], theirs: Sequence[float]) -> Measured:
    if not ours:
        return Measured(value=0.0, low=-1.0, high=1.0)
    found = paired_bootstrap(ours, theirs)
    return Measured(value=found.value, low=found.interval[0], high=found.interval[1])


def _paid(first: Side, other: Side, issues: Sequence[str]) -> Iterator[Paid]:
    if first.costs is None or other.costs is None or not issues:
        return
    units: Mapping[str, Callable[[Usage], float]] = {
        "usd": lambda one: one.usd,
        "tokens": lambda one: float(one.tokens),
    }
    for unit, amount in units.items():
        ours = [amount(first.costs.get(issue, Usage())) for issue in issues]
        theirs = [amount(other.costs.get(issue, Usage())) for issue in issues]
        yield Paid(
            unit=unit,
            first=sum(ours) / len(issues),
            other=sum(theirs) / len(issues),
            difference=_paired(ours, theirs),
        )


def _left_out(first: Side, other: Side) -> Iterator[Reason]:
    for one, two in ((first, other), (other, first)):
        if lacking := sorted(one.issues - two.issues):
            yield Reason(text=f"only {one.name} has them, not {two.name}", issues=tuple(lacking))
    for one, two in ((first, other), (other, first)):
        reasons: dict[str, list[str]] = {}
        for issue in sorted(one.unknown.keys() & two.issues):
            reasons.setdefault(one.unknown[issue], []).append(issue)
        for text, issues in reasons.items():
            yield Reason(text=f"of {one.name}: {text}", issues=tuple(issues))


def _words(one: Contrast, contrasts: int) -> str:
    """Return what the figures mean."""
    if not one.issues:
        return f"{one.first} and {one.other} have no issue in common that is graded: nothing can be said."
    count = len(one.only_first) - len(one.only_other)
    more = f"{abs(count)} {'more' if count > 0 else 'fewer'}" if count else "as many"
    than = "than" if count else "as"
    corrected = f" after correction for {contrasts} comparisons" if contrasts > 1 else ""
    chance = f"p = {one.adjusted:.3g}{corrected}"
    told = (
        f"a difference that chance alone would rarely make ({chance})"
        if one.adjusted < LEVEL
        else f"which chance alone could well have made ({chance})"
    )
    return (
        f"Of {one.issues} issues {one.first} resolves {more} {than} {one.other} "
        f"({100 * one.difference.value:+.1f} points), {told}. Differences under about "
        f"{100 * one.smallest:.1f} points would mostly have been missed here."
    )
