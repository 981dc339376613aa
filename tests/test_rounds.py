"""Trajectories that learn from others: what they are told, that it stays so, and that it is no echo."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest
from solving_kit import CHECK, DONE, RIGHT, Desk, Spoken, bash, edit, made, open_desk

from swe_scale.agenda import Agenda
from swe_scale.config import Exec, Prompted
from swe_scale.judging import Judging, candidates_of, checks_of, without_echoes
from swe_scale.policy import Fixed, Progress
from swe_scale.ranking import Evidence, rank
from swe_scale.records import Candidate, Check, Completion, Request, Sampling
from swe_scale.trajectory import Assignment, taken_by

pytestmark = pytest.mark.anyio
FORKED = Prompted(kind="revise", start="best")
WRONG = "    return sum(values) / max(len(values), 2)"
ALSO = "    if not values:\n        return 0.0\n    return sum(values) / len(values)"
STRICT = CHECK.replace("mean([]) == 0.0", "mean([]) == 0.0 and mean([4]) == 4")


def first_round() -> dict[str, str]:
    """Two ways to do it, one of them wrong, with checks of their own."""
    return {
        "trajectory/01/turn/01": STRICT + edit(RIGHT) + DONE,
        "trajectory/02/turn/01": CHECK + edit(WRONG) + DONE,
        "trajectory/03/turn/01": "I don't know.",
        "trajectory/03/turn/02": "I really don't.",
    }


def refined(index: int, body: str = ALSO) -> Mapping[str, str]:
    check = STRICT.replace("resolved", f"fine {index}")
    return {f"trajectory/{index:02}/turn/01": check + edit(body) + DONE}


async def test_a_refining_one_is_told_what_others_tried_and_not_who(tmp_path: Path) -> None:
    model = Spoken(first_round() | dict(refined(4)))
    async with open_desk(tmp_path, model, turns=2) as desk:
        search = desk.search("revise", "revise", "revise", "refine")
        await search.run()
        opening = desk.setting.opening("")[1].content.rstrip()
    actions = [(one.action, one.trajectory) for one in search.decisions]
    assert actions == [
        ("start", 1),
        ("start", 2),
        ("start", 3),
        ("check", None),
        ("refine", 4),
        ("check", None),
    ]
    told = model.requests[-1].messages[1].content
    assert told.startswith(opening) and told.endswith(search.trajectories[4].plan)
    notes = search.trajectories[4].plan
    assert notes.index("if values else 0.0") < notes.index("max(len(values), 2)"), "best first"
    assert "it fails 1." in notes and "not resolved" in notes and "1 never kept the format" in notes
    assert not [name for name in ("trajectory", "#1", "revise", "scripted", "seed") if name in notes]
    assert set(search.trajectories[4].shown) == {search.trajectories[index].tree for index in (1, 2)}
    assert search.trajectories[4].tree in {one.id for one in search.evidence().candidates}


@pytest.mark.parametrize("strategy", ["fork", "forked"])
async def test_a_fork_goes_on_from_the_best_tree_with_its_check(tmp_path: Path, strategy: str) -> None:
    model = Spoken(first_round())
    goes_on = edit("    # nothing has no mean\n" + RIGHT, RIGHT)
    model.replies = {
        **model.replies,
        "trajectory/03/turn/01": bash(f"cat > new.txt <<'END'\n{strategy}\nEND")
        if strategy == "fork"
        else goes_on,
        "trajectory/03/turn/02": "<submit/>" if strategy == "fork" else DONE,
    }
    async with open_desk(tmp_path, model, turns=3) as desk:
        search = desk.search("revise", "revise", strategy)
        if strategy == "forked":
            search.agenda.plan = [*search.agenda.plan[:2], replace(search.agenda.plan[2], settings=FORKED)]
        await search.run()
    first, fork = search.trajectories[1], search.trajectories[3]
    assert (fork.began, fork.outcome) == (first.tree, "done"), fork.error
    assert fork.tree not in (first.tree, search.setting.trees.base)
    assert fork.check == first.check and search.decisions[3].action == "fork"
    assert "if values else 0.0" in fork.plan and "sys.exit(0 if ok else 42)" in fork.plan
    assert "if values else 0.0" in fork.patch, "the changes add to those that were there"


async def test_a_fork_that_changes_nothing_is_no_second_voice(tmp_path: Path) -> None:
    script = first_round() | {"trajectory/03/turn/01": DONE}
    async with open_desk(tmp_path, Spoken(script), turns=3) as desk:
        search = desk.search("revise", "revise", "forked")
        search.agenda.plan = [*search.agenda.plan[:2], replace(search.agenda.plan[2], settings=FORKED)]
        await search.run()
    assert search.trajectories[3].tree == search.trajectories[1].tree
    evidence = search.evidence()
    assert sorted(one.authors for one in evidence.candidates) == [(1,), (2,)]
    assert {one.author for one in evidence.checks} == {1, 2}
    alone = rank(evidence).ranked[0]
    assert alone.similar == 0


async def test_without_candidates_they_begin_with_what_is_known(tmp_path: Path) -> None:
    script = {f"trajectory/01/turn/0{turn}": "no" for turn in (1, 2)}
    async with open_desk(tmp_path, Spoken({**script, **refined(2), **refined(3)}), turns=2) as desk:
        search = desk.search("revise", "refine", "fork")
        search.agenda.plan = [*search.agenda.plan[:2], replace(search.agenda.plan[2], settings=FORKED)]
        await search.run()
    assert [one.action for one in search.decisions] == ["start", "check", "refine", "refine", "check"]
    assert "1 never kept the format" in search.trajectories[2].plan
    assert search.trajectories[3].began == "" and "there is none to go on from" in search.decisions[3].reason


async def test_alone_they_begin_plainly(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken(dict(refined(1)))) as desk:
        search = desk.search("refine")
        await search.run()
        opening = desk.setting.opening("")[1].content.rstrip()
    assert search.trajectories[1].plan == "" and search.trajectories[1].outcome == "done"
    assert opening in desk.model.requests[0].messages[1].content
    assert "no earlier one" in search.decisions[0].reason


async def test_whatever_kills_it_they_are_told_the_same_again(tmp_path: Path) -> None:
    whole = first_round() | dict(refined(4)) | dict(refined(5, RIGHT))
    strategies = ("revise", "revise", "revise", "refine", "refine")
    (tmp_path / "a").mkdir()
    async with open_desk(tmp_path / "a", Spoken(whole), turns=2) as desk:
        calm = desk.search(*strategies)
        await calm.run()
    (tmp_path / "b").mkdir()
    asked: list[str] = []
    for cut in (1, 3, 1, 99):

        class Dying(Spoken):
            async def complete(self, request: Request, most: int = cut) -> Completion:
                if len(self.requests) >= most:
                    raise RuntimeError("killed")
                return await super().complete(request)

        model = Dying(whole)
        async with open_desk(tmp_path / "b", model, turns=2) as desk:
            search = desk.search(*strategies)
            try:
                await search.run()
            except BaseExceptionGroup as group:
                assert group.subgroup(RuntimeError)  # noqa: PT017
        asked += [request.step for request in model.requests]
    assert sorted(asked) == sorted(f"pkg-1/{step}" for step in whole), "nothing is paid twice"
    assert search.decisions == calm.decisions
    given = [(one.plan, one.began, one.shown, one.tree) for one in search.trajectory_list()]
    assert given == [(one.plan, one.began, one.shown, one.tree) for one in calm.trajectory_list()]


async def test_a_recorded_beginning_outlives_other_evidence(tmp_path: Path) -> None:
    whole = first_round() | dict(refined(4))
    async with open_desk(tmp_path, Spoken(whole), turns=2) as desk:
        first = desk.search("revise", "revise", "revise", "refine")
        await first.run()

    @dataclass(slots=True)
    class Blank(Judging):
        @property
        def evidence(self) -> Evidence:
            return Evidence((), {}, (), ())

    async with open_desk(tmp_path, Spoken({}), turns=2) as desk:
        again = desk.search("revise", "revise", "revise", "refine")
        judging = again.judging
        again.judging = Blank(judging.cells, judging.trees, judging.neighbours)
        await again.run()
    assert desk.model.requests == [] and again.trajectories[4] == first.trajectories[4]


async def test_the_first_round_leaves_time_for_the_second(tmp_path: Path) -> None:
    class Slow(Spoken):
        async def complete(self, request: Request) -> Completion:
            if "/trajectory/02" in request.step:
                await anyio.sleep_forever()
            return await super().complete(request)

    async with open_desk(tmp_path, Slow(first_round() | dict(refined(3)))) as desk:
        soon = replace(desk, setting=replace(desk.setting, deadline=anyio.current_time() + 20))
        search = soon.search("revise", "revise", "refine")
        await search.run()
    assert [one.outcome for one in search.trajectory_list()] == ["done", "budget", "done"]
    assert "if values else 0.0" in search.trajectories[3].plan


async def test_what_was_judged_in_time_stays_when_the_second_round_is_too_late(tmp_path: Path) -> None:
    @dataclass(slots=True)
    class Late(Judging):
        rounds: list[int] = field(default_factory=list)

        async def judge(self, trajectories: object, deadline: float) -> None:
            self.rounds.append(1)
            over = -math.inf if len(self.rounds) > 1 else deadline
            await Judging.judge(self, trajectories, over)  # type: ignore[arg-type]

    async with open_desk(tmp_path, Spoken(first_round() | dict(refined(3))), turns=2) as desk:
        search = desk.search("revise", "revise", "refine")
        judging = search.judging
        search.judging = Late(judging.cells, judging.trees, judging.neighbours)
        await search.run()
    evidence = search.evidence()
    assert len(evidence.candidates) == 3
    judged = {(one.candidate, one.outcome) for one in evidence.verdicts}
    assert (search.trajectories[1].tree, "pass") in judged and (search.trajectories[2].tree, "fail") in judged
    assert search.trajectories[3].tree not in {candidate for candidate, _ in judged}


PATCH = "diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n"


def test_who_was_told_of_a_candidate_is_no_author_of_it() -> None:
    told = made(3, "t1", PATCH).model_copy(update={"shown": ("t1", "t2")})
    forked = made(4, "t1", PATCH).model_copy(update={"began": "t1", "shown": ("t1",)})
    own = made(5, "t3", PATCH).model_copy(update={"shown": ("t1", "t2")})
    found = candidates_of([made(1, "t1", PATCH), made(2, "t2", PATCH), told, forked, own], "base")
    assert [(one.id, one.authors, one.shown) for one in found] == [
        ("t1", (1,), ()), ("t2", (2,), ()), ("t3", (5,), ("t1", "t2"))
    ]  # fmt: skip


def test_what_only_repeats_what_its_author_was_told_is_left_out() -> None:
    several = (
        Candidate(id="a", patch=PATCH, authors=(1,)),
        Candidate(id="b", patch=PATCH, authors=(2,), shown=("a",)),
        Candidate(id="c", patch=PATCH, authors=(3,), shown=("a",)),
        Candidate(id="d", patch=PATCH, authors=(4,)),
    )
    forms = {"a": "f", "b": "f", "c": "g", "d": "f"}
    assert [one.id for one in without_echoes(several, forms)] == ["a", "c", "d"]


def test_what_was_made_of_another_is_not_supported_by_its_likeness() -> None:
    longer = PATCH.replace("+b", "+if a and b and c and d and e and f and g: return h")
    parent = Candidate(id="a", patch=longer, authors=(1,))
    child = Candidate(id="b", patch=longer.replace("h", "i"), authors=(2,), shown=("a",))
    stranger = Candidate(id="b", patch=child.patch, authors=(2,))
    forms = {"a": "f", "b": "g"}
    assert rank(Evidence((parent, child), forms, (), ())).supported == frozenset()
    assert rank(Evidence((parent, stranger), forms, (), ())).supported == {"a", "b"}


def test_a_check_that_was_handed_on_keeps_its_author() -> None:
    check = Check.of("exit 42\n", "reproduction", author=1, language="sh")
    kept = made(2, "b", PATCH, check.model_copy(update={"author": 2})).model_copy(update={"shown": ("a",)})
    assert [one.author for one in checks_of([made(1, "a", PATCH, check), kept])] == [1]
    assert [one.author for one in checks_of([kept])] == [2]


@dataclass
class Shouting:
    """A formatter that makes new files of one kind alike."""

    seen: list[str] = field(default_factory=list)
    desk: Desk | None = None

    async def styled(self, tree: str) -> str:
        assert self.desk is not None
        self.seen.append(tree)
        [(path, file)] = (await self.desk.trees.files(tree, ["stats.py"])).items()
        data = file.data.replace(b"return  ", b"return ")
        return await self.desk.trees.write(tree, {path: file.model_copy(update={"data": data})})


async def test_what_is_judged_is_the_tree_after_formatting(tmp_path: Path) -> None:
    untidy = RIGHT.replace("return ", "return  ")
    script = {
        "trajectory/01/turn/01": CHECK + edit(RIGHT) + DONE,
        "trajectory/02/turn/01": STRICT + edit(untidy) + DONE,
    }
    async with open_desk(tmp_path, Spoken(script)) as desk:
        style = Shouting(desk=desk)
        search = desk.search("revise", "revise")
        search.judging.style = style
        await search.run()
        [one] = search.evidence().candidates
        assert one.authors == (1, 2) and "return  sum" not in one.patch
        assert search.trajectories[2].tree != one.id == search.trajectories[1].tree
        late = desk.search("revise", "revise")
        late.judging.style, late.deadline = style, -math.inf
        await late.run()
    assert len(late.evidence().candidates) == 2, "when the time is over they are taken as they are"


def strategy(name: str, index: int) -> Assignment:
    return Assignment(index, name, Sampling())


def test_models_are_taken_in_turn_and_a_strategy_s_own_is_its_own() -> None:
    models = {"trajectory": ["a", "b"], "strategies.mine": ["c"], "plan": ["d"]}
    taken = [
        taken_by(strategy(name, index), models) for index, name in enumerate(["revise", "mine", "plan"], 1)
    ]
    assert taken == ["a", "c", "a"]


@pytest.mark.parametrize(
    ("progress", "action"),
    [
        (Progress(2, 2, 1, 0, ("notes",)), None),
        (Progress(2, 2, 2, 0, ("notes",)), "check"),
        (Progress(2, 2, 2, 2, ("notes",)), "refine"),
        (Progress(2, 2, 2, 2, ("best",), 1), "fork"),
        (Progress(2, 2, 2, 2, ("best",), 0), "refine"),
        (Progress(2, 3, 2, 2, ("notes", "best"), 1), "fork"),
        (Progress(2, 4, 2, 2, ("notes", "best"), 1), None),
        (Progress(2, 4, 4, 2, ("notes", "best"), 1), "check"),
        (Progress(2, 4, 4, 4, ("notes", "best"), 1), "stop"),
        (Progress(0, 0, 0, 0, ("best",)), "refine"),
        (Progress(0, 1, 1, 0, ("best",)), "check"),
    ],
)
def test_the_fixed_policy_in_rounds(progress: Progress, action: str | None) -> None:
    move = Fixed().next(progress)
    assert (move.action if move else None) == action


def test_those_that_wait_for_others_come_last() -> None:
    names = ["fork", "revise", "theirs", "plan", "refine"]
    plan = [strategy(name, index) for index, name in enumerate(names, start=1)]
    plan.append(replace(plan[0], index=6, settings=Exec(kind="exec", command=("x",))))
    assert [one.index for one in Agenda(plan, 8).plan] == [2, 3, 4, 6, 1, 5]
