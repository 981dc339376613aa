"""Many issues through one `solve()`: what they share is opened once, and one bad row never stops the rest."""

import json
import os
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import ModelConfig, RunConfig, cache_folder
from swe_scale.errors import EndpointRefused, StoreError, SweScaleError, unwrapped
from swe_scale.events import Events
from swe_scale.jobs import Brief, Job, Task, base_key, failure_key, finished
from swe_scale.means import Means
from swe_scale.models import Model, open_model
from swe_scale.pipeline import solve
from swe_scale.records import Solution
from swe_scale.repo import Repository
from swe_scale.repo.source import kept_at
from swe_scale.sandbox import Backend, open_backend
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store
from swe_scale.timeline import keeping_time


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
            await session.steps.store.put(base_key(task), commit)
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
            return await solve(issue, means, session.config, task.given)


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
