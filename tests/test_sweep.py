"""Many issues under one budget, and issues that are done again."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from git_kit import Kit, git
from solving_kit import CHECK, DONE, FILES, RIGHT, Spoken, edit

from swe_scale.batch import Session, make_folder, open_session
from swe_scale.config import Budget, Local, RunConfig, ScriptedReplies
from swe_scale.environment import Options
from swe_scale.events import Events
from swe_scale.jobs import Job, Task, failure_key, finished, save_job
from swe_scale.models import Model
from swe_scale.records import Issue, Usage
from swe_scale.store import Key
from swe_scale.store.sqlite import FORGOTTEN, open_store
from swe_scale.sweep import sweep

pytestmark = pytest.mark.anyio
SCRIPT = {
    f"trajectory/01/turn/{turn:02}": text for turn, text in enumerate((CHECK, edit(RIGHT), DONE), start=1)
}
CONFIG = RunConfig(
    models={"trajectory": (ScriptedReplies(replies=Path("unused")),)}, sandbox=Local(),
    strategies={"revise": 1}, turns=4, context_tokens=2000, cells=2, regression_seconds=0,
)  # fmt: skip


def tasks(tmp_path: Path, *names: str) -> tuple[Task, ...]:
    folder = tmp_path / "source"
    if not folder.exists():
        Kit(folder).commit(dict(FILES))
    base = git(folder, "rev-parse", "HEAD").decode().strip()
    issues = (
        Issue(id=name, repo=str(folder), base_commit=base, title="mean() of nothing", body="It raises.")
        for name in names
    )
    return tuple(Task(issue=one, options=Options()) for one in issues)


@asynccontextmanager
async def opened(tmp_path: Path, model: Model) -> AsyncIterator[Session]:
    models: Mapping[str, tuple[Model, ...]] = {"trajectory": (model,), "selection": (model,)}
    folder = tmp_path / "runs" / "one"
    make_folder(folder)
    async with open_session(folder, CONFIG, models, Events(), tmp_path / "cache") as session:
        yield session


def job(given: tuple[Task, ...], **parts: object) -> Job:
    return Job.model_validate({"kind": "eval", "config": CONFIG, "tasks": given, **parts})


async def test_once_the_total_budget_is_spent_no_issue_is_started(tmp_path: Path) -> None:
    given = tasks(tmp_path, "pkg-1", "pkg-2", "pkg-3")
    async with opened(tmp_path, Spoken(SCRIPT)) as session:
        one = await sweep(job(given[:1]), session, lambda _: None)
    spent = one.solutions["pkg-1"].usage.tokens
    assert spent > 0
    total = Budget(tokens=spent + 1)
    model = Spoken(SCRIPT)
    async with opened(tmp_path, model) as session:
        results = await sweep(job(given, total=total), session, lambda _: None)
    # What the first process spent counts; one more fits, and what it needs beyond that, too.
    assert set(results.solutions) == {"pkg-1", "pkg-2"} and results.left.keys() == {"pkg-3"}
    assert results.left["pkg-3"] == f"all {spent + 1:,} tokens of --total-budget are spent"
    assert not results.failures
    async with opened(tmp_path, Spoken({})) as session:
        again = await sweep(job(given, total=total), session, lambda _: None)
    assert set(again.solutions) == {"pkg-1", "pkg-2"} and again.left.keys() == {"pkg-3"}
    async with opened(tmp_path, Spoken(SCRIPT)) as session:
        more = await sweep(job(given, total=Budget(tokens=spent * 10)), session, lambda _: None)
    assert set(more.solutions) == {"pkg-1", "pkg-2", "pkg-3"} and not more.left


async def test_the_total_time_counts_over_processes(tmp_path: Path) -> None:
    given = tasks(tmp_path, "pkg-1")
    async with opened(tmp_path, Spoken(SCRIPT)) as session:
        await session.steps.store.put(Key("@all/elapsed", "1"), 120.0)
        results = await sweep(job(given, total=Budget(minutes=2)), session, lambda _: None)
    assert results.left == {"pkg-1": "the 2 minutes of --total-budget are over"}


async def test_only_some_are_worked_on(tmp_path: Path) -> None:
    given = tasks(tmp_path, "pkg-1", "pkg-2")
    async with opened(tmp_path, Spoken(SCRIPT)) as session:
        results = await sweep(job(given), session, lambda _: None, frozenset({"pkg-2"}))
    assert set(results.solutions) == {"pkg-2"} and results.left.keys() == {"pkg-1"}


async def test_what_is_forgotten_is_done_again_and_its_cost_stays_on_the_books(tmp_path: Path) -> None:
    given = tasks(tmp_path, "pkg-1", "pkg-10")
    async with opened(tmp_path, Spoken(SCRIPT)) as session:
        await save_job(session.steps.store, session.folder, job(given))
        first = await sweep(job(given), session, lambda _: None)
    async with open_store(tmp_path / "runs" / "one") as store:
        before = store.entries()
        await store.put(failure_key("pkg-1"), "it failed")
        await store.forget("pkg-1")
        assert finished(store, job(given)).keys() == {"pkg-10"}
        assert store.get(failure_key("pkg-1")) is None
        after = store.entries()
        assert sum((one.usage for one in before), Usage()) == sum((one.usage for one in after), Usage())
        assert not store.entries("pkg-1") and len(store.entries("pkg-10")) == 3
        assert len([one for one in after if one.path.startswith(FORGOTTEN + "pkg-1/")]) == 3
    model = Spoken(SCRIPT)
    async with opened(tmp_path, model) as session:
        again = await sweep(job(given), session, lambda _: None)
    assert {one.step.split("/")[0] for one in model.requests} == {"pkg-1"}
    assert again.solutions["pkg-1"].patch == first.solutions["pkg-1"].patch
