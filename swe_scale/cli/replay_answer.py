"""Tells what a replay came to: as a table, or as one JSON document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from swe_scale.analysis.replay import Plan
from swe_scale.analysis.replay_figures import Figures
from swe_scale.statistics import Estimate

_SHOWN = {
    "resolved": "resolved",
    "official": "official",
    "leader": "leader",
    "coverage": "coverage",
    "chance": "by lot",
    "efficiency": "efficiency",
    "gap": "gap share",
    "abstained": "abstained",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One point of the grid."""

    methods: tuple[Figures, ...]
    difference: Mapping[str, Estimate]
    """The first method less the second; empty where there is one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is told."""

    run: str
    plan: Plan
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def document(answer: Answer) -> dict[str, Any]:
    """Return the answer as plain data; what isn't known is null."""
    plan = answer.plan
    return {
        "run": answer.run,
        "methods": [{"rule": one.rule, "policy": one.policy} for one in plan.methods],
        "repetitions": plan.repetitions,
        "seed": plan.seed,
        "points": [
            {
                "samples": row.methods[0].point.samples,
                "turns": row.methods[0].point.turns,
                "issues": row.methods[0].issues,
                "figures": [_named(one) for one in row.methods],
                "difference": {name: _plain(one) for name, one in row.difference.items()} or None,
            }
            for row in answer.rows
        ],
        "notes": list(answer.notes),
    }


def _named(found: Figures) -> dict[str, Any]:
    return {name: _plain(one) for name, one in _all(found).items()}


def _all(found: Figures) -> dict[str, Estimate]:
    return {**found.means, "efficiency": found.efficiency, "gap": found.gap}


def _plain(one: Estimate) -> dict[str, float | None]:
    low, high = one.interval
    told = {"value": one.value, "low": low, "high": high}
    return {name: None if isnan(value) else round(value, 6) for name, value in told.items()}


def lines(answer: Answer) -> Iterator[str]:
    """Yield the lines of the table, then what must be known to read it."""
    for row in answer.rows:
        for method, found in zip(answer.plan.methods, row.methods, strict=True):
            yield f"{method}: {_place(found)}, {found.issues} issues"
            for name, shown in _SHOWN.items():
                yield f"  {shown:<12}{_shown(_all(found)[name])}"
            yield f"  {'cost':<12}{_cost(found)}"
        if row.difference:
            first, second = answer.plan.methods
            yield f"{first} less {second}, on the same draws"
            for name in ("resolved", "official", "leader", "coverage"):
                yield f"  {name:<12}{_shown(row.difference[name], signed=True)}"
            more = row.difference
            yield (
                f"  {'cost':<12}{more['usd'].value:+.4f} USD, {more['tokens'].value:+,.0f} tokens, "
                f"{more['trajectories'].value:+.2f} trajectories an issue"
            )
    yield from answer.notes


def _place(found: Figures) -> str:
    samples, turns = found.point.samples, found.point.turns
    many = "trajectory" if samples == 1 else "trajectories"
    cut = f"{'all' if turns is None else turns} turn{'' if turns == 1 else 's'}"
    return f"{'all' if samples is None else samples} {many}, {cut}"


def _shown(one: Estimate, *, signed: bool = False) -> str:
    if isnan(one.value):
        return "not defined: no candidate resolves anything that lot doesn't"
    sign = "+" if signed else ""
    low, high = one.interval
    return f"{one.value:{sign}.3f} ({low:{sign}.3f} … {high:{sign}.3f})"


def _cost(found: Figures) -> str:
    means = found.means
    return (
        f"{means['usd'].value:.4f} USD, {means['tokens'].value:,.0f} tokens, "
        f"{means['trajectories'].value:.2f} trajectories an issue"
    )
