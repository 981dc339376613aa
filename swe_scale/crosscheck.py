"""Crosses candidates with checks: runs the cells that are still needed, many at a time."""

from collections.abc import Callable

import anyio

from swe_scale.checks import Cells
from swe_scale.ranking import Evidence
from swe_scale.ranking.worth import Cell, Needs
from swe_scale.records import Verdict


async def fill(
    cells: Cells, evidence: Callable[[], Evidence], needs: Needs, keep: Callable[[Verdict], None]
) -> None:
    """Run cells until no other one is needed.

    What is needed is asked again after each verdict. Cells that are under way when no other one is needed are
    waited for, so that what was executed is on record.

    Args:
        cells: where they run.
        evidence: returns what is known by now, with the verdicts that were kept.
        needs: which cells those are.
        keep: takes each verdict when it is there, so that what is there counts if the time ends.

    Raises:
        SandboxError: the backend no longer works at all.
    """
    checks = {check.id: check for check in evidence().checks}
    under_way: set[Cell] = set()
    finished = anyio.Event()

    async def run(cell: Cell) -> None:
        keep(await cells.verdict(checks[cell.check], cell.candidate, cell.repeat))
        under_way.discard(cell)
        finished.set()

    async with anyio.create_task_group() as group:
        while (wanted := needs.next(evidence(), under_way, int(cells.slots.total_tokens))) is not None:
            finished = anyio.Event()
            for cell in wanted:
                under_way.add(cell)
                group.start_soon(run, cell)
            await finished.wait()
