"""Many issues side by side: one that fails never stops the rest, and what is there is kept."""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from git_kit import Kit, git
from solving_kit import CHECK, DONE, FILES, RIGHT, Spoken, edit

from swe_scale.batch import (
    Results,
    Session,
    make_folder,
    open_models,
    open_session,
    replace_text,
    solve_all,
    solve_task,
    write_predictions,
)
from swe_scale.config import Budget, Local, RunConfig, ScriptedReplies
from swe_scale.environment import Options
from swe_scale.errors import ModelError, StoreError, UsageError
from swe_scale.events import Event, Events
from swe_scale.jobs import Brief, Job, Task, come_to, finished, load_job, save_job
from swe_scale.models import Model
from swe_scale.records import Completion, Issue, Request
from swe_scale.store.sqlite import open_store
from swe_scale.timeline import read_spans

pytestmark = pytest.mark.anyio
ALSO = "    if not values:\n        return 0.0\n    return sum(values) / len(values)"
SCRIPTED = ScriptedReplies(replies=Path("unused"))
SCRIPT = {
    f"trajectory/{index:02}/turn/{turn:02}": text
    for index, body in enumerate((RIGHT, ALSO), start=1)
    for turn, text in enumerate((CHECK.replace("print(", f"print({index}, "), edit(body), DONE), start=1)
} | {"selection/turn/01": 'Shorter.\n<choose candidate="A"/>'}


def configured(**changes: object) -> RunConfig:
    values: dict[str, object] = {
        "models": {"trajectory": (SCRIPTED,), "selection": (SCRIPTED,)},
        "sandbox": Local(),
        "strategies": {"revise": 2},
        "turns": 4,
        "context_tokens": 2000,
        "cells": 2,
        "regression_seconds": 0,
    }
    return RunConfig.model_validate(values | changes)


@pytest.fixture
def source(tmp_path: Path) -> str:
    Kit(tmp_path / "source").commit(dict(FILES))
    return str(tmp_path / "source")


def task(source: str, name: str, base: str = "HEAD") -> Task:
    issue = Issue(id=name, repo=source, base_commit=base, title="mean() of nothing", body="It raises.")
    return Task(issue=issue, options=Options())


@asynccontextmanager
async def session(
    tmp_path: Path, model: Spoken, seen: list[Event] | None = None, config: RunConfig | None = None
) -> AsyncIterator[Session]:
    models: Mapping[str, tuple[Model, ...]] = {"trajectory": (model,), "selection": (model,)}
    events = Events([seen.append] if seen is not None else [])
    folder = tmp_path / "runs" / "one"
    make_folder(folder)
    async with open_session(folder, config or configured(), models, events, tmp_path / "cache") as opened:
        yield opened


async def test_one_issue_from_end_to_end(tmp_path: Path, source: str) -> None:
    model = Spoken(SCRIPT)
    async with session(tmp_path, model) as opened:
        solution = await solve_task(task(source, "pkg-1"), opened)
    assert solution.outcome == "proposed" and solution.patch is not None
    assert solution.reason.endswith("chose it: Shorter.")
    assert [one.action for one in solution.decisions] == ["start", "start", "check", "select", "stop"]
    assert solution.usage.calls == len(model.requests) == 7
    assert set(solution.seconds) == {"environment", "context", "search", "selection"}
    assert {one.kind for one in solution.checks} == {"reproduction"}
    again = Spoken({})
    async with session(tmp_path, again) as opened:
        assert await solve_task(task(source, "pkg-1"), opened) == solution
        spans = [*read_spans(opened.steps.store, "pkg-1")]
    assert again.requests == []
    # Of the second process there are none: it did nothing.
    assert [one.step for one in spans if one.kind == "stage"] == [*solution.seconds]
    assert sorted(one.step for one in spans if one.kind == "trajectory") == ["01", "02"]


def job(opened: Session, tasks: Sequence[Task], at_a_time: int = 1) -> Job:
    return Job(kind="eval", config=opened.config, tasks=tuple(tasks), at_a_time=at_a_time)


async def test_one_bad_row_never_stops_the_rest(tmp_path: Path, source: str) -> None:
    seen: list[Event] = []
    told: list[tuple[set[str], set[str]]] = []

    def done(results: Results) -> None:
        told.append((set(results.solutions), set(results.failures)))

    tasks = [
        task(source, "pkg-1"),
        task(str(tmp_path / "nowhere"), "pkg-2"),
        task(source, "pkg-3", "f" * 40),
        task(source, "pkg-4"),
    ]
    async with session(tmp_path, Spoken(SCRIPT), seen) as opened:
        results = await solve_all(job(opened, tasks, 2), opened, done)
    assert set(results.solutions) == {"pkg-1", "pkg-4"}
    assert set(results.failures) == {"pkg-2", "pkg-3"}
    assert all("\n" not in text or text.count("\n") < 3 for text in results.failures.values())
    assert len(told) == 4 and told[-1] == ({"pkg-1", "pkg-4"}, {"pkg-2", "pkg-3"})
    assert [one.step for one in seen if one.text.startswith("failed: ")] == ["pkg-2", "pkg-3"]
    first, fourth = (results.solutions[name] for name in ("pkg-1", "pkg-4"))
    assert first.patch == fourth.patch and first.usage == fourth.usage


