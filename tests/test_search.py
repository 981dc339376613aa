"""The search carries out what a policy decides, repeats its own history, and loses nothing when time ends."""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import CHECK, DONE, FILES, ISSUE, RIGHT, Desk, Spoken, again, bash, edit, made, open_desk

from swe_scale.judging import candidates_of
from swe_scale.policy import Fixed, Move, Progress
from swe_scale.policy.adaptive import Adaptive
from swe_scale.policy.deepening import IterativeDeepening
from swe_scale.ranking import Evidence, rank
from swe_scale.records import BASE, Completion, Request
from swe_scale.search import Search

pytestmark = pytest.mark.anyio
ALSO = "    if not values:\n        return 0.0\n    return sum(values) / len(values)"
WRONG = "    return sum(values) / max(len(values), 2)"
STRICT = CHECK.replace("mean([]) == 0.0", "mean([]) == 0.0 and mean([4]) == 4")


def writes(body: str, check: str = STRICT) -> list[str]:
    return [check, edit(body), DONE]


KINDS = {
    "right": writes(RIGHT),
    "also": writes(ALSO, STRICT.replace("resolved", "fine")),
    "wrong": writes(WRONG, CHECK),
    "malformed": ["I", "will", "not"],
}


def replies(kinds: Sequence[str]) -> dict[str, str]:
    return {
        f"trajectory/{index:02}/turn/{turn:02}": text
        for index, kind in enumerate(kinds, start=1)
        for turn, text in enumerate(KINDS[kind], start=1)
    }


async def searched(desk: Desk, count: int, deadline: float = math.inf) -> Search:
    search = desk.search(*["revise"] * count, deadline=deadline)
    await search.run()
    return search


ORDERS = random.Random(3).sample(list(itertools.permutations(KINDS)), 4)


async def test_every_order_of_the_trajectories_has_the_same_winner(tmp_path: Path) -> None:
    leaders = set()
    for place, order in enumerate(ORDERS):
        (tmp_path / f"{place}").mkdir()
        async with open_desk(tmp_path / f"{place}", Spoken(replies(order)), turns=3) as desk:
            search = await searched(desk, 4)
            ranking = rank(search.evidence())
            leaders.add((tuple(one.candidate for one in ranking.ranked), ranking.contested))
            assert len(search.evidence().candidates) == 3 and len(search.trajectories) == 4
            assert desk.texts("candidate") == [f"{one.id[:8]} by 1" for one in search.evidence().candidates]
    assert len(leaders) == 1


class Shuffled(Spoken):
    """A model whose replies come in another order than they were asked for."""

    chance = random.Random(0)

    async def complete(self, request: Request) -> Completion:
        await anyio.sleep(self.chance.random() / 20)
        return await super().complete(request)


async def test_decisions_are_numbered_and_repeated(tmp_path: Path) -> None:
    order = ["right", "wrong", "also"]
    async with open_desk(tmp_path, Shuffled(replies(order))) as desk:
        first = await searched(desk, 3)
        await first.decide(Move("stop", "as it was then"))
    assert [one.number for one in first.decisions] == [1, 2, 3, 4, 5]
    assert [one.action for one in first.decisions] == ["start"] * 3 + ["check", "stop"]
    async with open_desk(tmp_path, Spoken({})) as desk:
        again = await searched(desk, 3)
        await again.decide(Move("stop", "as it was then"))
        assert desk.steps.made == 0 and desk.model.requests == []
    assert again.decisions == first.decisions
    assert again.evidence() == first.evidence()
    assert again.trajectory_list() == first.trajectory_list()


def told(evidence: Evidence) -> object:
    """Return the evidence without how long its executions took."""
    said = [(one.check, one.candidate, one.repeat, one.outcome) for one in evidence.verdicts]
    return evidence.candidates, evidence.checks, evidence.forms, said


async def test_a_run_that_was_cut_goes_on_to_the_same_end(tmp_path: Path) -> None:
    order = ["right", "wrong"]
    whole = replies(order)
    (tmp_path / "a").mkdir()
    async with open_desk(tmp_path / "a", Spoken(whole)) as desk:
        wanted = (await searched(desk, 2)).evidence()
    (tmp_path / "b").mkdir()
    asked: list[str] = []
    for cut in (2, 3, 4, 99):

        class Dying(Spoken):
            async def complete(self, request: Request, most: int = cut) -> Completion:
                if len(self.requests) >= most:
                    raise RuntimeError("killed")
                return await super().complete(request)

        model = Dying(whole)
        async with open_desk(tmp_path / "b", model) as desk:
            try:
                got = (await searched(desk, 2)).evidence()
            except BaseExceptionGroup as group:
                assert group.subgroup(RuntimeError)  # noqa: PT017
        asked += [request.step for request in model.requests]
    assert told(got) == told(wanted)
    assert sorted(asked) == sorted(f"pkg-1/{step}" for step in whole)


