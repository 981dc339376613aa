"""Which cells are worth running: those that can still change the answer, in an order that finds it soon."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

from swe_scale.ranking.outcomes import Evidence
from swe_scale.records import BASE, Check, Outcome

REPEATS_ON_BASE = 2
"""A check votes only if it fails on the untouched code each time."""


class Cell(NamedTuple):
    """One run of a check on a tree."""

    check: str
    candidate: str
    repeat: int = 0


Next = Callable[[Evidence, Collection[Cell], int], Sequence[Cell]]
"""Says which cells to start, given the evidence, the cells under way, and how many can run at a time.

In the order in which they are started; none to wait for those under way, or where no other cell is needed.
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

    def chosen(evidence: Evidence, under_way: Collection[Cell], slots: int) -> Sequence[Cell]:
        ran = {(one.check, one.repeat) for one in evidence.verdicts if one.candidate == BASE}
        missing = [
            Cell(check.id, BASE, repeat)
            for check in written(evidence)
            for repeat in range(REPEATS_ON_BASE)
            if (check.id, repeat) not in ran
        ]
        return not_yet(missing, under_way) if missing else choose(evidence, under_way, slots)

    return chosen


def not_yet(cells: Iterable[Cell], under_way: Collection[Cell]) -> list[Cell]:
    """Return the cells that are not under way, each once, in their order."""
    busy = {*under_way}
    return [cell for cell in dict.fromkeys(cells) if cell not in busy]


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


def _all_cells(evidence: Evidence, under_way: Collection[Cell], _: int) -> Sequence[Cell]:
    return not_yet(open_cells(evidence, (check.id for check in written(evidence))), under_way)


def voting_cells(evidence: Evidence, under_way: Collection[Cell], _: int) -> Sequence[Cell]:
    """Return the open cells of all checks that fail on the untouched code."""
    outcomes = evidence.outcomes
    voting = (check.id for check in written(evidence) if outcomes.reproduces(check.id))
    return not_yet(open_cells(evidence, voting), under_way)


def repeated(times: int, needs: Needs) -> Needs:
    """Return the needs of running each cell that votes again, up to so many times, until most runs agree.

    Args:
        times: runs of a cell at most.
        needs: which cells are run at all; these come first.
    """

    def chosen(evidence: Evidence, under_way: Collection[Cell], slots: int) -> Sequence[Cell]:
        wanted = needs.next(evidence, under_way, slots)
        return wanted or list(_unsettled(evidence, under_way, times))

    return replace(needs, next=chosen)


def _unsettled(evidence: Evidence, under_way: Collection[Cell], times: int) -> Iterator[Cell]:
    """Yield the next run of each cell that votes, was run, and of which the runs left may decide."""
    busy = {(one.check, one.candidate) for one in under_way}
    runs: dict[tuple[str, str], dict[int, Outcome]] = defaultdict(dict)
    for one in evidence.verdicts:
        runs[one.check, one.candidate][one.repeat] = one.outcome
    for check in written(evidence):
        if not evidence.outcomes.reproduces(check.id):
            continue
        for candidate in evidence.candidates:
            place = check.id, candidate.id
            said = runs.get(place)
            if said is None or place in busy or len(said) >= times:
                continue
            clear = [one == "pass" for one in said.values() if one != "infra"]
            if 2 * max(sum(clear), len(clear) - sum(clear)) <= times:
                yield Cell(*place, next(number for number in count() if number not in said))


EVERYTHING = Needs(base_first(_all_cells), all_tested, "")
"""Every check on every candidate."""
VOTING = Needs(base_first(voting_cells), all_tested, "")
"""Every check that fails on the untouched code, on every candidate."""
