"""Carries out `select`: patches that are there already, judged as those of a run are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from swe_scale.cli import settings
from swe_scale.cli.actions import name_of, solve_one
from swe_scale.cli.ending import End, answer, screen_for
from swe_scale.cli.ground import Ground, Target, ground_of_issue
from swe_scale.cli.naming import names_models
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.place import RUNS, Place
from swe_scale.cli.reach import Reached, reach
from swe_scale.cli.screen import Naming, Screen, interruptible
from swe_scale.cli.select_checks import read_checks
from swe_scale.cli.select_patches import BRANCH, PATCHES, PREDICTIONS, Heap, Reader
from swe_scale.cli.strategies import writing
from swe_scale.cli.surroundings import options_of
from swe_scale.config import RunConfig, UserConfig, load_user_config
from swe_scale.errors import RepositoryError, UsageError
from swe_scale.events import Events
from swe_scale.gathering import FAULTY, UNUSABLE, gather
from swe_scale.given import Given
from swe_scale.issues import read_issue
from swe_scale.jobs import Delivery, Job, Task

_MANY = 100
"""Different patches from which it takes a while to apply them."""
_SHOWN = 10
"""Patches that are said to be left out, one by one."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be chosen among, and by what, as given."""

    candidates: tuple[str, ...]
    checks: tuple[str, ...] = ()
    write_checks: int = 0
    instance: str | None = None


def select_patch(target: Target, wish: Wish, options: SolveOptions, delivery: Delivery, *, json: bool) -> int:
    """Choose among patches for one issue and deliver the answer; return the exit code.

    Raises:
        SweScaleError: what was given can't be used, or something that is needed failed.
    """
    screen, events = screen_for(delivery, json=json), Events()
    naming = Naming()

    async def act() -> int:
        assert target.issue is not None
        _check_issue(target.issue)
        user = load_user_config(options.config)
        draft = await read_issue(target.issue, user.github)
        ground = await ground_of_issue(draft, target, user.github, delivery)
        given = await _given(wish, ground, screen)
        wanted = _wanted(wish, options, user)
        async with _reach(wanted, user, screen, events) as reached:
            config = settings.run_config(wanted, user, reached.configured, reached.context_length)
            _check_spent(config)
            screen.say(_describe(given, config))
            environment = options_of(wanted, config.sandbox)
            task = Task(issue=ground.issue, options=environment, given=given)
            naming.name = name_of(target.name, task, config)
            job = Job(kind="run", config=config, tasks=(task,), delivery=delivery, started=reached.started)
            solution = await solve_one(job, reached.models, Place(RUNS / naming.name, screen, events))
        end = End(ground.repository, delivery, ground.issue, RUNS / naming.name, user.github)
        return await answer(solution, end, screen)

    return interruptible(act, naming)


def _check_issue(given: str) -> None:
    """Refuse what stands for the issue only because no issue was named.

    Raises:
        UsageError: it is a candidate.
    """
    if given.startswith(BRANCH) or Path(given).suffix in (*PATCHES, *PREDICTIONS):
        raise UsageError(f"{given} stands where the issue should: name the issue, too.")


def _wanted(wish: Wish, options: SolveOptions, user: UserConfig) -> SolveOptions:
    """Return the options of the run that this is: checks are written and no patch is.

    Where no model is named, and none is needed, none is asked.

    Raises:
        UsageError: an option needs a model, and none is named.
    """
    strategy = [f"check={wish.write_checks}"] if wish.write_checks else []
    named = names_models(options, user)
    if not named and (options.judges > 1 or options.selection == "list"):
        raise UsageError("--judges and --selection list ask a model: give --base-url URL --model NAME.")
    unneeded = not strategy and (options.selection_turns == 0 or not named)
    turns = 0 if unneeded else options.selection_turns
    return replace(options, strategy=strategy, selection_turns=turns)


def _check_spent(config: RunConfig) -> None:
    """Refuse to say how replies are spent where none are.

    Raises:
        UsageError: it is said, and no check is to be written.
    """
    if not config.strategies and (config.policy, config.stragglers) != ("fixed", "wait"):
        raise UsageError(
            "--policy, --objective and --stragglers are for checks to be written: give --write-checks K, too."
        )