async def test_no_endpoint_no_candidates(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        search = await searched(desk, 2)
    assert {one.outcome for one in search.trajectories.values()} == {"failed"}
    assert not search.evidence().candidates and rank(search.evidence()).ranked == ()


async def test_when_the_time_is_over_what_is_there_is_judged(tmp_path: Path) -> None:
    class Slow(Spoken):
        async def complete(self, request: Request) -> Completion:
            if "/trajectory/02/turn/03" in request.step:
                await anyio.sleep_forever()
            return await super().complete(request)

    async with open_desk(tmp_path, Slow(replies(["right", "wrong"]))) as desk:
        soon = replace(desk, setting=replace(desk.setting, deadline=anyio.current_time() + 6))
        search = await searched(soon, 2)
    outcomes = {one.index: one.outcome for one in search.trajectories.values()}
    assert outcomes == {1: "done", 2: "budget"}
    assert len(search.evidence().candidates) == 2
    # The first one's check fails on the second one's patch.
    assert rank(search.evidence()).ranked[0].candidate == search.trajectories[1].tree


async def test_even_after_the_end_the_candidates_are_known(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken(replies(["right", "also"]))) as desk:
        search = await searched(desk, 2, deadline=anyio.current_time() - 1)
    assert len(search.evidence().candidates) == 2 and {
        one.candidate for one in search.evidence().verdicts
    } <= {BASE}
    ranking = rank(search.evidence())
    assert {one.candidate for one in ranking.ranked} == {one.id for one in search.evidence().candidates}


async def test_verdicts_that_came_in_time_count(tmp_path: Path) -> None:
    hanging = CHECK.replace(
        "import sys\n", "import sys, time, os\nos.path.exists('new.py') and time.sleep(600)\n"
    )
    script = replies(["right", "right", "wrong"])
    script["trajectory/02/turn/01"] = hanging
    script["trajectory/02/turn/02"] = edit(RIGHT) + '<create path="new.py">\n</create>\n' + DONE
    async with open_desk(tmp_path, Spoken(script)) as desk:
        wide = replace(desk.setting.cells, slots=anyio.CapacityLimiter(16))
        search = again(desk, cells=wide).search("revise", "revise", "revise")

        class Hurried(Fixed):
            def next(self, progress: Progress) -> Move | None:
                move = super().next(progress)
                if move and move.action == "check":
                    search.deadline = anyio.current_time() + 4
                return move

        search.policy = Hurried()
        await search.run()
    assert len(search.evidence().candidates) == 3
    said = {(one.candidate, one.outcome) for one in search.evidence().verdicts}
    assert (search.trajectories[3].tree, "fail") in said and (BASE, "fail") in said
    assert rank(search.evidence()).ranked[0].candidate != search.trajectories[3].tree


def test_candidates_are_distinct_trees_that_change_more_than_tests() -> None:
    def patch(path: str) -> str:
        return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n"

    several = [
        made(3, "t2", patch("m.py")),
        made(1, "t2", patch("m.py")),
        made(2, "t1", patch("m.py")),
        made(4, "base", ""),
        made(5, "t3", patch("tests/test_m.py")),
    ]
    found = candidates_of(several, "base")
    assert [(one.id, one.authors) for one in found] == [("t1", (2,)), ("t2", (1, 3))]


async def test_strategies_work_side_by_side(tmp_path: Path) -> None:
    script = replies(["right", "right"])
    script |= {
        "trajectory/02/turn/01": bash("sed -i 's/len(values)$/(len(values) or 1)/' stats.py"),
        "trajectory/02/turn/02": "<submit/>",
    }
    async with open_desk(tmp_path, Spoken(script), files=FILES) as desk:
        search = desk.search("revise", "agent")
        await search.run()
    assert [one.strategy for one in search.trajectory_list()] == ["revise", "agent"]
    assert len(search.evidence().candidates) == 2
    assert search.trajectories[2].tree in rank(search.evidence()).supported


async def test_trajectories_are_set_aside_and_go_on_without_paying_twice(tmp_path: Path) -> None:
    order = ["right", "wrong", "also"]

    def deepening(desk: Desk) -> Search:
        search = desk.search(*["revise"] * 3)
        search.policy = IterativeDeepening(first=1, sure=1.0)
        return search

    async with open_desk(tmp_path, Shuffled(replies(order)), turns=4) as desk:
        first = deepening(desk)
        await first.run()
        assert sorted(one.step for one in desk.model.requests) == sorted(
            f"{ISSUE}/{step}" for step in replies(order)
        ), "every reply is asked for once"
    said = [(one.action, one.trajectory, one.turns) for one in first.decisions]
    assert said[:4] == [("start", 1, 1), ("start", 2, 1), ("start", 3, 1), ("check", None, None)]
    assert said[4:8] == [*(("extend", index, 2) for index in (1, 2, 3)), ("check", None, None)]
    assert said[8:] == [*(("extend", index, 4) for index in (1, 2, 3)), ("check", None, None)]
    assert [one.outcome for one in first.trajectory_list()] == ["done"] * 3
    (tmp_path / "whole").mkdir()
    async with open_desk(tmp_path / "whole", Spoken(replies(order)), turns=4) as desk:
        whole = await searched(desk, 3)
    assert told(whole.evidence()) == told(first.evidence())
    async with open_desk(tmp_path, Spoken({}), turns=4) as desk:
        again = deepening(desk)
        await again.run()
        assert desk.model.requests == []
    assert again.decisions == first.decisions and again.trajectory_list() == first.trajectory_list()


class Keen(Adaptive):
    """Goes on while anything is left: at `width` one, decisions depend on no order."""

    def __init__(self) -> None:
        super().__init__(pilot=1, width=1, first=1, worth=0.0)


async def test_killed_again_and_again_it_starts_and_extends_the_same(tmp_path: Path) -> None:
    order = ["wrong", "right", "also"]
    (tmp_path / "calm").mkdir()
    async with open_desk(tmp_path / "calm", Spoken(replies(order)), turns=4) as desk:
        calm = desk.search(*["revise"] * 3)
        calm.policy = Keen()
        await calm.run()
    actions = [one.action for one in calm.decisions]
    assert actions.count("start") == 3 and actions.count("extend") >= 3
    asked: list[str] = []
    for most in (1, 3, 2, 4, 99):

        class Dying(Spoken):
            async def complete(self, request: Request, most: int = most) -> Completion:
                if len(self.requests) >= most:
                    raise RuntimeError("killed")
                return await super().complete(request)

        model = Dying(replies(order))
        async with open_desk(tmp_path, model, turns=4) as desk:
            search = desk.search(*["revise"] * 3)
            search.policy = Keen()
            try:
                await search.run()
            except BaseExceptionGroup as group:
                assert group.subgroup(RuntimeError)  # noqa: PT017
        asked += [request.step for request in model.requests]
    assert search.decisions == calm.decisions and told(search.evidence()) == told(calm.evidence())
    assert sorted(asked) == sorted(f"{ISSUE}/{step}" for step in replies(order)), (
        "each reply is paid for once"
    )


async def test_what_goes_on_is_judged_as_it_was_meanwhile(tmp_path: Path) -> None:
    class Slow(Spoken):
        async def complete(self, request: Request) -> Completion:
            if request.step.endswith("01/turn/03"):
                await meanwhile.wait()
            return await super().complete(request)

    class Watching(Keen):
        def next(self, progress: Progress) -> Move | None:
            """Let the first go on, have the second judged meanwhile."""
            if progress.started < 2:
                return Move("start", "begin", turns=2)
            if progress.finished == 2 and progress.checked < 2:
                return Move("check", "both have stopped")
            if progress.checked == 2 and progress.aside and not seen:
                seen.append(progress.candidates)
                return Move("extend", "deeper", trajectory=1, turns=4)
            if len(seen) == 1 and progress.checked == 1:
                seen.append(progress.candidates)
                return Move("extend", "deeper", trajectory=2, turns=4)
            if progress.finished > progress.checked:
                return Move("check", "one has stopped")
            if len(seen) == 2 and progress.checked:
                seen.append(progress.candidates)
                meanwhile.set()
            return None if progress.finished < 2 else Move("stop", "done")

    seen: list[int] = []
    meanwhile = anyio.Event()
    async with open_desk(tmp_path, Slow(replies(["wrong", "right"])), turns=4) as desk:
        search = desk.search("revise", "revise")
        search.policy = Watching()
        with anyio.fail_after(60):
            await search.run()
    assert seen == [2, 2, 2]


async def test_why_those_that_were_set_aside_do_not_go_on_is_on_record(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken(replies(["right"])), turns=4) as desk:
        search = desk.search("revise")
        search.policy = IterativeDeepening(first=2, sure=0.0)
        await search.run()
    assert [one.action for one in search.decisions] == ["start", "check", "stop"]
    assert "the leader is right with probability" in search.decisions[-1].reason


async def test_what_was_set_aside_counts_when_the_time_ends_while_it_goes_on(tmp_path: Path) -> None:
    class Stuck(Spoken):
        async def complete(self, request: Request) -> Completion:
            if request.step.endswith("turn/03"):
                await anyio.sleep_forever()
            return await super().complete(request)

    class Impatient(IterativeDeepening):
        def next(self, progress: Progress) -> Move | None:
            under_way = progress.finished < progress.started and progress.checked
            return Move("stop", "enough") if under_way and not progress.aside else super().next(progress)

    async with open_desk(tmp_path, Stuck(replies(["right"])), turns=4) as desk:
        search = desk.search("revise")
        search.policy = Impatient(first=2, sure=1.0)
        with anyio.move_on_after(20):
            await search.run()
    [one] = search.trajectory_list()
    assert one.error.startswith("set aside") and one.patch
    assert [candidate.authors for candidate in search.evidence().candidates] == [(1,)]


@pytest.mark.parametrize(
    ("progress", "action"),
    [
        (Progress(2, 0, 0, 0), "start"),
        (Progress(2, 1, 1, 0), "start"),
        (Progress(2, 2, 1, 0), None),
        (Progress(2, 2, 2, 0), "check"),
        (Progress(2, 2, 2, 2), "stop"),
        (Progress(0, 0, 0, 0), "stop"),
    ],
)
def test_the_fixed_policy(progress: Progress, action: str | None) -> None:
    move = Fixed().next(progress)
    assert (move.action if move else None) == action
