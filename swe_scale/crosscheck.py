"""Crosses candidates with checks: runs the cells that the rule needs, or all of them."""

from collections.abc import Iterable, Sequence

import anyio

from swe_scale.checks import Cells
from swe_scale.ranking import Outcomes
from swe_scale.records import BASE, Candidate, Check, Verdict

REPEATS_ON_BASE = 2
"""A check votes only if it fails on the untouched code each time."""


async def fill(
    cells: Cells, candidates: Sequence[Candidate], checks: Sequence[Check], record_all: bool
) -> tuple[Verdict, ...]:
    """Return verdicts: each check on the untouched code, then on every candidate that it may judge.

    A check that doesn't fail on the untouched code has no vote, so its cells are left out unless all are
    asked for.

    Raises:
        SandboxError: the backend no longer works at all.
    """
    distinct = list({check.id: check for check in checks}.values())
    base = [(check, BASE, repeat) for check in distinct for repeat in range(REPEATS_ON_BASE)]
    verdicts = await _run(cells, base)
    outcomes = Outcomes(verdicts)
    voting = [check for check in distinct if record_all or outcomes.reproduces(check.id)]
    return verdicts + await _run(cells, [(check, one.id, 0) for check in voting for one in candidates])


async def _run(cells: Cells, wanted: Iterable[tuple[Check, str, int]]) -> tuple[Verdict, ...]:
    found: dict[tuple[str, str, int], Verdict] = {}

    async def run(check: Check, candidate: str, repeat: int) -> None:
        found[check.id, candidate, repeat] = await cells.verdict(check, candidate, repeat)

    order = list(wanted)
    async with anyio.create_task_group() as group:
        for check, candidate, repeat in order:
            group.start_soon(run, check, candidate, repeat)
    return tuple(found[check.id, candidate, repeat] for check, candidate, repeat in order)