async def test_an_endpoint_that_is_gone_fails_each_issue_by_itself(tmp_path: Path, source: str) -> None:
    class Gone(Spoken):
        async def complete(self, request: Request) -> Completion:
            if request.step.startswith("pkg-1/"):
                raise ModelError("the endpoint is gone")
            return await super().complete(request)

    async with session(tmp_path, Gone(SCRIPT)) as opened:
        results = await solve_all(
            job(opened, [task(source, "pkg-1"), task(source, "pkg-2")]), opened, lambda results: None
        )
    assert results.failures == {"pkg-1": "the endpoint is gone"}
    assert results.solutions["pkg-2"].outcome == "proposed"


async def test_each_issue_has_the_whole_budget(tmp_path: Path, source: str) -> None:
    config = configured(budget=Budget(tokens=30_000))
    async with session(tmp_path, Spoken(SCRIPT), config=config) as opened:
        results = await solve_all(
            job(opened, [task(source, f"pkg-{n}") for n in (1, 2, 3)]), opened, lambda results: None
        )
    assert [one.outcome for one in results.solutions.values()] == ["proposed"] * 3
    assert {one.usage.tokens for one in results.solutions.values()} == {7 * 150}


async def test_where_the_record_can_not_be_written_all_stop(tmp_path: Path, source: str) -> None:
    def done(results: Results) -> None:
        raise StoreError("the disk is full")

    async with session(tmp_path, Spoken(SCRIPT)) as opened:
        with pytest.raises(StoreError, match="the disk is full"):
            await solve_all(job(opened, [task(source, "pkg-1"), task(source, "pkg-2")]), opened, done)


async def test_nothing_is_proposed_when_nothing_was_found(tmp_path: Path, source: str) -> None:
    model, config = Spoken(dict.fromkeys(SCRIPT, "no tag at all")), configured(turns=3)
    async with session(tmp_path, model, config=config) as opened:
        solution = await solve_task(task(source, "pkg-1"), opened)
    assert (solution.outcome, solution.patch, solution.confidence) == ("abstained", None, 0)


async def test_when_the_time_is_over_what_is_there_is_voted_on(tmp_path: Path, source: str) -> None:
    class Slow(Spoken):
        async def complete(self, request: Request) -> Completion:
            if request.step.endswith("trajectory/02/turn/03"):
                await anyio.sleep_forever()
            return await super().complete(request)

    config = configured(budget=Budget(minutes=0.15), selection_turns=0)
    async with session(tmp_path, Slow(SCRIPT), config=config) as opened:
        solution = await solve_task(task(source, "pkg-1"), opened)
    assert [one.outcome for one in solution.trajectories] == ["done", "budget"]
    assert solution.outcome == "proposed" and len(solution.candidates) == 2


async def test_no_time_at_all_is_an_abstention(tmp_path: Path, source: str) -> None:
    config = configured(budget=Budget(minutes=1e-6))
    async with session(tmp_path, Spoken(SCRIPT), config=config) as opened:
        solution = await solve_task(task(source, "pkg-1"), opened)
    assert solution.outcome == "abstained" and "were over before the" in solution.reason


async def test_a_job_is_kept_for_resume(tmp_path: Path, source: str) -> None:
    config = configured()
    job = Job(kind="run", config=config, tasks=(task(source, "pkg-1"),), at_a_time=3)
    async with session(tmp_path, Spoken({})) as opened:
        with pytest.raises(UsageError, match="there is no run to go on with"):
            load_job(opened.steps.store)
        await save_job(opened.steps.store, opened.folder, job)
    async with open_store(tmp_path / "runs" / "one") as store:
        assert load_job(store) == job


async def test_predictions_have_the_form_of_swe_bench(tmp_path: Path, source: str) -> None:
    async with session(tmp_path, Spoken(SCRIPT)) as opened:
        solved = await solve_task(task(source, "pkg-2"), opened)
    abstained = solved.model_copy(update={"issue": "pkg-1", "patch": None})
    write_predictions(tmp_path, "m", [Brief.of(solved), Brief.of(abstained)])
    lines = [json.loads(line) for line in (tmp_path / "preds.jsonl").read_text().splitlines()]
    assert lines == [
        {"instance_id": "pkg-1", "model_name_or_path": "m", "model_patch": ""},
        {"instance_id": "pkg-2", "model_name_or_path": "m", "model_patch": solved.patch},
    ]
    write_predictions(tmp_path, "m", [])
    assert (tmp_path / "preds.jsonl").read_text() == ""
    assert [name for name in os.listdir(tmp_path) if "preds" in name] == ["preds.jsonl"]


