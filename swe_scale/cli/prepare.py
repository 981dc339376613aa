"""Carries out `swe-scale prepare`: does ahead of any issue what no issue has a part in."""

import math
import os
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

import anyio

from swe_scale.cli.options import SolveOptions
from swe_scale.cli.prepare_steps import STEPS, Step
from swe_scale.cli.prepare_work import Stepped, Work
from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.config import load_user_config
from swe_scale.errors import SweScaleError, UsageError, unwrapped
from swe_scale.events import Events, printable
from swe_scale.live import watch
from swe_scale.repo import Repository, complete_source
from swe_scale.repo.source import kept_at, redacted


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be prepared, as given."""

    repo: str
    base: str | None
    minutes: float | None
    """None: as long as it takes."""
    skip: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken."""

    name: str
    stepped: Stepped
    seconds: float
    exit_code: int = 0


def run_prepare(wish: Wish, options: SolveOptions, *, json: bool) -> int:
    """Take every step that isn't left out; return 0 where none failed, otherwise 1, or 2 for bad usage.

    Raises:
        SweScaleError: there is no such repository or commit, or what was given can't be used.
    """
    if unknown := sorted({*wish.skip} - STEPS.keys()):
        raise UsageError(f"--skip {unknown[0]}: there is no such step; known are {', '.join(STEPS)}.")
    if options.base_url and not options.reader_model:
        raise UsageError("--base-url says where the reader is served: give --reader-model NAME, too.")
    screen, events = Screen.open(json), Events()

    async def act() -> int:
        user = load_user_config(options.config)
        source = complete_source(wish.repo)
        repository = await Repository.open(source, kept_at(source))
        commit = await repository.resolve(wish.base)
        until = math.inf if wish.minutes is None else anyio.current_time() + 60 * wish.minutes
        taken: list[Taken] = []
        with watch(events, screen.progress):
            async with AsyncExitStack() as stack:
                cells = options.cells or os.cpu_count() or 2
                work = Work(repository, commit, options, user, events, stack, cells, until)
                for name, step in STEPS.items():
                    if name not in wish.skip:
                        taken.append(await _take(name, step, work))
        _answer(screen, redacted(source), commit, taken)
        return max((one.exit_code for one in taken), default=0)

    return interruptible(act, Naming())


async def _take(name: str, step: Step, work: Work) -> Taken:
    began = time.monotonic()
    if anyio.current_time() >= work.until:
        return Taken(name, Stepped(note="the time was up before it began"), 0.0)
    work.events.emit("stage", name)
    code = 0
    try:
        with unwrapped():
            stepped = await step(work)
    except SweScaleError as error:
        stepped, code = Stepped(failed=printable(str(error))), error.exit_code
    code = code or (FAILED if stepped.failed else 0)
    return Taken(name, stepped, round(time.monotonic() - began, 3), code)


def _answer(screen: Screen, repo: str, base: str, taken: list[Taken]) -> None:
    if screen.json:
        steps = [{"name": one.name, "seconds": one.seconds, **asdict(one.stepped)} for one in taken]
        screen.document({"repo": repo, "base": base, "steps": steps})
        return
    for one in taken:
        stepped = one.stepped
        counts = f"{stepped.done} done, {stepped.kept} there already, {one.seconds:.1f} s"
        said = "; ".join(filter(None, (stepped.note, counts)))
        lines = [f"{one.name:<13} {said}"]
        lines += [f"{'':<13} failed: {line}" for line in stepped.failed.splitlines()[:1]]
        lines += [f"{'':<13} | {line}" for line in stepped.failed.splitlines()[1:]]
        for line in lines:
            screen.answer.print(line, markup=False, highlight=False, soft_wrap=True)
