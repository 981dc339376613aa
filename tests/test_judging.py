"""Judging takes in what is new, and tries again where a sandbox failed."""

import math
from pathlib import Path

import pytest
from solving_kit import Desk, Spoken, made, open_desk

from swe_scale.judging import Judging
from swe_scale.ranking.sure import VOTES
from swe_scale.records import BASE, Check, File, Trajectory, Verdict
from swe_scale.regression.neighbours import Neighbours

pytestmark = pytest.mark.anyio
FAILS = Check.of("from stats import mean\nexit(0 if mean.__doc__ else 42)\n", "reproduction", author=2)


async def trajectory(desk: Desk, index: int, body: str, check: Check | None = None) -> Trajectory:
    file = File(mode="100644", data=f"def mean(values):\n{body}".encode())
    tree = await desk.trees.write(desk.trees.base, {"stats.py": file})
    return made(index, tree, await desk.trees.patch(tree), check)


class LosingOnce:
    """Cells of which the first one on each tree is lost."""

    def __init__(self, desk: Desk) -> None:
        self._cells = desk.setting.cells
        self.slots, self.events = self._cells.slots, self._cells.events
        self.lost: set[str] = set()

    async def verdict(self, check: Check, candidate: str, repeat: int = 0) -> Verdict:
        told = await self._cells.verdict(check, candidate, repeat)
        if candidate in self.lost or candidate == BASE:
            return told
        self.lost.add(candidate)
        return told.model_copy(update={"outcome": "infra"})


async def test_where_a_sandbox_failed_it_is_tried_again_when_more_is_judged(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        one = await trajectory(desk, 1, '    """Return it."""\n    return 0\n')
        other = await trajectory(desk, 2, "    return 1\n", FAILS)
        cells = LosingOnce(desk)
        neighbours = Neighbours(desk.setting.cells, desk.trees, 0.0)
        judging = Judging(cells, desk.trees, neighbours, VOTES)  # type: ignore[arg-type]
        await judging.judge((one, other), math.inf)
        assert judging.evidence.outcomes.of(one.tree, FAILS.id) == "infra"
        await judging.judge((one, other), math.inf)
        said = {tree: judging.evidence.outcomes.of(tree, FAILS.id) for tree in (one.tree, other.tree)}
        assert said == {one.tree: "pass", other.tree: "fail"}
        assert (judging.crossed.run, judging.crossed.of, judging.crossed.why) == (2, 2, "")
