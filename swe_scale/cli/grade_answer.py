"""Says what came of grading: a line per row, totals with intervals, and what is left to do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from swe_scale.cli.screen import FAILED, Screen
from swe_scale.grades import Grade, Judged
from swe_scale.statistics import Proportion, wilson
from swe_scale.swebench.kept import lost, unasked

_SHOWN = 5
"""Reasons that are printed."""
Way = Callable[[Grade], Judged]
_WAYS: dict[str, Way] = {"official": lambda grade: grade.official, "hardened": lambda grade: grade.hardened}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of grading."""

    grades: Sequence[Grade]
    unusable: tuple[str, ...]
    unknown: tuple[str, ...]
    out: Path
    rules: str


def answer(screen: Screen, outcome: Outcome) -> int:
    """Print what came of grading; return 1 where a fault of the machine has left something unknown."""
    left = [grade for grade in outcome.grades if lost(grade)]
    if screen.json:
        screen.document(_document(outcome, left))
        return FAILED if left else 0
    for text in outcome.unusable:
        screen.say(text)
    if outcome.unknown:
        names = ", ".join(outcome.unknown[:_SHOWN])
        more = ", …" if len(outcome.unknown) > _SHOWN else ""
        screen.say(f"{len(outcome.unknown)} unknown to the dataset: {names}{more}")
    for grade in left[:_SHOWN]:
        screen.say(f"{grade.instance}: not known: {grade.official.reason or grade.hardened.reason}")
    screen.answer.print(_table(outcome.grades))
    for name, way in _asked(outcome.grades).items():
        patches, rows = _shares(outcome.grades, way)
        told = f"{name}: {patches} patches" + (
            f"; any patch of a row: {rows}" if rows.of < patches.of else ""
        )
        screen.answer.print(told, markup=False, highlight=False, soft_wrap=True)
    ending = f"grades in {outcome.out}, by swebench {outcome.rules}"
    if left:
        ending += f"; {len(left)} not known, for faults of the machine: give the same command again"
    screen.answer.print(ending, markup=False, highlight=False, soft_wrap=True)
    return FAILED if left else 0


def _document(outcome: Outcome, left: Sequence[Grade]) -> dict[str, object]:
    return {
        "grades": [grade.model_dump(mode="json") for grade in outcome.grades],
        "resolved": {name: _numbers(outcome.grades, way) for name, way in _asked(outcome.grades).items()},
        "infra": len(left),
        "flaky": sum(bool(grade.flaky) for grade in outcome.grades),
        "unusable": outcome.unusable,
        "unknown": outcome.unknown,
        "out": str(outcome.out),
        "swebench": outcome.rules,
    }


def _asked(grades: Sequence[Grade]) -> dict[str, Way]:
    """Return the ways of grading that were asked for; of the other one nothing could be said of all."""
    ways = dict(_WAYS)
    if any(map(unasked, grades)):
        del ways["hardened"]
    return ways


def _numbers(grades: Sequence[Grade], way: Way) -> dict[str, object]:
    names = zip(("patches", "rows"), _shares(grades, way), strict=True)
    return {name: {"count": one.count, "of": one.of, "interval": one.interval} for name, one in names}


def _shares(grades: Sequence[Grade], way: Way) -> tuple[Proportion, Proportion]:
    """Return the share of patches that are resolved, and of rows with such a patch; unknown ones left out."""
    known = [grade for grade in grades if way(grade).ruling != "infra"]
    resolved = [grade for grade in known if way(grade).ruling == "resolved"]
    rows = {grade.instance for grade in known}
    return wilson(len(resolved), len(known)), wilson(len({grade.instance for grade in resolved}), len(rows))


def _table(grades: Sequence[Grade]) -> Table:
    ways = _asked(grades)
    table = Table("row", "patches", *ways, "remarks")
    for name in sorted({grade.instance for grade in grades}):
        own = [grade for grade in grades if grade.instance == name]
        counts = [str(sum(way(one).ruling == "resolved" for one in own)) for way in ways.values()]
        table.add_row(name, str(len(own)), *counts, "; ".join(_remarks(own)))
    return table


def _remarks(grades: Iterable[Grade]) -> list[str]:
    own = list(grades)
    guards = sorted({guard for grade in own for guard in grade.hardened.guards})
    unknown, flaky = sum(map(lost, own)), sum(bool(grade.flaky) for grade in own)
    counted = ((unknown, "not known"), (flaky, "flaky"))
    return [*guards, *(f"{count} {what}" for count, what in counted if count)]
