"""Crosses candidates with checks: runs the cells that the rule needs, or all of them."""

from collections.abc import Callable, Iterable, Sequence

import anyio

from swe_scale.checks import Cells
from swe_scale.ranking import Outcomes
from swe_scale.records import BASE, Candidate, Check, Verdict

REPEATS_ON_BASE = 2
"""A check votes only if it fails on the untouched code each time."""


async def fill(
    cells: Cells,
    candidates: Sequence[Candidate],
    checks: Sequence[Check],
    keep: Callable[[Verdict], None],
    record_all: bool = False,
) -> None:
    """Run each check on the untouched code, then on every candidate that it may judge.

    A check that doesn't fail on the untouched code has no vote, so its cells are left out unless all are
    asked for.

    Args:
        cells: where they run.
        candidates: the patched trees.
        checks: equal ones are run once.
        keep: takes each verdict when it is there, so that what is there counts if the time ends.
        record_all: whether to run every cell.

    Raises:
        SandboxError: the backend no longer works at all.
    """
    distinct = list({check.id: check for check in checks}.values())
    base = [(check, BASE, repeat) for check in distinct for repeat in range(REPEATS_ON_BASE)]
    outcomes = Outcomes(await _run(cells, base, keep))
    voting = [check for check in distinct if record_all or outcomes.reproduces(check.id)]
    await _run(cells, [(check, one.id, 0) for check in voting for one in candidates], keep)


async def _run(
    cells: Cells, wanted: Iterable[tuple[Check, str, int]], keep: Callable[[Verdict], None]
) -> list[Verdict]:
    found: list[Verdict] = []

    async def run(check: Check, candidate: str, repeat: int) -> None:
        verdict = await cells.verdict(check, candidate, repeat)
        found.append(verdict)
        keep(verdict)

    async with anyio.create_task_group() as group:
        for check, candidate, repeat in wanted:
            group.start_soon(run, check, candidate, repeat)
    return found
