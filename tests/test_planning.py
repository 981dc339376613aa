"""Plans differ by construction, are paid once, and their absence stops nobody."""

import itertools
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import CHECK, DONE, ISSUE, RIGHT, Desk, Spoken, edit, open_desk

from swe_scale.config import Budget
from swe_scale.errors import EndpointRefused
from swe_scale.planning import (
    OBSERVATIONS,
    PLAN_BYTES,
    Planner,
    combined,
    distinct,
    most_replies,
    observations_in,
    plans_in,
)
from swe_scale.records import Completion, Request, Sampling
from swe_scale.search import Search
from swe_scale.trajectory import Assignment

pytestmark = pytest.mark.anyio

SEEN = "Let me see.\n<observations>\n1. mean divides\n2. callers sum\n3. floats\n</observations>\n"


def written(*numbers: int) -> str:
    return "\n".join(f'<plan number="{number}">\nDo it in way {number}.\n</plan>' for number in numbers)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (SEEN, ["mean divides", "callers sum", "floats"]),
        ("<observations>\n1. one\n   more of it\n2) two\n", ["one more of it", "two"]),
        ("<observations>\r\n1. one\r\n</observations>\r\n2. not this", ["one"]),
        ("<observations>\n1. same\n2. same\n</observations>", ["same"]),
        ("<observations>\n- a\n- b\n</observations>", []),
        ("1. one\n2. two", []),
        ("", []),
        ("<observations>\n</observations>", []),
        ("<observations>\n1. half \ud800 pair\n</observations>", ["half \ufffd pair"]),
    ],
)
def test_observations_are_read_from_their_list(reply: str, found: list[str]) -> None:
    assert observations_in(reply) == found


def test_many_and_long_observations_are_bounded() -> None:
    long = "<observations>\n" + "".join(f"{n}. {n} {'x' * 5000}\n" for n in range(1, 60)) + "</observations>"
    found = observations_in(long)
    assert len(found) == OBSERVATIONS and max(map(len, found)) < 1000


def test_plans_are_read_by_their_numbers() -> None:
    assert plans_in(written(2, 1)) == {2: "Do it in way 2.", 1: "Do it in way 1."}
    assert plans_in('<plan number="1">\na\n</plan>\n<plan number="1">\nb\n</plan>') == {1: "a"}
    assert plans_in('<plan number="1">\n\n</plan>\n<plan>\nb\n</plan>\n') == {}
    [cut] = plans_in('<plan number="3">\n' + "y" * 9000).values()
    assert len(cut) < PLAN_BYTES + 100


