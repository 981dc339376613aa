"""Carries out `swe-scale eval`: rows of a dataset are chosen, made into a run, and solved side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from swe_scale import batch, jobs
from swe_scale.batch import Results
from swe_scale.cli import settings
from swe_scale.cli.eval_tasks import Tasks, environments_of, tasks_of
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.place import RUNS, Place, begin, check_name, writers
from swe_scale.cli.reach import Opened, Reached, reach
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.cli.spending import amounts_of, check_priced
from swe_scale.cli.strategies import set_up_lines
from swe_scale.cli.surroundings import options_of
from swe_scale.config import Budget, UserConfig, load_user_config
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.jobs import Job
from swe_scale.live import watch
from swe_scale.sandbox.sizes import parse_size
from swe_scale.store.sqlite import open_store
from swe_scale.swebench.choosing import Choice, parse_filter, parse_ids, parse_slice
from swe_scale.swebench.questions import Questions, read_questions
from swe_scale.sweep import sweep

Redo = Literal["failed", "abstained", "all"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, as given."""

    dataset: str
    repos: Path | None = None
    filters: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    part: str | None = None
    draw: int | None = None
    shuffle: bool = False
    row_seed: int = 0

    def read(self) -> Questions:
        """Return the rows.

        Raises:
            UsageError: an option can't be used, or no row is left.
        """
        choice = Choice(
            ids=parse_ids(self.instances) if self.instances else None,
            filters=tuple(parse_filter(text) for text in self.filters),
            sample=self.draw,
            seed=self.row_seed,
            shuffle=self.shuffle,
            part=parse_slice(self.part) if self.part else (None, None),
        )
        return read_questions(self.dataset, choice, self.repos)


@dataclass(frozen=True, slots=True)
class Wish:
    """A batch, as given."""

    rows: Selection
    name: str
    issues: int = 2
    environments: str | None = None
    total: tuple[str, ...] = ()
    keep_free: str | None = None
    redo: str | None = None


def run_eval(wish: Wish, options: SolveOptions, *, json: bool) -> int:
    """Solve rows of a dataset; return the exit code: 0 if every one came to an end of its own.

    Raises:
        SweScaleError: what was given can't be used, or something that all rows need failed.
    """
    screen, events = Screen.open(json), Events()
    check_name(wish.name)
    redo = _redo_of(wish.redo)
    total = amounts_of(wish.total, "--total-budget")

    async def act() -> int:
        user = load_user_config(options.config)
        rows = wish.rows.read()
        place = Place(RUNS / wish.name, screen, events)
        async with reach(options, user, wish.issues, screen, events) as reached:
            _check_total(total, reached, user)
            job = _job(wish, options, user, (rows, reached), screen)
            job = job.model_copy(update={"total": total})
            only = None
            if redo is not None:
                job, only = await _again(redo, job, place.folder)
            results = await solve_many(job, reached.models, place, only)
        return screen.answer_with_many(results, place.folder, job.faults)

    return interruptible(act, Naming(wish.name))


def _job(
    wish: Wish, options: SolveOptions, user: UserConfig, what: tuple[Questions, Reached], screen: Screen
) -> Job:
    rows, reached = what
    config = settings.run_config(options, user, reached.configured, reached.context_length)
    screen.say(settings.describe(config, reached.context_length))
    given = options_of(options, config.sandbox, set_up_lines(config))
    made = tasks_of(rows.found, given, config.sandbox, environments_of(wish.environments), screen.say)
    faults = (*rows.faults, *made.faults)
    for fault in faults:
        screen.say(fault)
    _check_any(made)
    keep_free = None if wish.keep_free is None else parse_size(wish.keep_free)
    return Job(
        kind="eval", config=config, tasks=made.found, at_a_time=wish.issues, faults=faults,
        started=reached.started, keep_free=keep_free,
    )  # fmt: skip


def _check_any(made: Tasks) -> None:
    if not made.found:
        raise UsageError("\n".join(["no row has an environment that can be used.", *made.faults[:5]]))


def _redo_of(text: str | None) -> Redo | None:
    for known in get_args(Redo):
        if text == known:
            return known  # type: ignore[no-any-return]
    if text is None:
        return None
    raise UsageError(f"--redo {text!r}: known are {', '.join(get_args(Redo))}.")


def _check_total(total: Budget, reached: Reached, user: UserConfig) -> None:
    names = (one.model for several in reached.configured.values() for one in several)
    check_priced(total, names, user, "--total-budget")


async def _again(redo: Redo, job: Job, folder: Path) -> tuple[Job, frozenset[str]]:
    """Make ready what is to be done again; return the run's whole job, and which issues are to be worked on.

    Raises:
        UsageError: there is no such run, or another process works in its folder.
        StoreError: the record can't be written.
    """
    if not (folder / "run.sqlite").is_file():
        raise UsageError(f"--redo {redo}: there is no run in {folder} yet; leave the option out.")
    ids = [task.issue.id for task in job.tasks]
    async with open_store(folder) as store:
        solved = jobs.finished(store, job)
        match redo:
            case "failed":
                failed = {one for one in ids if store.get(jobs.failure_key(one)) is not None}
                again = failed - solved.keys()
            case "abstained":
                again = {name for name, brief in solved.items() if brief.patch is None}
            case "all":
                again = set(ids)
        for one in again if redo != "failed" else ():
            await store.forget(one)
        kept = {task.issue.id: task for task in (*jobs.load_job(store).tasks, *job.tasks)}
    return job.model_copy(update={"tasks": tuple(kept.values())}), frozenset(again)


async def solve_many(job: Job, models: Opened, place: Place, only: frozenset[str] | None = None) -> Results:
    """Solve the issues of a job, and keep the predictions as they come.

    Raises:
        SweScaleError: something that all issues need failed.
    """
    batch.make_folder(place.folder)

    def keep(results: Results) -> None:
        batch.write_predictions(place.folder, writers(job), results.solutions.values())

    with watch(place.events, place.screen.progress):
        async with batch.open_session(place.folder, job.config, models, place.events) as session:
            await begin(session, job)
            return await sweep(job, session, keep, only)