def test_a_text_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.patch"
    path.write_text("old")
    replace_text(path, "+a\r\n+b\n\ufeffé")
    assert path.read_bytes() == "+a\r\n+b\n\ufeffé".encode()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="can't be written: Is a directory"):
        replace_text(tmp_path / "folder", "x")
    with pytest.raises(StoreError, match="can't be written: No such file"):
        replace_text(tmp_path / "absent" / "a", "x")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.patch", "folder"]


def test_git_does_not_see_a_run(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "source")
    kit.commit({"a": b"x"})
    folder = kit.folder / "runs" / "one"
    for _ in range(2):
        make_folder(folder)
    (folder / "run.sqlite").write_text("x")
    assert git(kit.folder, "status", "--porcelain") == b""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be made"):
        make_folder(tmp_path / "file" / "one")


async def test_stages_of_one_model_share_it(tmp_path: Path) -> None:
    (tmp_path / "replies").mkdir()
    one = ScriptedReplies(replies=tmp_path / "replies")
    other = one.model_copy(update={"model": "other"})
    async with open_models({"trajectory": (one,), "selection": (one,)}, Events()) as models:
        assert models["trajectory"] == models["selection"]
    async with open_models({"trajectory": (one, other), "selection": (other,)}, Events()) as models:
        assert [model.name for model in models["trajectory"]] == ["scripted", "other"]
        assert models["selection"] == models["trajectory"][1:]


async def test_a_second_process_starts_with_every_prediction(tmp_path: Path, source: str) -> None:
    commit = git(Path(source), "rev-parse", "HEAD").decode().strip()
    tasks = [task(source, "pkg-1", commit), task(source, "pkg-2", commit)]
    async with session(tmp_path, Spoken(SCRIPT)) as opened:
        first = await solve_all(job(opened, tasks), opened, lambda results: None)
    counted: list[int] = []
    async with session(tmp_path, Spoken({})) as opened:
        again = await solve_all(
            job(opened, tasks), opened, lambda results: counted.append(len(results.solutions))
        )
    assert again.solutions == first.solutions and set(counted) == {2}


async def test_a_name_is_not_taken_from_another_issue(tmp_path: Path, source: str) -> None:
    async with session(tmp_path, Spoken({})) as opened:
        await save_job(
            opened.steps.store, opened.folder, job(opened, [task(source, "pkg-1"), task(source, "pkg-2")])
        )
        with pytest.raises(UsageError, match="choose another --name"):
            await save_job(opened.steps.store, opened.folder, job(opened, [task(source, "pkg-1")]))
        await save_job(
            opened.steps.store, opened.folder, job(opened, [task(source, f"pkg-{n}") for n in (1, 2, 3)])
        )


async def test_a_fault_of_ours_in_one_row_costs_no_other(tmp_path: Path, source: str) -> None:
    class Broken(Spoken):
        async def complete(self, request: Request) -> Completion:
            if request.step.startswith("pkg-1/"):
                raise RuntimeError("a bug")
            return await super().complete(request)

    async with session(tmp_path, Broken(SCRIPT)) as opened:
        tasks = [task(source, "pkg-1"), task(source, "pkg-2")]
        results = await solve_all(job(opened, tasks), opened, lambda results: None)
        assert "a bug" in (opened.folder / "errors.log").read_text()
    assert "internal error" in results.failures["pkg-1"]
    assert results.solutions["pkg-2"].outcome == "proposed"


async def test_a_solution_that_faults_had_a_part_in_is_kept_though_it_is_tried_again(
    tmp_path: Path, source: str
) -> None:
    class Flaky(Spoken):
        async def complete(self, request: Request) -> Completion:
            if "/trajectory/02/" in request.step:
                raise ModelError("the endpoint is gone")
            return await super().complete(request)

    work = task(source, "pkg-1")
    config = configured(strategies={"revise": 2})
    async with session(tmp_path, Flaky(SCRIPT), config=config) as opened:
        results = await solve_all(job(opened, [work]), opened, lambda results: None)
        assert finished(opened.steps.store, job(opened, [work])) == {}
        kept = come_to(opened.steps.store, work, config)
        assert kept is not None and Brief.of(kept) == results.solutions["pkg-1"]
        assert [one.outcome for one in kept.trajectories] == ["done", "failed"]
    async with session(tmp_path, Spoken(SCRIPT), config=config) as opened:
        await solve_all(job(opened, [work]), opened, lambda results: None)
        again = come_to(opened.steps.store, work, config)
        assert again is not None and [one.outcome for one in again.trajectories] == ["done", "done"]
        assert set(finished(opened.steps.store, job(opened, [work]))) == {"pkg-1"}