@pytest.mark.parametrize("observations", range(OBSERVATIONS + 1))
def test_combinations_are_distinct_of_one_or_two_and_spread(observations: int) -> None:
    texts = [f"word{number} of its own" for number in range(observations)]
    every = combined(texts, 999)
    assert len(every) == len({frozenset(one) for one in every}) == observations * (observations + 1) // 2
    assert combined(texts, 5) == every[:5]
    # As long as there are observations that no plan has, each takes only such.
    untouched = every[: observations // 2]
    assert len({number for one in untouched for number in one}) == 2 * len(untouched)
    assert {number for one in every[: (observations + 1) // 2] for number in one} == set(range(observations))


def test_of_level_ones_that_with_words_of_its_own_is_taken() -> None:
    texts = ["alpha beta", "gamma delta", "alpha gamma", "alpha beta gamma", "epsilon", "zeta"]
    assert combined(texts, 2) == [(0, 1), (4, 5)]


def test_what_says_the_same_is_one_plan() -> None:
    assert distinct(["Guard  it.", "guard it", "Move it."]) == ("Guard  it.", "Move it.")


def planner(desk: Desk, count: int) -> Planner:
    assigned = [Assignment(index, "plan", Sampling(seed=index)) for index in range(1, count + 1)]
    return Planner(desk.setting, Sampling(seed=9), assigned)


async def plans(desk: Desk, count: int) -> list[str]:
    one = planner(desk, count)
    found = dict[int, str]()

    async def ask(assignment: Assignment) -> None:
        found[assignment.index] = await one.plan_for(assignment)

    async with anyio.create_task_group() as group:
        for assignment in one.assigned:
            group.start_soon(ask, assignment)
    return [found[index] for index in sorted(found)]


def said(*texts: str) -> Spoken:
    return Spoken({f"plan/turn/{number:02}": text for number, text in enumerate(texts, start=1)})


async def test_two_calls_make_a_plan_for_each_and_none_the_second_time(tmp_path: Path) -> None:
    model = said(SEEN, written(1, 2, 3))
    async with open_desk(tmp_path, model) as desk:
        found = await plans(desk, 3)
        assert desk.setting.ledger.by_stage["plan"].calls == 2
    assert found == [f"Do it in way {number}." for number in (1, 2, 3)]
    assert [request.step for request in model.requests] == [f"{ISSUE}/plan/turn/0{n}" for n in (1, 2)]
    assert {request.sampling.seed for request in model.requests} == {9}
    asked = model.requests[1].messages[-1].content
    assert "- plan 1: from observations 1 and 2" in asked and "- plan 2: from observation 3" in asked
    async with open_desk(tmp_path, Spoken({})) as desk:
        assert await plans(desk, 3) == found
        assert desk.model.requests == [] and desk.steps.made == 0


async def test_eight_plans_are_asked_for_at_a_time(tmp_path: Path) -> None:
    many = "<observations>\n" + "".join(f"{n}. seen {n}\n" for n in range(1, 9)) + "</observations>\n"
    model = said(many, written(*range(1, 9)), written(9, 10))
    async with open_desk(tmp_path, model) as desk:
        assert (await plans(desk, 10))[-1] == "Do it in way 10."
    assert len(model.requests) == 3 <= most_replies(10)


@pytest.mark.parametrize(
    ("replies", "found", "note"),
    [
        (("I can't.", SEEN, written(1, 2)), ["1", "2"], "2 plans made"),
        ((SEEN, written(2), written(1)), ["2", "1"], "2 plans made"),
        ((SEEN, written(2), "no"), ["2", ""], "1 plan made; 1 of 2 trajectories begin without one"),
        ((SEEN, "no", "no"), ["", ""], "0 plans made; 2 of 2 trajectories begin without one"),
        (("no", "no"), ["", ""], "0 plans made"),
        (("<observations>\n1. one\n</observations>", written(1)), ["1", ""], "1 plan made; 1 of 2"),
        ((SEEN, written(1) + "\n" + written(1).replace("1", "2", 1)), ["1", ""], "1 plan made"),
        ((SEEN, written(7, 8), written(1, 2)), ["1", "2"], "2 plans made"),
    ],
)
async def test_malformed_replies_make_fewer_plans(
    tmp_path: Path, replies: tuple[str, ...], found: list[str], note: str
) -> None:
    model = said(*replies)
    async with open_desk(tmp_path, model) as desk:
        got = await plans(desk, 2)
        assert [text and text.split()[-1].rstrip(".") for text in got] == found
        assert any(note in text for text in desk.texts("note"))
    assert len(model.requests) == len(replies) <= most_replies(2)
    async with open_desk(tmp_path, Spoken({})) as desk:
        assert await plans(desk, 2) == got, "what came of it is part of the record"


async def test_a_budget_that_ends_amid_planning_leaves_no_plans_and_more_makes_them(tmp_path: Path) -> None:
    wordy = said("I think. " * 2000 + SEEN[SEEN.index("\n") :], written(1, 2))
    async with open_desk(tmp_path, wordy, budget=Budget(tokens=20_000)) as desk:
        assert await plans(desk, 2) == ["", ""]
        assert [one for one in desk.texts("note") if "planning ended early" in one]
        assert [request.step[-2:] for request in desk.model.requests] == ["01"]
    async with open_desk(tmp_path, wordy) as desk:
        wordy.requests.clear()
        assert all(await plans(desk, 2))
        assert [request.step[-2:] for request in desk.model.requests] == ["02"]


async def test_a_lost_endpoint_leaves_no_plans_and_one_that_refuses_stops_all(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        assert await plans(desk, 2) == ["", ""]

    class Locked(Spoken):
        async def complete(self, request: Request) -> Completion:
            raise EndpointRefused("the key is refused")

    (tmp_path / "b").mkdir()
    async with open_desk(tmp_path / "b", Locked({})) as desk:
        with pytest.raises(BaseExceptionGroup) as caught:
            await plans(desk, 2)
    assert caught.value.subgroup(EndpointRefused)


def solving(*indexes: int) -> Mapping[str, str]:
    return {f"trajectory/{index:02}/turn/01": CHECK + edit(RIGHT) + DONE for index in indexes}


def search(desk: Desk, *strategies: str) -> Search:
    made = desk.search(*strategies)
    planned = [one for one in made.agenda.plan if one.start == "plan"]
    return replace(made, planner=Planner(desk.setting, Sampling(), planned))


async def test_each_planned_trajectory_is_told_its_own_plan_behind_what_all_share(tmp_path: Path) -> None:
    model = Spoken({**solving(1, 2, 3), **said(SEEN, written(1, 2)).replies})
    async with open_desk(tmp_path, model) as desk:
        made = search(desk, "plan", "revise", "plan")
        await made.run()
        opening = desk.setting.opening("")[1].content.rstrip()
    first = {
        request.step.split("/")[2]: request.messages[1].content
        for request in model.requests
        if "trajectory" in request.step
    }
    assert [made.trajectories[index].plan for index in (1, 2, 3)] == [
        "Do it in way 1.",
        "",
        "Do it in way 2.",
    ]
    assert all(text.startswith(opening) for text in first.values())
    common = len(first["02"])
    assert first["01"][:common] == first["02"] == first["03"][:common]
    assert "Do it in way 1." in first["01"] and "Do it in way 2." in first["03"]


async def test_without_plans_they_begin_plainly(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({**solving(1, 2), **said("no", "no").replies})) as desk:
        made = search(desk, "plan", "plan")
        await made.run()
    assert [one.outcome for one in made.trajectory_list()] == ["done", "done"]
    assert [one.plan for one in made.trajectory_list()] == ["", ""]


@pytest.mark.parametrize("planned", [(), (SEEN,)])
async def test_what_began_without_a_plan_is_never_made_twice(
    tmp_path: Path, planned: tuple[str, ...]
) -> None:
    first = {**solving(1), "trajectory/02/turn/01": CHECK, **said(*planned).replies}
    async with open_desk(tmp_path, Spoken(first)) as desk:
        await search(desk, "plan", "plan", "plan").run()
    rest = {**solving(3), "trajectory/02/turn/02": edit(RIGHT) + DONE}
    mended = Spoken({**rest, **said(SEEN, written(1, 2, 3)).replies})
    async with open_desk(tmp_path, mended) as desk:
        whole = search(desk, "plan", "plan", "plan")
        await whole.run()
    assert [one.outcome for one in whole.trajectory_list()] == ["done"] * 3
    # The third had come to nothing, so it may have a plan now.
    assert [one.plan for one in whole.trajectory_list()] == ["", "", "Do it in way 3."]
    asked = {request.step.partition("/")[2] for request in mended.requests}
    assert asked == mended.replies.keys() - first.keys()
    async with open_desk(tmp_path, Spoken({})) as desk:
        again = search(desk, "plan", "plan", "plan")
        await again.run()
        assert desk.model.requests == [] and again.trajectory_list() == whole.trajectory_list()


class Dying(Spoken):
    """A model at which the process dies in the second trajectory."""

    async def complete(self, request: Request) -> Completion:
        if "/trajectory/02/turn/02" in request.step:
            raise RuntimeError("killed")
        return await super().complete(request)


@pytest.mark.parametrize("model", [Spoken, Dying])
async def test_when_all_have_begun_nothing_is_planned_any_more(tmp_path: Path, model: type[Spoken]) -> None:
    async with open_desk(tmp_path, model({**solving(1), "trajectory/02/turn/01": CHECK})) as desk:
        with pytest.raises(BaseExceptionGroup) if model is Dying else nullcontext():
            await search(desk, "plan", "plan").run()
    rest = {"trajectory/02/turn/02": edit(RIGHT) + DONE}
    async with open_desk(tmp_path, Spoken({**rest, **said(SEEN, written(1, 2)).replies})) as desk:
        await search(desk, "plan", "plan").run()
        assert [request.step.partition("/")[2] for request in desk.model.requests] == list(rest)


def test_no_plan_costs_nothing() -> None:
    assert [most_replies(count) for count in (0, 1, 8, 9)] == [0, 4, 4, 6]
    assert all(a != b for a, b in itertools.pairwise(combined(["a", "b", "c"], 6)))
