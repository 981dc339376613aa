"""Only the cells that a rule needs are run, each once, and each verdict is there at once."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from solving_kit import Desk, Spoken, open_desk

from swe_scale.crosscheck import fill
from swe_scale.ranking import Evidence, rank
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.worth import EVERYTHING, REPEATS_ON_BASE, VOTING, Needs
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


@dataclass
class Table:
    """What is known of some candidates and checks."""

    candidates: Sequence[Candidate]
    checks: Sequence[Check]
    found: list[Verdict] = field(default_factory=list)

    def evidence(self) -> Evidence:
        forms = {one.id: one.id for one in self.candidates}
        return Evidence(tuple(self.candidates), forms, tuple(self.checks), tuple(self.found))

    async def fill(self, desk: Desk, needs: Needs) -> None:
        await fill(desk.setting.cells, self.evidence, needs, self.found.append)

    @property
    def cells(self) -> set[tuple[str, str, int]]:
        return {(one.check, one.candidate, one.repeat) for one in self.found}


@pytest.mark.parametrize("needs", [VOTING, VOTES])
async def test_only_voting_checks_meet_the_candidates(desk: Desk, needs: Needs) -> None:
    good, bad = await candidates(desk)
    table = Table([good, bad], [FAILS, PASSES, BREAKS, FAILS])
    await table.fill(desk, needs)
    on_base = {(check.id, BASE, n) for check in (FAILS, PASSES, BREAKS) for n in range(REPEATS_ON_BASE)}
    assert table.cells == on_base | {(FAILS.id, good.id, 0), (FAILS.id, bad.id, 0)}
    said = {one.candidate: one.outcome for one in table.found if one.check == FAILS.id}
    assert said == {BASE: "fail", good.id: "pass", bad.id: "fail"}


async def test_all_cells_may_be_asked_for(desk: Desk) -> None:
    table = Table(await candidates(desk), [FAILS, PASSES])
    await table.fill(desk, EVERYTHING)
    assert len(table.cells) == len(table.found) == 2 * (REPEATS_ON_BASE + 2)


@pytest.mark.parametrize("needs", [EVERYTHING, VOTING, VOTES])
async def test_nothing_is_run_for_nothing(desk: Desk, needs: Needs) -> None:
    table = Table(await candidates(desk), [])
    await table.fill(desk, needs)
    assert not table.found and desk.steps.made == 0


async def graded(desk: Desk, count: int) -> Table:
    """Return candidates of which each reaches one step further than the one before, and a check per step."""
    made: list[Candidate] = []
    for reached in range(count):
        file = File(mode="100644", data=f"REACHED = {reached}\n".encode())
        tree = await desk.trees.write(desk.trees.base, {"stats.py": file})
        made.append(Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(reached,)))
    script = "import stats\nexit(0 if getattr(stats, 'REACHED', -1) >= {} else 42)\n"
    checks = [Check.of(script.format(step), "reproduction", author=100 + step) for step in range(1, count)]
    return Table(made, checks)


async def test_the_answer_is_that_of_the_full_matrix_with_fewer_executions(desk: Desk) -> None:
    some = await graded(desk, 6)
    await some.fill(desk, VOTES)
    executions = desk.steps.made
    whole = replace(some, found=[])
    await whole.fill(desk, VOTING)
    full = len(whole.cells)
    ours, theirs = rank(some.evidence()), rank(whole.evidence())
    assert ours.ranked[0].posterior == theirs.ranked[0].posterior and ours.contested == theirs.contested
    assert ours.ranked[0].candidate == some.candidates[-1].id
    assert len(some.cells) < 0.75 * full and executions < desk.steps.made


async def test_whatever_ends_first_the_same_cells_are_run_and_a_resumed_one_runs_nothing_again(
    desk: Desk,
) -> None:
    table = await graded(desk, 5)
    await table.fill(desk, VOTES)
    made = desk.steps.made
    verdict_of, chance = desk.setting.cells.verdict, random.Random(4)

    class Shuffled:
        slots = desk.setting.cells.slots

        async def verdict(self, check: Check, candidate: str, repeat: int = 0) -> Verdict:
            told = await verdict_of(check, candidate, repeat)
            for _ in range(chance.randrange(40)):
                await anyio.lowlevel.checkpoint()
            return told

    for _ in range(5):
        again = replace(table, found=[])
        await fill(Shuffled(), again.evidence, VOTES, again.found.append)
        assert again.found == table.found and rank(again.evidence()) == rank(table.evidence())
    assert desk.steps.made == made


async def test_a_sandbox_that_fails_says_nothing_and_is_not_waited_for(desk: Desk) -> None:
    table = await graded(desk, 4)
    lost = table.candidates[-1].id
    verdict_of = desk.setting.cells.verdict

    class Losing:
        slots = desk.setting.cells.slots

        async def verdict(self, check: Check, candidate: str, repeat: int = 0) -> Verdict:
            told = await verdict_of(check, candidate, repeat)
            return told.model_copy(update={"outcome": "infra"}) if candidate == lost else told

    await fill(Losing(), table.evidence, VOTES, table.found.append)
    assert rank(table.evidence()).ranked[0].candidate == table.candidates[-2].id


async def test_what_is_there_when_the_time_ends_is_kept(desk: Desk) -> None:
    hangs = Check.of("import time\ntime.sleep(600)\n", "reproduction", author=4)
    table = Table([], [FAILS, hangs])
    wide = replace(desk.setting.cells, slots=anyio.CapacityLimiter(8))

    def keep(verdict: Verdict) -> None:
        table.found.append(verdict)
        if len(table.found) == REPEATS_ON_BASE:
            scope.cancel()

    with anyio.CancelScope() as scope:
        await fill(wide, table.evidence, VOTES, keep)
    assert {one.check for one in table.found} == {FAILS.id}