@asynccontextmanager
async def _reach(
    options: SolveOptions, user: UserConfig, screen: Screen, events: Events
) -> AsyncIterator[Reached]:
    if not options.strategy and options.selection_turns == 0:
        yield Reached({}, {})
        return
    async with reach(options, user, 1, screen, events) as reached:
        yield reached


async def _given(wish: Wish, ground: Ground, screen: Screen) -> Given:
    """Return all that is given, applied to the base.

    Raises:
        UsageError: it can't be read, or no candidate can be judged.
    """
    checks = await anyio.to_thread.run_sync(read_checks, wish.checks, abandon_on_cancel=True)
    files = [one for one in wish.candidates if not one.startswith(BRANCH)]
    reader = Reader(ground.issue.id, wish.instance, screen.say)
    heap = await anyio.to_thread.run_sync(reader.read, files, abandon_on_cancel=True)
    for one in dict.fromkeys(one for one in wish.candidates if one.startswith(BRANCH)):
        heap.add(await _of_branch(one, ground), one)
    told = _Left(heap, screen)
    if len(heap.texts) > _MANY:
        screen.say(f"{heap.texts.total():,} patches, of which {len(heap.texts):,} differ, are being applied")
    commit = ground.issue.base_commit
    base = await ground.repository.tree_of(commit)
    found = await gather(ground.repository, base, heap.texts, told.out)
    told.end()
    left_out = dict(found.left_out) | ({UNUSABLE: heap.unusable} if heap.unusable else {})
    if not found.patches:
        raise UsageError(_nothing(left_out, commit))
    return Given(
        patches=found.patches,
        checks=checks.scripts,
        tests=checks.tests,
        left_out=dict(sorted(left_out.items())),
    )


async def _of_branch(given: str, ground: Ground) -> str:
    """Return what a branch changes.

    Raises:
        UsageError: there is no such branch, or it doesn't build on the base.
    """
    repository, name, first = ground.repository, given.removeprefix(BRANCH), ground.issue.base_commit
    try:
        commit = await repository.resolve(name)
        if not await repository.descends(commit, first):
            raise UsageError(
                f"{given} doesn't build on the base commit {first[:12]}: name another --base, such as "
                f"`git merge-base {name} HEAD` prints, or rebase the branch."
            )
        base, tree = [await repository.tree_of(one) for one in (first, commit)]
        return await repository.diff(base, tree)
    except RepositoryError as error:
        raise UsageError(f"{given}: {error}") from error


@dataclass(slots=True)
class _Left:
    """Says which patches are left out, and of many how many more."""

    heap: Heap
    screen: Screen
    count: int = 0

    def out(self, text: str, why: str) -> None:
        self.count += 1
        if self.count <= _SHOWN:
            self.screen.say(f"left out: {', '.join(self.heap.places[text])}: {why}")

    def end(self) -> None:
        if self.count > _SHOWN:
            self.screen.say(f"left out: {self.count - _SHOWN} more")


def _nothing(left_out: dict[str, int], commit: str) -> str:
    if not left_out:
        return "--candidates names no patch at all."
    counts = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    other = " Were they made for another commit? Name it by --base." if FAULTY in left_out else ""
    return f"there is no candidate to judge on the base commit {commit[:12]}: {counts}.{other}"


def _describe(given: Given, config: RunConfig) -> str:
    """Return what is about to be done, in one line."""
    writers = sum(config.strategies.values())
    foreign = sum(check.foreign for check in given.checks)
    kinds = {
        "for our exit codes": len(given.checks) - foreign,
        "foreign": foreign,
        "of tests that a patch adds": len(given.tests),
        f"to be written by {'+'.join(writing(config)) if writers else ''}": writers,
    }
    checks = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    parts = [given.told, f"checks: {checks or 'none'}"]
    if not config.models:
        parts.append("no model is asked")
    return "; ".join((*parts, f"sandbox {config.sandbox.kind}"))
