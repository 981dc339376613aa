"""Only the cells that a rule needs are run, each once, and each verdict is there at once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import Desk, Spoken, open_desk

from swe_scale.crosscheck import REPEATS_ON_BASE, fill
from swe_scale.records import BASE, Candidate, Check, File, Verdict

pytestmark = pytest.mark.anyio
FAILS = Check.of("from stats import mean\nexit(0 if mean.__doc__ else 42)\n", "reproduction", author=1)
PASSES = Check.of("exit(0)\n", "reproduction", author=2)
BREAKS = Check.of("exit(1)\n", "reproduction", author=3)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path, Spoken({})) as opened:
        yield opened


async def candidates(desk: Desk) -> list[Candidate]:
    """Return a candidate that satisfies FAILS, and one that doesn't."""
    made: list[Candidate] = []
    for body in ('    """Return it."""\n    return 0\n', "    return 1\n"):
        file = File(mode="100644", data=f"def mean(values):\n{body}".encode())
        tree = await desk.trees.write(desk.trees.base, {"stats.py": file})
        made.append(Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(len(made),)))
    return made


def cells(found: list[Verdict]) -> set[tuple[str, str, int]]:
    return {(one.check, one.candidate, one.repeat) for one in found}


async def test_only_voting_checks_meet_the_candidates(desk: Desk) -> None:
    good, bad = await candidates(desk)
    found: list[Verdict] = []
    await fill(desk.setting.cells, [good, bad], [FAILS, PASSES, BREAKS, FAILS], found.append)
    on_base = {(check.id, BASE, n) for check in (FAILS, PASSES, BREAKS) for n in range(REPEATS_ON_BASE)}
    assert cells(found) == on_base | {(FAILS.id, good.id, 0), (FAILS.id, bad.id, 0)}
    said = {one.candidate: one.outcome for one in found if one.check == FAILS.id}
    assert said == {BASE: "fail", good.id: "pass", bad.id: "fail"}


async def test_all_cells_may_be_asked_for(desk: Desk) -> None:
    both = await candidates(desk)
    found: list[Verdict] = []
    await fill(desk.setting.cells, both, [FAILS, PASSES], found.append, record_all=True)
    assert len(cells(found)) == len(found) == 2 * (REPEATS_ON_BASE + 2)


async def test_nothing_is_run_for_nothing(desk: Desk) -> None:
    found: list[Verdict] = []
    await fill(desk.setting.cells, await candidates(desk), [], found.append)
    assert not found and desk.steps.made == 0


async def test_what_is_there_when_the_time_ends_is_kept(desk: Desk) -> None:
    hangs = Check.of("import time\ntime.sleep(600)\n", "reproduction", author=4)
    found: list[Verdict] = []
    slots = anyio.CapacityLimiter(8)
    wide = replace(desk.setting.cells, slots=slots)

    def keep(verdict: Verdict) -> None:
        found.append(verdict)
        if len(found) == REPEATS_ON_BASE:
            scope.cancel()

    with anyio.CancelScope() as scope:
        await fill(wide, [], [FAILS, hangs], keep)
    assert {one.check for one in found} == {FAILS.id}
