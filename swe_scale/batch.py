"""Many issues through one `solve()`: what they share is opened once, and one bad row never stops the rest."""

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from pydantic import ValidationError

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import ModelConfig, RunConfig, Stage, cache_folder, explain
from swe_scale.environment import Options
from swe_scale.errors import StoreError, SweScaleError, UsageError, unwrapped
from swe_scale.events import Events
from swe_scale.models import Model, open_model
from swe_scale.pipeline import Means, solve
from swe_scale.records import Issue, Record, Solution, digest
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, open_backend
from swe_scale.store import Key, Steps
from swe_scale.store.sqlite import open_store

_JOB = Key("job", "1")


class Task(Record):
    """One issue with all that is needed to take it up again."""

    issue: Issue
    options: Options


class Job(Record):
    """What a run folder was made for, kept in it for `resume`."""

    config: RunConfig
    tasks: tuple[Task, ...]
    at_a_time: int = 1
    """Issues that are worked on at once."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open run folder and what all of its issues share."""

    folder: Path
    config: RunConfig
    steps: Steps
    backend: Backend
    models: Mapping[Stage, Model]
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter


@dataclass(slots=True)
class Results:
    """What has become of the tasks so far."""

    solutions: dict[str, Solution] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def make_folder(folder: Path) -> None:
    """Make a run folder where there is none; git doesn't see it wherever it is.

    Raises:
        StoreError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the run folder {folder} can't be made: {error.strerror}.") from error


@asynccontextmanager
async def open_session(
    folder: Path, config: RunConfig, models: Mapping[Stage, Model], events: Events, cache: Path | None = None
) -> AsyncIterator[Session]:
    """Open a run folder, for this process alone, with the sandbox backend of its configuration.

    Args:
        folder: the run folder.
        config: its settings.
        models: the opened models.
        events: where progress is reported.
        cache: where verdicts are kept across runs. None: in the user's cache folder.

    Raises:
        StoreError: the folder can't be used.
        UsageError: another process uses it.
        SandboxError: the backend doesn't work.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(folder))
        backend = await stack.enter_async_context(open_backend(config.sandbox, folder.name, events))
        kept = stack.enter_context(VerdictCache(cache or cache_folder()))
        slots = anyio.CapacityLimiter(config.cells)
        yield Session(folder, config, Steps(store), backend, models, kept, events, slots)


@asynccontextmanager
async def open_models(configured: Mapping[Stage, ModelConfig]) -> AsyncIterator[dict[Stage, Model]]:
    """Open the model of each stage; stages with the same configuration share one.

    Raises:
        ModelError: an endpoint can't be reached, refuses the key, or doesn't know its model.
    """
    async with AsyncExitStack() as stack:
        opened: dict[str, Model] = {}
        for settings in configured.values():
            name = settings.model_dump_json()
            if name not in opened:
                opened[name] = await stack.enter_async_context(open_model(settings))
        yield {stage: opened[settings.model_dump_json()] for stage, settings in configured.items()}


async def save_job(session: Session, job: Job) -> None:
    """Keep what the run is for, so that `resume` needs only its name.

    Raises:
        StoreError: the record can't be written.
    """
    await session.steps.store.put(_JOB, job.model_dump(mode="json"))


def load_job(store: Any) -> Job:
    """Return what a run folder was made for.

    Raises:
        UsageError: there is no run in it, or one of another version.
    """
    kept = store.get(_JOB)
    if kept is None:
        raise UsageError("there is no run to go on with in this folder: it was stopped before it began.")
    try:
        return Job.model_validate(kept)
    except ValidationError as error:
        raise UsageError(
            f"this folder's run can't be gone on with, since it is of another version:\n{explain(error)}"
        ) from error


async def solve_task(task: Task, session: Session) -> Solution:
    """Solve one task.

    Raises:
        SweScaleError: as `solve`, or the repository can't be had.
    """
    source = task.issue.repo
    with unwrapped():
        repository = await Repository.open(source, cache_folder() / "repositories" / digest(source))
        commit = await repository.resolve(task.issue.base_commit)
        issue = task.issue.model_copy(update={"base_commit": commit})
        means = Means(
            repository=repository,
            steps=session.steps,
            backend=session.backend,
            models=session.models,
            options=task.options,
            cache=session.cache,
            events=session.events,
            slots=session.slots,
        )
        return await solve(issue, means, session.config)


async def solve_all(
    tasks: Sequence[Task], session: Session, at_a_time: int, done: Callable[[Results], None]
) -> Results:
    """Solve tasks side by side; one that fails is noted with its reason, and the rest go on.

    Args:
        tasks: what to solve, ids distinct.
        session: the open run.
        at_a_time: tasks at once.
        done: called after each, so that what is there can be kept.

    Raises:
        StoreError: the record can't be written, so that going on would lose work.
    """
    results = Results()
    limiter = anyio.CapacityLimiter(at_a_time)

    async def one(task: Task) -> None:
        async with limiter:
            try:
                results.solutions[task.issue.id] = await solve_task(task, session)
            except StoreError:
                raise
            except SweScaleError as error:
                results.failures[task.issue.id] = str(error)
                session.events.emit("note", f"failed: {error}", task.issue.id)
            done(results)

    with unwrapped():
        async with anyio.create_task_group() as group:
            for task in tasks:
                group.start_soon(one, task)
    return results


def write_predictions(folder: Path, model: str, solutions: Sequence[Solution]) -> None:
    """Write `preds.jsonl` in SWE-bench's form, whole or not at all; an abstention has an empty patch.

    Raises:
        StoreError: the file can't be written.
    """
    lines = [
        json.dumps({"instance_id": one.issue, "model_name_or_path": model, "model_patch": one.patch or ""})
        for one in sorted(solutions, key=lambda one: one.issue)
    ]
    replace_text(folder / "preds.jsonl", "".join(f"{line}\n" for line in lines))


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that a reader, or a crash, sees either the old or the new content.

    Raises:
        StoreError: it can't be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise StoreError(f"{path} can't be written: {error.strerror}.") from error
