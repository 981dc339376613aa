"""Fits laws of coverage to a table, tries them on what was held out, and looks ahead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swe_scale.analysis.advice.curves import Table
from swe_scale.analysis.advice.document import Ahead, Law, Scenario
from swe_scale.analysis.advice.rows import stated
from swe_scale.analysis.figures import Measured
from swe_scale.scaling import (
    PowerLaw,
    ZeroInflated,
    accepted,
    cells_of,
    fit_power_law,
    fit_zero_inflated,
    matched,
    thinned,
)

Numbers = NDArray[np.float64]
Assumed = Literal["kept", "trend", "verifier"]

FACTORS = (2, 4, 10)
"""Times the samples there are."""
_HELD_OUT = 6
"""Samples from which on half of them identify a law."""
_ISSUES = 1000
"""Drawn from each fitted distribution, where sampling until one passes is worked out."""
_ROWS = 200
"""Resamples for which that is done."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Both laws, fitted to the data and to its resamples."""

    zero_inflated: ZeroInflated
    power_law: PowerLaw
    rates: Numbers
    """Rates of success of issues drawn from the first resamples' laws, rows × issues."""
    passes: Numbers
    """Share of wrong samples that a test would pass which explains what is resolved, for these rows."""

    def gain(self, samples: int, more: int) -> Numbers:
        """Return what so many more samples cover by the zero-inflated law, by row."""
        told = self.zero_inflated.coverage(np.array([samples, samples + more]))
        return np.asarray(told[:, 1] - told[:, 0])


def fit(table: Table) -> Fitted:
    """Fit both laws to all samples."""
    sizes = np.arange(1, max(table.samples) + 1)
    weights = table.rows.weights
    covered = weights @ table.coverage(sizes.tolist()) / table.rows.issues
    law = fit_zero_inflated(cells_of(table.samples, table.right), weights)
    some = ZeroInflated(law.hopeless[:_ROWS], law.successes[:_ROWS], law.failures[:_ROWS])
    rates, most = some.rates(_ISSUES), table.sizes[-1]
    passes = matched(rates, level(table, most).resolved[:_ROWS], most)
    return Fitted(law, fit_power_law(covered, sizes), rates, passes)


def laws_of(table: Table, fitted: Fitted) -> tuple[Law, Law]:
    """Return what is said of the fits, the zero-inflated one first."""
    one, other = fitted.zero_inflated, fitted.power_law
    held = _held_out(table)
    return (
        Law(
            name="zero-inflated beta-binomial",
            parameters={
                "hopeless": stated(one.hopeless),
                "successes": stated(one.successes),
                "failures": stated(one.failures),
            },
            held_out=held[0] if held else None,
        ),
        Law(
            name="exponentiated power law",
            parameters={"factor": stated(other.factor), "exponent": stated(other.exponent)},
            held_out=held[1] if held else None,
        ),
    )


def _held_out(table: Table) -> tuple[Measured, Measured] | None:
    """Return how far each law, fitted to half of the samples, misses what all of them cover."""
    most = max(table.samples)
    if most < _HELD_OUT:
        return None
    half = most // 2
    sizes, ends = np.arange(1, half + 1), np.array([most])
    weights, issues = table.rows.weights, table.rows.issues
    seen = weights @ table.coverage([*sizes.tolist(), most]) / issues
    one = fit_zero_inflated(thinned(table.samples, table.right, half), weights)
    other = fit_power_law(seen[:, :-1], sizes)
    first, second = (law.coverage(ends)[:, 0] - seen[:, -1] for law in (one, other))
    return stated(first), stated(second)


def ahead(table: Table, fitted: Fitted, wrong_costs: float | None) -> Iterator[Ahead]:
    """Yield what more samples would bring."""
    most = max(table.samples)
    for factor in FACTORS:
        sizes = np.array([factor * most])
        covered = fitted.zero_inflated.coverage(sizes)[:, 0]
        yield Ahead(
            factor=factor,
            samples=factor * most,
            zero_inflated=stated(covered),
            power_law=stated(fitted.power_law.coverage(sizes)[:, 0]),
            scenarios=tuple(_scenarios(table, fitted, factor * most, wrong_costs)),
            cost=table.cost(factor * most),
        )


def _scenarios(table: Table, fitted: Fitted, samples: int, costs: float | None) -> Iterator[Scenario]:
    proposed = np.clip(trend(table, samples, lambda one: one.resolved + one.wrong), 0.0, 1.0)
    for name, resolved in resolved_by(table, fitted, samples).items():
        wrong = np.maximum(0.0, proposed[: len(resolved)] - resolved)
        yield Scenario(
            name=name,
            resolved=stated(resolved),
            utility=stated(resolved - costs * wrong) if costs is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Level:
    """What so many samples came to, by row."""

    covered: Numbers
    resolved: Numbers
    wrong: Numbers

    @property
    def efficiency(self) -> Numbers:
        """Resolved of what is covered; 0 of nothing."""
        none = np.zeros_like(self.resolved)
        return np.divide(self.resolved, self.covered, out=none, where=self.covered > 0)


def level(table: Table, size: int) -> Level:
    """Return what so many samples came to; they must have been replayed."""
    rows = table.rows
    return Level(
        rows.mean(table.covered(size)), rows.mean(table.resolved(size)), rows.mean(table.wrong(size))
    )


def trend(table: Table, samples: int, value: Callable[[Level], Numbers]) -> Numbers:
    """Return a value at more samples, if it goes on changing with each doubling as it last did."""
    most = table.sizes[-1]
    now = value(level(table, most))
    half = table.half
    if half is None:
        return now
    slope = (now - value(level(table, half))) / np.log2(most / half)
    return np.asarray(now + slope * np.log2(samples / most))


def resolved_by(table: Table, fitted: Fitted, samples: int) -> dict[Assumed, Numbers]:
    """Return what so many samples would resolve under each assumption about choosing, by row."""
    most = table.sizes[-1]
    now = level(table, most)
    # What is covered is known up to here; of the law only the growth from here on is taken.
    covered = np.clip(now.covered + fitted.gain(most, samples - most), 0.0, 1.0)
    before, after = (accepted(fitted.rates, fitted.passes, size).right for size in (most, samples))
    grown = np.divide(after, before, out=np.ones_like(after), where=before > 0)
    return {
        "kept": now.efficiency * covered,
        "trend": np.clip(trend(table, samples, lambda one: one.efficiency), 0.0, 1.0) * covered,
        # What is resolved may differ from the model's to begin with, as where runs abstain.
        "verifier": np.clip(now.resolved[: len(grown)] * grown, 0.0, 1.0),
    }
