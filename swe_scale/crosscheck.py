"""Crosses candidates with checks: runs the cells that are still needed, many at a time."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import anyio

from swe_scale.ranking import Evidence
from swe_scale.ranking.worth import Cell, Needs
from swe_scale.records import Check, Verdict


class Runs(Protocol):
    """Where cells run; see `checks.Cells`."""

    @property
    def slots(self) -> anyio.CapacityLimiter:
        """How many run at a time."""
        ...

    async def verdict(self, check: Check, candidate: str, repeat: int = 0) -> Verdict:
        """Return the verdict of one cell."""
        ...


async def fill(
    cells: Runs, evidence: Callable[[], Evidence], needs: Needs, keep: Callable[[Verdict], None]
) -> None:
    """Run cells until no other one is needed.

    Verdicts are read in the order in which their cells were started, whatever ends first. When half of those
    under way have been read, it is asked what is needed: the other half keeps the slots busy meanwhile. So a
    resumed run comes to the same cells.

    Args:
        cells: where they run.
        evidence: returns what is known by now, with the verdicts that were kept.
        needs: which cells those are.
        keep: takes each verdict that is read; if the time ends, also those that are there and weren't read.

    Raises:
        SandboxError: the backend no longer works at all.
    """
    checks = {check.id: check for check in evidence().checks}
    started: deque[Cell] = deque()
    told: dict[Cell, Verdict] = {}
    another = anyio.Event()

    async def run(cell: Cell) -> None:
        told[cell] = await cells.verdict(checks[cell.check], cell.candidate, cell.repeat)
        another.set()

    try:
        async with anyio.create_task_group() as group:
            while (wanted := needs.next(evidence(), started, int(cells.slots.total_tokens))) or started:
                for cell in wanted:
                    started.append(cell)
                    group.start_soon(run, cell)
                for _ in range(-(-len(started) // 2)):
                    while started[0] not in told:
                        another = anyio.Event()
                        await another.wait()
                    keep(told.pop(started.popleft()))
    finally:
        for verdict in told.values():
            keep(verdict)
