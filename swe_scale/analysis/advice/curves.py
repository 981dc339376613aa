"""The issues of a pool as one table, and the curves over samples and over turns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from swe_scale.analysis.advice.document import Cost, SamplePoint, TurnPoint
from swe_scale.analysis.advice.pooling import Tried
from swe_scale.analysis.advice.rows import Rows, stated
from swe_scale.analysis.figures import Measured
from swe_scale.analysis.replay import Score
from swe_scale.records import Usage
from swe_scale.scaling import coverages

Numbers = NDArray[np.float64]

_KNOWN = 0.95
"""Share of the issues of which something must be known for a figure of it."""
_SCALED = "trajectory"
"""The stage whose cost grows with the number of samples."""


@dataclass(frozen=True)
class Table:
    """Issues of a pool that are graded in full, one row each."""

    issues: Sequence[Sequence[Tried]]
    """By issue, the attempts at it."""

    @cached_property
    def rows(self) -> Rows:
        """The issues and their resamples."""
        return Rows(len(self.issues))

    @cached_property
    def samples(self) -> list[int]:
        """Of each issue, in all attempts."""
        return [sum(one.attempt.samples for one in several) for several in self.issues]

    @cached_property
    def right(self) -> list[int]:
        """Of each issue, the samples that are right."""
        return [sum(one.attempt.right or 0 for one in several) for several in self.issues]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of samples that were replayed on all issues, ascending; one is always among them."""
        wanted = {size for several in self.issues for one in several for size in one.attempt.scores}
        return tuple(size for size in sorted(wanted) if self._of(size) is not None)

    @property
    def half(self) -> int | None:
        """The greatest of these numbers that is at most half of the last; None where there is none."""
        return max((size for size in self.sizes if 2 * size <= self.sizes[-1]), default=None)

    @cached_property
    def longest(self) -> int:
        """Turns of the longest sample; 0 where none can be cut."""
        return max(one.attempt.longest for several in self.issues for one in several)

    @cached_property
    def turns(self) -> tuple[int, ...]:
        """Numbers of turns after which samples were cut, ascending, up to the longest one's end."""
        attempts = [one.attempt for several in self.issues for one in several]
        known = sorted({turns for one in attempts for turns in one.turned}) if self.longest else []
        ended = [turns for turns in known if turns >= self.longest]
        return tuple(turns for turns in known if turns <= min(ended, default=self.longest))

    def scores(self, size: int) -> list[Score]:
        """Return what comes of so many samples on each issue.

        Raises:
            KeyError: so many weren't replayed.
        """
        found = self._of(size)
        if found is None:
            raise KeyError(size)
        return found

    def values(self, size: int, value: Callable[[Score], float]) -> Numbers:
        """Return a value of what comes of so many samples, by issue."""
        return np.array([value(one) for one in self.scores(size)])

    def resolved(self, size: int) -> Numbers:
        """Return what the rule resolves with so many samples, by issue.

        It is known of some draws only, coverage of all: that the drawn ones cover more or less than all do is
        made up for in proportion (a control variate), so the mean is never above that of coverage.
        """
        told, drawn = self.values(size, lambda one: one.resolved), self.values(size, lambda one: one.coverage)
        share = told.sum() / drawn.sum() if drawn.any() else 0.0
        return _snapped(told + share * (self.covered(size) - drawn))

    def wrong(self, size: int) -> Numbers:
        """Return the share of wrong proposals with so many samples, by issue."""
        return _snapped(1 - self.values(size, lambda one: one.abstained) - self.resolved(size))

    def covered(self, size: int) -> Numbers:
        """Return pass@k of each issue at one number of samples."""
        return np.asarray(self.coverage([size])[:, 0])

    def coverage(self, sizes: Sequence[int]) -> Numbers:
        """Return pass@k of each issue, issues × sizes."""
        return coverages(self.samples, self.right, sizes)

    def fixed(self) -> Usage:
        """Return the cost per issue of all stages but the trajectories."""
        spent = [
            sum((usage for stage, usage in one.spent.items() if stage != _SCALED), Usage())
            for several in self.issues
            for one in several
        ]
        return _mean(spent)

    def stage(self, name: str) -> Cost:
        """Return the cost per issue of one stage."""
        return cost_of(_mean([one.spent.get(name, Usage()) for several in self.issues for one in several]))

    def sample(self) -> Cost:
        """Return the cost of one sample."""
        wholes = self.scores(self.sizes[-1])
        made = sum(one.trajectories for one in wholes) or 1.0
        return Cost(
            usd=sum(one.usd for one in wholes) / made, tokens=sum(one.tokens for one in wholes) / made
        )

    def cost(self, samples: int) -> Cost:
        """Return what an issue costs with so many samples."""
        one, fixed = self.sample(), cost_of(self.fixed())
        return Cost(usd=fixed.usd + samples * one.usd, tokens=fixed.tokens + samples * one.tokens)

    def _of(self, size: int) -> list[Score] | None:
        found = [_scores(several, size) for several in self.issues]
        return None if any(one is None for one in found) else [one for one in found if one is not None]


