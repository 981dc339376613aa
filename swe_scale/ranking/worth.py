"""Which cells are worth running: those that can still change the answer, in an order that finds it soon."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.rule import Ranking
from swe_scale.records import BASE, Check

REPEATS_ON_BASE = 2
"""A check votes only if it fails on the untouched code each time."""


class Cell(NamedTuple):
    """One run of a check on a tree."""

    check: str
    candidate: str
    repeat: int = 0


Next = Callable[[Evidence, Collection[Cell], int], Sequence[Cell] | None]
"""Says which cells to start, given the evidence, the cells under way, and how many can run at a time.

In the order in which they are started; none to wait for those under way; None where no other cell is needed.
"""


Tested = Callable[[Evidence, Collection[str], int], Sequence[str]]
"""Says on which candidates the repository's own tests are to run next, given those on which they did."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rule needs of the matrix."""

    next: Next
    tested: Tested
    why: str
    """Why the others are left out, as it is told; empty where none is."""


def written(evidence: Evidence) -> list[Check]:
    """Return the checks of trajectories, each script once: not the repository's own tests."""
    return list({one.id: one for one in evidence.checks if one.kind != "regression"}.values())


def base_first(choose: Next) -> Next:
    """Return what first has every check run on the untouched code: that says which of them vote."""

    def chosen(evidence: Evidence, under_way: Collection[Cell], slots: int) -> Sequence[Cell] | None:
        ran = {(one.check, one.repeat) for one in evidence.verdicts if one.candidate == BASE}
        missing = [
            Cell(check.id, BASE, repeat)
            for check in written(evidence)
            for repeat in range(REPEATS_ON_BASE)
            if (check.id, repeat) not in ran
        ]
        return _not_yet(missing, under_way) if missing else choose(evidence, under_way, slots)

    return chosen


def _not_yet(cells: Iterable[Cell], under_way: Collection[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell not in under_way]


def open_cells(evidence: Evidence, checks: Iterable[str]) -> list[Cell]:
    """Return the cells of these checks that have not been run."""
    outcomes = evidence.outcomes
    return [
        Cell(check, one.id)
        for check in checks
        for one in evidence.candidates
        if outcomes.of(one.id, check) is None
    ]


def all_tested(evidence: Evidence, done: Collection[str], _: int) -> Sequence[str]:
    """Return all candidates on which the repository's tests have not run."""
    return [one.id for one in evidence.candidates if one.id not in done]


def finalists_tested(rule: Callable[[Evidence], Ranking]) -> Tested:
    """Return what has the repository's tests run on finalists, and on all others only if that matters.

    Where no finalist breaks any, what the others break can only put these further behind: that is so of the
    default rule, and of the probability of being right. Where one does, it counts how many trajectories do
    so, and who doesn't; where one is supported by nothing, whether it alone keeps some test. As many more
    candidates are taken as fill the slots.
    """

    def tested(evidence: Evidence, done: Collection[str], slots: int) -> Sequence[str]:
        ranking = rule(evidence)
        first = ranking.contested
        order = [*first, *(one.candidate for one in ranking.ranked if one.candidate not in first)]
        left = [name for name in order if name not in done]
        missing = sum(name not in done for name in first)
        if missing:
            return left[: -(-missing // slots) * slots]
        breaks = any(one.broken for one in ranking.ranked)
        return left if breaks or not ranking.supported.issuperset(first) else ()

    return tested


def _all_cells(evidence: Evidence, under_way: Collection[Cell], _: int) -> Sequence[Cell] | None:
    cells = open_cells(evidence, (check.id for check in written(evidence)))
    return _not_yet(cells, under_way) if cells else None


def _voting_cells(evidence: Evidence, under_way: Collection[Cell], _: int) -> Sequence[Cell] | None:
    outcomes = evidence.outcomes
    voting = (check.id for check in written(evidence) if outcomes.reproduces(check.id))
    cells = open_cells(evidence, voting)
    return _not_yet(cells, under_way) if cells else None


EVERYTHING = Needs(base_first(_all_cells), all_tested, "")
"""Every check on every candidate."""
VOTING = Needs(base_first(_voting_cells), all_tested, "")
"""Every check that fails on the untouched code, on every candidate."""
