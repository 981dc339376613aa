"""Which model a stage's conversations go to, and how their replies are drawn."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from git_kit import Kit
from solving_kit import CHECK, DONE, FILES, LOCAL, RIGHT, Spoken, edit

from swe_scale.assignments import plan, sampling
from swe_scale.batch import Results, Session, make_folder, open_session, solve_all, solve_task
from swe_scale.config import Prompted, RunConfig, ScriptedReplies, StageSampling
from swe_scale.environment import Options
from swe_scale.errors import EndpointRefused
from swe_scale.events import Events
from swe_scale.jobs import Job, Task
from swe_scale.models import Model
from swe_scale.records import Completion, Issue, Request, Sampling, Solution
from swe_scale.selection import Choice, majority

pytestmark = pytest.mark.anyio

NONE = ScriptedReplies(replies=Path("r"))
ALSO = "    if not values:\n        return 0.0\n    return sum(values) / len(values)"
REPLIES = {
    f"trajectory/{index:02}/turn/{turn:02}": text
    for index, body in enumerate((RIGHT, ALSO, RIGHT, ALSO), start=1)
    for turn, text in enumerate((CHECK.replace("print(", f"print({index}, "), edit(body), DONE), start=1)
}


def settings(**changes: object) -> RunConfig:
    values: dict[str, object] = {
        "models": {"trajectory": (NONE,), "selection": (NONE,)},
        "sandbox": LOCAL,
        "strategies": {"revise": 4},
        "turns": 4,
        "context_tokens": 2000,
        "regression_seconds": 0,
        # By votes both changes are level; that both are right is too probable to ask anybody.
        "rule": "votes",
    }
    return RunConfig.model_validate(values | changes)


def test_a_ladder_is_taken_in_turn_each_with_its_own_seed() -> None:
    drawn = StageSampling(temperature=(0.2, 0.7, 1.0), seed=40, top_p=0.9, effort="low", reply_tokens=99)
    assigned = plan(settings(sampling={"trajectory": drawn}))
    assert [one.sampling.temperature for one in assigned] == [0.2, 0.7, 1.0, 0.2]
    assert [one.sampling.seed for one in assigned] == [41, 42, 43, 44]
    assert {(one.sampling.top_p, one.sampling.effort, one.sampling.max_tokens) for one in assigned} == {
        (0.9, "low", 99)
    }


def test_an_empty_ladder_leaves_the_temperature_to_the_server() -> None:
    assert sampling(StageSampling(temperature=()), 3).temperature is None


Models = Mapping[str, tuple[Model, ...]]


def both(model: Model) -> Models:
    return {"trajectory": (model,), "selection": (model,)}


def task(folder: Path, name: str = "pkg-1") -> Task:
    if not (source := folder / "source").exists():
        Kit(source).commit(dict(FILES))
    issue = Issue(id=name, repo=str(source), base_commit="HEAD", title="mean()", body="It raises.")
    return Task(issue=issue, options=Options())


@asynccontextmanager
async def opened(folder: Path, models: Models, config: RunConfig | None = None) -> AsyncIterator[Session]:
    make_folder(folder / "run")
    place = folder / "cache"
    asked = {stage: (NONE,) * len(models[stage]) for stage in ("trajectory", "selection")}
    chosen = config or settings(models=asked)
    async with open_session(folder / "run", chosen, models, Events(), place) as session:
        yield session


async def solved(folder: Path, models: Models, config: RunConfig | None = None) -> Solution:
    async with opened(folder, models, config) as session:
        return await solve_task(task(folder), session)


def chooses(label: str, *judges: str) -> dict[str, str]:
    return {f"selection{judge}/turn/01": f'So.\n<choose candidate="{label}"/>' for judge in judges or ("",)}


async def test_trajectories_take_turns_with_several_models(tmp_path: Path) -> None:
    one, other = Spoken(REPLIES, name="one"), Spoken(REPLIES, name="other")
    judge = Spoken(chooses("A"), name="judge")
    solution = await solved(tmp_path, {"trajectory": (one, other), "selection": (judge,)})
    assert [made.model for made in solution.trajectories] == ["one", "other", "one", "other"]
    assert {request.model for request in one.requests} == {"one"}
    assert {request.step.split("/")[2] for request in other.requests} == {"02", "04"}
    assert [request.model for request in judge.requests] == ["judge"]


async def test_each_stage_draws_in_its_own_way(tmp_path: Path) -> None:
    model = Spoken(REPLIES | chooses("A"))
    drawn = {
        "trajectory": StageSampling(temperature=(0.1, 0.9), seed=7),
        "selection": StageSampling(temperature=(), seed=70, logprobs=True, reply_tokens=50),
    }
    await solved(tmp_path, {"trajectory": (model,), "selection": (model,)}, settings(sampling=drawn))
    asked = {request.step.partition("/")[2]: request.sampling for request in model.requests}
    assert asked["trajectory/02/turn/01"] == Sampling(temperature=0.9, seed=9)
    assert asked["selection/turn/01"] == Sampling(temperature=None, seed=70, logprobs=True, max_tokens=50)


async def test_several_judges_are_asked_and_the_majority_decides(tmp_path: Path) -> None:
    # Each judge is shown the two in the other order.
    judges = (
        Spoken(chooses("A", ""), name="a"),
        Spoken(chooses("A", "/02"), name="b"),
        Spoken(chooses("B", "/03"), name="c"),
    )
    solution = await solved(tmp_path, {"trajectory": (Spoken(REPLIES),), "selection": judges})
    assert solution.candidate == sorted(one.id for one in solution.candidates)[1]
    assert "(2 of 3 judges)" in solution.reason
    assert [len(judge.requests) for judge in judges] == [1, 1, 1]


@pytest.mark.parametrize(
    ("made", "chosen"),
    [
        ([("x", True), ("y", True)], "x"),
        ([("x", False), ("y", True)], "y"),
        ([("x", False), ("x", False), ("y", True)], "y"),
        ([("x", True), ("y", True), ("y", True)], "y"),
        ([("x", False)], "x"),
    ],
)
def test_the_majority(made: list[tuple[str, bool]], chosen: str) -> None:
    choices = [Choice(candidate, "", made=decided) for candidate, decided in made]
    assert majority(choices).candidate == chosen


class Locked(Spoken):
    """A model whose key is refused after two calls."""

    asked = 0

    async def complete(self, request: Request) -> Completion:
        """Return a reply, or refuse."""
        self.asked += 1
        if self.asked > 2:
            raise EndpointRefused("the key is refused")
        return await super().complete(request)


async def test_an_endpoint_that_refuses_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    model = Locked(REPLIES)
    with pytest.raises(EndpointRefused, match="the key is refused"):
        await solved(tmp_path, both(model))
    again = Spoken(REPLIES | chooses("A"))
    solution = await solved(tmp_path, both(again))
    assert solution.patch and solution.usage.calls == 4 * 3 + 1
    assert len(model.requests) + len(again.requests) == 4 * 3 + 1


async def test_it_stops_all_issues_of_a_batch(tmp_path: Path) -> None:
    tasks = tuple(task(tmp_path, f"pkg-{number}") for number in (1, 2, 3))
    seen: list[Results] = []
    async with opened(tmp_path, both(Locked(REPLIES))) as session:
        with pytest.raises(EndpointRefused):
            await solve_all(Job(kind="eval", config=settings(), tasks=tasks), session, seen.append)
    assert seen == []


async def test_a_strategy_s_own_model_writes_its_trajectories(tmp_path: Path) -> None:
    mine = ScriptedReplies(replies=Path("mine"), model="mine")
    config = settings(
        strategies={"revise": 2, "own": 2},
        named={"own": Prompted(kind="revise", model="mine", variant="short")},
        strategy_models={"own": mine},
        variants={"short": "Be {{ brief }}."},
    )
    one, other = Spoken(REPLIES | chooses("A"), name="one"), Spoken(REPLIES, name="mine")
    models = {"trajectory": (one,), "selection": (one,), "strategies.own": (other,)}
    solution = await solved(tmp_path, models, config)
    assert [made.model for made in solution.trajectories] == ["one", "one", "mine", "mine"]
    first = [
        request.messages[1].content
        for request in (*one.requests, *other.requests)
        if "/turn/01" in request.step
    ]
    plain, varied = first[0], first[-1]
    assert varied == f"{plain}\n\nBe {{{{ brief }}}}.", "plain text, behind what siblings share"
