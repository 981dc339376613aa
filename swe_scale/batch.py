"""Many issues through one `solve()`: what they share is opened once, and one bad row never stops the rest."""

import json
import os
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import anyio
from pydantic import ValidationError

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Budget, ModelConfig, RunConfig, Serve, cache_folder, explain
from swe_scale.environment import Options
from swe_scale.errors import EndpointRefused, StoreError, SweScaleError, UsageError, unwrapped
from swe_scale.events import Events
from swe_scale.models import Model, open_model
from swe_scale.pipeline import Means, provisional_key, solution_key, solve
from swe_scale.records import Issue, Record, Solution, Usage, digest
from swe_scale.repo import Repository
from swe_scale.repo.source import kept_at
from swe_scale.sandbox import Backend, open_backend
from swe_scale.store import Key, Readable, Steps, recorded
from swe_scale.store.sqlite import open_store
from swe_scale.timeline import keeping_time

_JOB = Key("job", "1")


class Task(Record):
    """One issue with all that is needed to take it up again."""

    issue: Issue
    options: Options


class Delivery(Record):
    """What is done with the patch of a single issue."""

    apply: bool = False
    force: bool = False
    """Apply to a dirty work tree, too."""
    out: Path | None = None
    """File that the patch is written to."""


class Started(Record):
    """A server of one's own that is started for a run."""

    model: str
    settings: Serve


class Job(Record):
    """What a run folder was made for, kept in it for `resume`."""

    kind: Literal["run", "eval"]
    config: RunConfig
    tasks: tuple[Task, ...]
    at_a_time: int = 1
    """Issues that are worked on at once."""
    faults: tuple[str, ...] = ()
    """Rows that could not be used, and why."""
    delivery: Delivery = Delivery()
    total: Budget = Budget()
    """What all issues may cost together: once it is spent, none is started."""
    keep_free: int | None = None
    """Bytes that stay free on the disk of the container service, by removing images of finished issues."""
    started: Started | None = None
    """The server that runs as long as the run does; on resume it is started again at the same address."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open run folder and what all of its issues share."""

    folder: Path
    config: RunConfig
    steps: Steps
    backend: Backend
    models: Mapping[str, tuple[Model, ...]]
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter


@dataclass(frozen=True, slots=True)
class Brief:
    """What is kept in memory of a solution; the whole of it is in the record."""

    issue: str
    patch: str | None
    outcome: Literal["proposed", "abstained"]
    usage: Usage

    @classmethod
    def of(cls, solution: Solution) -> "Brief":
        """Return what is kept of a solution."""
        return cls(solution.issue, solution.patch, solution.outcome, solution.usage)


@dataclass(slots=True)
class Results:
    """What has become of the tasks so far."""

    solutions: dict[str, Brief] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """Those that were not started, and why."""


Gate = Callable[[Task], AbstractAsyncContextManager[str]]
"""Readies what an issue needs for as long as it is worked on, or says why it isn't to be started."""


def _open_gate(_: Task) -> AbstractAsyncContextManager[str]:
    return nullcontext("")


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


def repository_folder(source: str) -> Path:
    """Return where a repository's objects are kept; see `kept_at`."""
    return kept_at(source)


