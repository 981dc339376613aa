"""Carries out the commands: reads what was given, opens what is needed, prints what came of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from swe_scale import batch, jobs
from swe_scale.batch import Results
from swe_scale.bot.asked import Ignored
from swe_scale.cli import settings
from swe_scale.cli.bringing import forestall
from swe_scale.cli.ending import DELIVERED, Brought, End, answer, bring_home, screen_for
from swe_scale.cli.eval import solve_many
from swe_scale.cli.ground import Ground, Target, ground_of
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.place import RUNS, Place, begin, check_name, writers
from swe_scale.cli.reach import Opened, Reached, reach, reach_again
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.cli.strategies import set_up_lines
from swe_scale.cli.surroundings import options_of
from swe_scale.config import GitHubConfig, RunConfig, load_user_config
from swe_scale.environment import Options
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.github.credentials import token_for
from swe_scale.jobs import Delivery, Job, Task
from swe_scale.live import watch
from swe_scale.records import Issue, Solution, digest
from swe_scale.repo import Repository
from swe_scale.store.sqlite import open_store

_TEST_ROUNDS = 3
"""Replies in which a test of the issue is written, where the patch is to become a pull request."""


def run_issue(target: Target, options: SolveOptions, delivery: Delivery, *, json: bool) -> int:
    """Solve one issue and deliver the answer; return the exit code.

    Raises:
        SweScaleError: what was given can't be used, or something that is needed failed.
    """
    screen, events = screen_for(delivery, json=json), Events()
    naming = Naming()

    async def act() -> int:
        user = load_user_config(options.config)
        ground = await ground_of(target, user.github, delivery)
        if isinstance(ground, Ignored):
            return screen.answer_with_nothing(ground.reason)
        for warning in ground.delivery.warnings:
            screen.say(f"look at the issue's text: {warning}")
        await forestall(ground.delivery, ground.issue.base_commit, user.github)
        asked = _for_maintainers(options, delivery)
        async with reach(asked, user, 1, screen, events) as reached:
            config = settings.run_config(asked, user, reached.configured, reached.context_length)
            screen.say(settings.describe(config, reached.context_length))
            environment = options_of(options, config.sandbox, set_up_lines(config))
            rounds = _Rounds(ground, config, environment, reached, screen, events, user.github, naming)
            solution, end, brought = await rounds.solve(target.name)
        return await answer(solution, end, screen, brought)

    return interruptible(act, naming)


def _for_maintainers(options: SolveOptions, delivery: Delivery) -> SolveOptions:
    """Return the options with what a pull request needs beside its patch, as far as nothing else is said."""
    if not (delivery.pull or delivery.handover):
        return options
    rounds = _TEST_ROUNDS if options.test_rounds is None else options.test_rounds
    return replace(options, test_rounds=rounds, words=options.words is not False)


@dataclass(frozen=True, slots=True)
class _Rounds:
    """What the rounds of one command have in common: a second one is told what failed of the first."""

    ground: Ground
    config: RunConfig
    options: Options
    reached: Reached
    screen: Screen
    events: Events
    github: GitHubConfig
    naming: Naming

    async def solve(self, name: str | None) -> tuple[Solution, End, Brought]:
        """Return what came of the issue, after one more round if checks of its pull request fail."""
        solution, end, brought = await self._round(self.ground.issue, name)
        if not brought.observations:
            return solution, end, brought
        self.screen.say("what failed is told to one more round")
        before = f"[the patch that was proposed first]\n{solution.delivered}"
        comments = (*self.ground.issue.comments, before, *brought.observations)
        issue = self.ground.issue.model_copy(update={"comments": comments})
        return await self._round(issue, f"{name}-2" if name else None)

    async def _round(self, issue: Issue, name: str | None) -> tuple[Solution, End, Brought]:
        """Solve an issue and bring what came of it to GitHub, as far as that is wished."""
        task = Task(issue=issue, options=self.options)
        self.naming.name = name_of(name, task, self.config)
        folder, delivery = RUNS / self.naming.name, self.ground.delivery
        job = Job(
            kind="run", config=self.config, tasks=(task,), delivery=delivery, started=self.reached.started
        )
        solution = await solve_one(job, self.reached.models, Place(folder, self.screen, self.events))
        end = End(self.ground.repository, delivery, issue, folder, self.github)
        return solution, end, await bring_home(solution, end, self.screen)


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
            # Delivered anew, it would take the place of what a later run has delivered.
            if job.delivery.at is None or (folder / DELIVERED).is_file():
                return screen.answer_with(known)
            delivery = job.delivery.model_copy(update={"apply": False, "out": None})
            return await _deliver(job.tasks[0].issue, known, delivery, Place(folder, screen, events))
        place = Place(folder, screen, events)
        async with reach_again(job.config.asked, job.started, screen, events) as models:
            if job.kind == "eval":
                return screen.answer_with_many(await solve_many(job, models, place), folder, job.faults)
            solution = await solve_one(job, models, place)
        return await _deliver(job.tasks[0].issue, solution, job.delivery, place)

    return interruptible(act, Naming(run))


async def _deliver(issue: Issue, solution: Solution, delivery: Delivery, place: Place) -> int:
    """Deliver a resumed run's answer as was wished when it began; return the exit code."""
    github = delivery.github or load_user_config(None).github
    folder = batch.repository_folder(issue.repo)
    repository = await Repository.open(issue.repo, folder, token_for(issue.repo, github))
    return await answer(solution, End(repository, delivery, issue, place.folder, github), place.screen)


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
