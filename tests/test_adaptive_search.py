"""A search that is adaptive writes checks and begins forks before the plan's end; a replay knows them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from runs_kit import trajectory, tree
from solving_kit import CHECK, DONE, ISSUE, RIGHT, Desk, Spoken, edit, open_desk

from swe_scale.analysis.simulation import Drawn, simulate
from swe_scale.config import Prompted
from swe_scale.policy import Move, Planned, Progress
from swe_scale.policy.adaptive import Adaptive
from swe_scale.ranking import Evidence, Prior, find_rule
from swe_scale.records import Check, Completion, Request, Trajectory
from swe_scale.search import Search

EASY = Prior(hopeless=0.01, successes=5.0, failures=0.5)
RARELY = Prior(successes=0.2, failures=4.0, mended=0.2)
NONE = Evidence((), {}, (), ())
NONE_AT_ALL = "    return sum(values) / len(values) if values else None"
FORKED = Prompted(kind="revise", start="best")


def asks(what: str, place: int = 0) -> str:
    """Return a check that fails on the untouched code."""
    return CHECK.replace("mean([]) == 0.0", what).replace("print(", f"print({place}, ")


PLAIN, ZERO, ANYTHING = "mean([]) == 0.0", "mean([]) == 0", "mean([]) in (0, None)"
SCRIPT = {
    "trajectory/01/turn/01": asks(ANYTHING, 1) + edit(NONE_AT_ALL) + DONE,
    "trajectory/02/turn/01": asks(ANYTHING, 2) + edit(RIGHT) + DONE,
    "trajectory/03/turn/01": asks(ANYTHING, 3) + edit(RIGHT) + DONE,
    "trajectory/04/turn/01": asks(ZERO, 4),
    "trajectory/04/turn/02": DONE,
    "trajectory/05/turn/01": edit(RIGHT, NONE_AT_ALL) + DONE,
    "trajectory/05/turn/02": DONE,
}


def one_by_one(desk: Desk, prior: Prior, worth: float = 0.0025) -> Search:
    """Return a search for three patches, a check and a fork, in which each decision waits for the last."""
    search = desk.search("revise", "revise", "revise", "check", "forked")
    search.agenda.plan = [*search.agenda.plan[:4], replace(search.agenda.plan[4], settings=FORKED)]
    search.policy = Adaptive(pilot=1, width=1, worth=worth)
    judging = search.judging
    judging.prior = prior
    for what in (ANYTHING, f"not {ANYTHING.replace('in', 'not in')}", PLAIN, "mean([]) is None"):
        script = asks(what).removeprefix("<check>\n").removesuffix("</check>\n")
        judging.checks = (*judging.checks, Check.of(script, "reproduction"))
    return search


@pytest.mark.anyio
async def test_a_check_is_written_before_the_plan_s_end_where_two_are_level(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken(SCRIPT), turns=3) as desk:
        search = one_by_one(desk, EASY)
        await search.run()
    told = [(one.action, one.trajectory) for one in search.decisions]
    assert told[:6] == [
        ("start", 1), ("check", None), ("start", 2), ("check", None), ("start", 4), ("check", None),
    ]  # fmt: skip
    assert "a check alone" in search.decisions[4].reason and 3 in {one.index for one in search.agenda.plan}
    assert not search.trajectories[4].patch and search.trajectories[4].outcome == "done"
    leader = find_rule("latent")(search.evidence()).ranked[0]
    assert leader.candidate == search.trajectories[2].tree, "as the check says"


@pytest.mark.anyio
async def test_a_fork_is_begun_before_the_plan_s_end_where_a_new_one_is_rarely_right(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken(SCRIPT), turns=3) as desk:
        search = one_by_one(desk, RARELY)
        await search.run()
    told = [(one.action, one.trajectory) for one in search.decisions]
    assert told[:4] == [("start", 1), ("check", None), ("fork", 5), ("check", None)]
    fork, first = search.trajectories[5], search.trajectories[1]
    assert fork.began == first.tree and fork.tree != first.tree and "if values else 0.0" in fork.patch
    assert {one.id for one in search.evidence().candidates} >= {first.tree, fork.tree}, "the leader stays"
    told_so = search.decisions[2].reason
    begins, _, worth = told_so.removesuffix(" a reply").rpartition("; ")
    assert begins == "trajectory 2 of 5 goes on from the best of 1 candidate", told_so
    assert 0.02 < float(worth) < 0.2, "eight times what is asked of a reply, and less than all"


@pytest.mark.anyio
@pytest.mark.parametrize("prior", [EASY, RARELY], ids=["a check", "a fork"])
async def test_killed_again_and_again_it_decides_the_same(tmp_path: Path, prior: Prior) -> None:
    (tmp_path / "calm").mkdir()
    async with open_desk(tmp_path / "calm", Spoken(SCRIPT), turns=3) as desk:
        calm = one_by_one(desk, prior, worth=0.0)
        await calm.run()
    assert {one.trajectory for one in calm.decisions} == {None, 1, 2, 3, 4, 5}, "all are taken in the end"
    asked: list[str] = []
    for most in (2, 1, 1, 1, 99):

        class Dying(Spoken):
            async def complete(self, request: Request, most: int = most) -> Completion:
                if len(self.requests) >= most:
                    raise RuntimeError("killed")
                return await super().complete(request)

        model = Dying(SCRIPT)
        async with open_desk(tmp_path, model, turns=3) as desk:
            search = one_by_one(desk, prior, worth=0.0)
            try:
                await search.run()
            except BaseExceptionGroup as group:
                assert group.subgroup(RuntimeError)  # noqa: PT017
        asked += [request.step for request in model.requests]
    assert search.decisions == calm.decisions
    ends = [
        [(one.index, one.tree, one.began, one.check, one.outcome) for one in each.trajectory_list()]
        for each in (search, calm)
    ]
    assert ends[0] == ends[1]
    assert len(asked) == len({*asked}), "each reply is paid for once"
    assert {*asked} <= {f"{ISSUE}/{step}" for step in SCRIPT}


def recorded(index: int, *, strategy: str = "revise", began: str = "") -> Trajectory:
    one = trajectory(1, index, 2, [-1, 1] if strategy == "revise" else [-1, -1])
    return one.model_copy(update={"strategy": strategy, "began": began})


def test_a_replay_takes_recorded_checks_and_forks_for_what_they_are() -> None:
    first = [recorded(1), recorded(2), recorded(3, strategy="check"), recorded(4)]
    fork = recorded(5, began=tree(1, 1))
    seen: list[Progress] = []

    class Watching:
        def next(self, progress: Progress) -> Move | None:
            seen.append(progress)
            return [
                Move("start", "", 3), Move("start", ""), Move("fork", "", 5, 1), None, None, None,
                Move("check", ""), Move("extend", "", 5, 2), None, Move("check", ""), Move("stop", ""),
            ][len(seen) - 1]  # fmt: skip

    def nothing(several: Sequence[Trajectory]) -> Evidence:
        return NONE

    def whole(one: Trajectory, turns: int | None) -> Trajectory:
        return one

    done = simulate(Watching(), Drawn(first, [fork]), nothing, whole, 2)
    assert [one.index for one in done.started] == [3, 1, 5] and [one.index for one in done.judged] == [
        1,
        3,
        5,
    ]
    assert seen[0].plan == (
        Planned(1), Planned(2), Planned(3, writes="check"), Planned(4), Planned(5, "best"),
    )  # fmt: skip
    assert [one.index for one in seen[3].waiting] == [2, 4] and seen[3].late == ("best",)
    assert seen[7].aside == {5: 1} and seen[7].drafts == {3} and seen[7].forks == {5}