@asynccontextmanager
async def open_session(
    folder: Path,
    config: RunConfig,
    models: Mapping[str, tuple[Model, ...]],
    events: Events,
    cache: Path | None = None,
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
        backend = await stack.enter_async_context(
            open_backend(config.sandbox, folder.name, events, config.network)
        )
        kept = stack.enter_context(VerdictCache(cache or cache_folder()))
        slots = anyio.CapacityLimiter(config.cells)
        yield Session(folder, config, Steps(store), backend, models, kept, events, slots)


@asynccontextmanager
async def open_models(
    configured: Mapping[str, tuple[ModelConfig, ...]], events: Events
) -> AsyncIterator[dict[str, tuple[Model, ...]]]:
    """Open the models of each stage and strategy; what is configured alike is opened once.

    Args:
        configured: by what asks them.
        events: where it is reported how the endpoints do.

    Raises:
        ModelError: an endpoint can't be reached, refuses the key, or doesn't know its model.
    """
    async with AsyncExitStack() as stack:
        opened: dict[str, Model] = {}
        for settings in chain.from_iterable(configured.values()):
            name = settings.model_dump_json()
            if name not in opened:
                opened[name] = await stack.enter_async_context(open_model(settings, events))
        yield {
            stage: tuple(opened[settings.model_dump_json()] for settings in several)
            for stage, several in configured.items()
        }


async def save_job(session: Session, job: Job) -> None:
    """Keep what the run is for, so that `resume` needs only its name.

    Raises:
        UsageError: the folder holds a run for other issues, which would be lost.
        StoreError: the record can't be written.
    """
    kept = session.steps.store.get(_JOB)
    if kept is not None:
        here = {(task.issue.id, task.issue.repo) for task in load_job(session.steps.store).tasks}
        if lost := sorted(here - {(task.issue.id, task.issue.repo) for task in job.tasks}):
            raise UsageError(
                f"{session.folder} holds a run for {lost[0][0]} of {lost[0][1]}: choose another --name, "
                "or delete the folder."
            )
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


def failure_key(issue: str) -> Key:
    """Return where it is recorded why an issue failed the last time; a solution of it counts more."""
    return Key(f"{issue}/failure", "1")


def finished(store: Readable, job: Job) -> dict[str, Brief]:
    """Return what a run has solved already, by issue.

    Raises:
        StoreError: the record is damaged, or of another version.
    """
    found = (recorded(store, _key_of(store, one, job.config), Solution) for one in job.tasks)
    return {one.issue: Brief.of(one) for one in found if one is not None}


def _key_of(store: Readable, task: Task, config: RunConfig) -> Key:
    """Return the step of a task's solution; its base may be given as a branch, or be cut short."""
    commit = recorded(store, _base_key(task), str) or task.issue.base_commit
    return solution_key(task.issue.model_copy(update={"base_commit": commit}), task.options, config)


def _base_key(task: Task) -> Key:
    return Key(f"{task.issue.id}/base", digest(task.issue.base_commit))


def come_to(store: Readable, task: Task, config: RunConfig) -> Solution | None:
    """Return what a task has come to; None where it has to nothing yet.

    A solution in which faults of the infrastructure had a part counts here, though a resumed run tries again.

    Raises:
        StoreError: the record is damaged, or of another version.
    """
    key = _key_of(store, task, config)
    return recorded(store, key, Solution) or recorded(store, provisional_key(key), Solution)


async def solve_task(task: Task, session: Session) -> Solution:
    """Solve one task.

    Raises:
        SweScaleError: as `solve`, or the repository can't be had.
    """
    source = task.issue.repo
    with unwrapped():
        repository = await Repository.open(source, repository_folder(source))
        commit = await repository.resolve(task.issue.base_commit)
        if commit != task.issue.base_commit:
            await session.steps.store.put(_base_key(task), commit)
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
        async with keeping_time(session.steps.store, session.events, issue.id):
            return await solve(issue, means, session.config)


async def solve_all(
    job: Job, session: Session, done: Callable[[Results], None], gate: Gate = _open_gate
) -> Results:
    """Solve tasks side by side; one that fails is noted with its reason, and the rest go on.

    Args:
        job: what to solve, ids distinct.
        session: the open run.
        done: called after each, so that what is there can be kept.
        gate: passed by each issue that has no solution yet.

    Raises:
        StoreError: the record can't be written, so that going on would lose work.
        EndpointRefused: no model answers, whatever is asked.
    """
    # A prediction that was there before is never missing from the file, however this process ends.
    results = Results(solutions=finished(session.steps.store, job))
    if results.solutions:
        done(results)
    limiter = anyio.CapacityLimiter(job.at_a_time)

    async def failed(issue: str, reason: str) -> None:
        results.failures[issue] = reason
        await session.steps.store.put(failure_key(issue), reason)

    async def one(task: Task) -> None:
        async with limiter:
            try:
                async with gate(task) as reason:
                    if reason:
                        results.left[task.issue.id] = reason
                        return
                    results.solutions[task.issue.id] = Brief.of(await solve_task(task, session))
            except (StoreError, EndpointRefused):
                raise
            except SweScaleError as error:
                await failed(task.issue.id, str(error))
                session.events.emit("note", f"failed: {error}", task.issue.id)
            except Exception as error:
                # A fault of ours in one row must not cost the others; its trace is kept for the report.
                await failed(task.issue.id, f"internal error, see errors.log: {error!r}")
                _log(session.folder / "errors.log", task.issue.id)
            done(results)

    with unwrapped():
        async with anyio.create_task_group() as group:
            for task in job.tasks:
                if task.issue.id not in results.solutions:
                    group.start_soon(one, task)
    return results


def _log(path: Path, issue: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{issue}\n{traceback.format_exc()}\n")


def write_predictions(folder: Path, model: str, solutions: Iterable[Brief]) -> None:
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
