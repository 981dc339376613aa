"""Carries out the commands: reads what was given, opens what is needed, prints what came of it."""

from dataclasses import dataclass
from pathlib import Path

from swe_scale import batch, jobs
from swe_scale.batch import Results
from swe_scale.cli import settings
from swe_scale.cli.eval import solve_many
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.place import RUNS, Place, begin, check_name, writers
from swe_scale.cli.reach import Opened, reach, reach_again
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.cli.strategies import set_up_lines
from swe_scale.config import RunConfig, UserConfig, load_user_config
from swe_scale.errors import StoreError, UsageError
from swe_scale.events import Events
from swe_scale.issues import read_issue
from swe_scale.jobs import Delivery, Job, Task
from swe_scale.live import watch
from swe_scale.records import Issue, Solution, digest
from swe_scale.repo import Repository, complete_source
from swe_scale.repo.source import redacted
from swe_scale.store.sqlite import open_store


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be solved, as given."""

    issue: str
    repo: str | None
    base: str | None
    name: str | None


def run_issue(target: Target, options: SolveOptions, delivery: Delivery, *, json: bool) -> int:
    """Solve one issue and deliver the answer; return the exit code.

    Raises:
        SweScaleError: what was given can't be used, or something that is needed failed.
    """
    screen, events = Screen.open(json), Events()
    naming = Naming()

    async def act() -> int:
        user = load_user_config(options.config)
        ground = await ground_of(target, user, delivery)
        async with reach(options, user, 1, screen, events) as reached:
            config = settings.run_config(options, user, reached.configured, reached.context_length)
            screen.say(settings.describe(config, reached.context_length))
            environment = settings.options_of(options, config.sandbox, set_up_lines(config))
            task = Task(issue=ground.issue, options=environment)
            naming.name = name_of(target.name, task, config)
            job = Job(kind="run", config=config, tasks=(task,), delivery=delivery, started=reached.started)
            place = Place(RUNS / naming.name, screen, events)
            solution = await solve_one(job, reached.models, place)
        return await answer(solution, ground.repository, delivery, screen)

    return interruptible(act, naming)


@dataclass(frozen=True, slots=True)
class Ground:
    """An issue on a commit of its repository."""

    issue: Issue
    repository: Repository


async def ground_of(target: Target, user: UserConfig, delivery: Delivery) -> Ground:
    """Return what a command is about, known to be deliverable.

    Raises:
        UsageError: the issue can't be read, or the patch could not be delivered.
        RepositoryError: there is no such repository or commit.
        GitHubError: the issue can't be fetched.
    """
    draft = await read_issue(target.issue, user.github)
    source = complete_source(target.repo or draft.clone_url or ".")
    repository = await Repository.open(source, batch.repository_folder(source))
    commit = await repository.resolve(target.base)
    await _check_deliverable(repository, delivery)
    return Ground(draft.on(redacted(source), commit), repository)


def resume_run(run: str, *, json: bool) -> int:
    """Go on with a run folder, or show what it has come to; return the exit code.

    Raises:
        SweScaleError: there is no such run, or something that is needed failed.
    """
    screen, events = Screen.open(json), Events()
    folder = Path(run) if "/" in run else RUNS / run
    if not (folder / "run.sqlite").is_file():
        raise UsageError(f"there is no run {run!r}: {folder / 'run.sqlite'} doesn't exist.")

    async def act() -> int:
        async with open_store(folder) as store:
            job = jobs.load_job(store)
            finished = jobs.finished(store, job)
            known = jobs.come_to(store, job.tasks[0], job.config)
        if len(finished) == len(job.tasks):
            if job.kind == "eval" or known is None:
                return screen.answer_with_many(Results(solutions=finished), folder, job.faults)
            return screen.answer_with(known)
        place = Place(folder, screen, events)
        async with reach_again(job.config.asked, job.started, screen, events) as models:
            if job.kind == "eval":
                return screen.answer_with_many(await solve_many(job, models, place), folder, job.faults)
            solution = await solve_one(job, models, place)
        source = job.tasks[0].issue.repo
        repository = await Repository.open(source, batch.repository_folder(source))
        return await answer(solution, repository, job.delivery, screen)

    return interruptible(act, Naming(run))


def name_of(given: str | None, task: Task, config: RunConfig) -> str:
    """Return the name of a run: the one that is given, else one that follows from all that it is for.

    Raises:
        UsageError: the name can't be a folder's.
    """
    if given is not None:
        check_name(given)
        return given
    unset = {"given"} if task.given is None else set()
    what = digest(task.model_dump_json(exclude=unset), config.identity())
    return f"{task.issue.id}-{what[:8]}"


async def solve_one(job: Job, models: Opened, place: Place) -> Solution:
    """Carry out a job of one issue in its run folder, and write its prediction.

    Raises:
        SweScaleError: the folder can't be used, or something that is needed failed.
    """
    batch.make_folder(place.folder)
    with watch(place.events, place.screen.progress):
        async with batch.open_session(place.folder, job.config, models, place.events) as session:
            await begin(session, job)
            solution = await batch.solve_task(job.tasks[0], session)
    batch.write_predictions(place.folder, writers(job), [jobs.Brief.of(solution)])
    place.screen.say(f"run folder: {place.folder}")
    return solution


async def answer(solution: Solution, repository: Repository, delivery: Delivery, screen: Screen) -> int:
    """Deliver a solution and print it; return the exit code.

    Raises:
        PatchError, StoreError: the patch can't be delivered.
    """
    await _deliver(solution, repository, delivery, screen)
    return screen.answer_with(solution)


async def _check_deliverable(repository: Repository, delivery: Delivery) -> None:
    """Refuse before anything is spent what could not be delivered then."""
    if delivery.apply and repository.worktree is None:
        raise UsageError("--apply needs a local work tree; use --out FILE instead.")
    if delivery.apply and not delivery.force and await repository.dirty():
        raise UsageError(
            f"--apply: {repository.worktree} has uncommitted changes; commit or stash them, or add --force."
        )
    if delivery.out is not None and not _writable(delivery.out):
        raise UsageError(f"--out {delivery.out}: name a file in a folder that exists.")


def _writable(out: Path) -> bool:
    return out.parent.is_dir() and not out.is_dir()


async def _deliver(solution: Solution, repository: Repository, delivery: Delivery, screen: Screen) -> None:
    if solution.patch is None:
        return
    if delivery.out is not None:
        _write_out(delivery.out, solution.patch)
        screen.say(f"patch written to {delivery.out}")
    if delivery.apply:
        await _check_deliverable(repository, delivery)
        await repository.apply_to_worktree(solution.patch)
        screen.say(f"patch applied to {repository.worktree}")


def _write_out(out: Path, patch: str) -> None:
    if not out.is_symlink() and (out.is_file() or not out.exists()):
        batch.replace_text(out, patch)
        return
    # A device, a pipe, a link: what it stands for is written to, it isn't replaced.
    try:
        out.write_text(patch, encoding="utf-8", newline="")
    except OSError as error:
        raise StoreError(f"{out} can't be written: {error.strerror}.") from error