def _snapped(values: Numbers) -> Numbers:
    """Return shares without what floating-point arithmetic leaves behind."""
    return np.asarray(np.round(values, 12) + 0.0)


def cost_of(usage: Usage) -> Cost:
    """Return what a usage costs."""
    return Cost(usd=usage.usd, tokens=float(usage.tokens))


def _mean(spent: Sequence[Usage]) -> Usage:
    whole = sum(spent, Usage())
    return Usage(
        prompt_tokens=round(whole.prompt_tokens / len(spent)),
        completion_tokens=round(whole.completion_tokens / len(spent)),
        usd=whole.usd / len(spent),
    )


def _scores(several: Sequence[Tried], size: int) -> Score | None:
    """Return the mean of what so many samples bring, over the runs that were to make as many."""
    found = []
    for one in several:
        at = min(size, one.attempt.samples)
        if size <= one.asked and at in one.attempt.scores:
            found.append(one.attempt.scores[at])
    return mean_of(found) if found else None


def mean_of(found: Sequence[Score]) -> Score:
    """Return the mean of several scores."""
    return Score(**{name: fmean(getattr(one, name) for one in found) for name in Score.__slots__})


def by_samples(table: Table, wrong_costs: float | None) -> Iterator[SamplePoint]:
    """Yield what each number of samples brings, up to all."""
    sizes = tuple(range(1, max(table.samples) + 1))
    covered, rows = table.coverage(sizes), table.rows
    for place, size in enumerate(sizes):
        told = _told(table, size, wrong_costs) if size in table.sizes else {}
        yield SamplePoint(samples=size, coverage=rows.share(covered[:, place]), cost=table.cost(size), **told)


def _told(table: Table, size: int, wrong_costs: float | None) -> dict[str, Measured | None]:
    """Return what is known of a number of samples that was replayed."""
    rows, resolved, wrong = table.rows, table.resolved(size), table.wrong(size)
    utility = stated(rows.mean(resolved - wrong_costs * wrong)) if wrong_costs is not None else None
    return {
        "resolved": rows.share(resolved),
        "wrong": rows.share(wrong),
        "efficiency": rows.ratio(resolved, table.covered(size)),
        "utility": utility,
    }


@dataclass(frozen=True, slots=True)
class Cut:
    """One issue, all of its samples cut after so many turns."""

    samples: int
    right: int
    score: Score | None


def cut_at(table: Table, turns: int) -> list[Cut | None]:
    """Return each issue with all samples cut after so many turns; None where something has no grade."""
    found: list[Cut | None] = []
    for several in table.issues:
        if any(turns not in one.attempt.turned for one in several):
            found.append(None)
            continue
        scores = [one.attempt.by_turns[turns] for one in several if turns in one.attempt.by_turns]
        right = sum(one.attempt.turned[turns] for one in several)
        count = sum(one.attempt.samples for one in several)
        found.append(Cut(count, right, mean_of(scores) if len(scores) == len(several) else None))
    return found


def by_turns(table: Table, turns: Sequence[int], crossed: bool) -> Iterator[TurnPoint]:
    """Yield what samples bring that are cut after so many turns.

    Args:
        table: of the pool.
        turns: the numbers.
        crossed: whether the patches of turns were crossed with checks, so that the rule can choose.
    """
    fixed = cost_of(table.fixed())
    for turn in turns:
        told = [one for one in cut_at(table, turn) if one is not None]
        known = len(told) >= _KNOWN * len(table.issues) and bool(told)
        rows = table.rows if len(told) == len(table.issues) else Rows(max(1, len(told)))
        scores = [one.score for one in told if one.score is not None]
        spent = (fmean(one.usd for one in scores), fmean(one.tokens for one in scores)) if scores else None
        yield TurnPoint(
            turns=turn,
            issues=len(told),
            single=rows.share([one.right / one.samples for one in told]) if known else None,
            coverage=rows.share([float(one.right > 0) for one in told]) if known else None,
            resolved=rows.share([one.resolved for one in scores])
            if known and crossed and len(scores) == len(told)
            else None,
            cost=Cost(usd=fixed.usd + spent[0], tokens=fixed.tokens + spent[1]) if spent else None,
        )
