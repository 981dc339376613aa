"""Carries out `swe-scale grade`: finds the patches and their rows, and has what isn't graded yet graded."""

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.cli.grade_answer import Outcome, answer
from swe_scale.cli.grade_patches import EMPTY, GOLD, patches_of, place_of
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.cli.surroundings import network_of, sandbox_of
from swe_scale.config import Docker, Limits, SandboxConfig, UserConfig, cache_folder, load_user_config
from swe_scale.environment import Options
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.grades import FILE, Grade, patch_id
from swe_scale.live import watch
from swe_scale.sandbox import open_backend
from swe_scale.swebench.answers import read_instances
from swe_scale.swebench.grading import Grader, Grading
from swe_scale.swebench.instance import Instance
from swe_scale.swebench.kept import GradeFile, open_grades
from swe_scale.swebench.official import rules

_RUN = "grade"
"""Name of the run that what is started belongs to."""
_ROOMY: Mapping[str, int] = {"memory": 8 << 30, "pids": 2048, "disk": 4 << 30}
"""Limits where the configuration says nothing: the harness has none."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be graded, as given."""

    predictions: str
    dataset: str
    only: tuple[str, ...] = ()
    candidates: bool = False
    turns: bool = False
    out: Path | None = None
    repeats: int = 1
    retries: int = 2
    force: bool = False
    hardened: bool = True
    seconds: float = 1800.0
    repos: Path | None = None


@dataclass(slots=True)
class Work:
    """The rows that are graded, each with its patches by their ids."""

    rows: dict[str, Instance] = field(default_factory=dict)
    patches: dict[str, dict[str, str]] = field(default_factory=dict)
    unusable: list[str] = field(default_factory=list)
    """Predictions and rows that can't be used, and why."""
    unknown: list[str] = field(default_factory=list)
    """Ids of predictions that the dataset doesn't have."""


def run_grade(wish: Wish, options: SolveOptions, *, json: bool) -> int:
    """Grade; return 0 where every patch was graded, 1 where something is left.

    Raises:
        SweScaleError: nothing can be graded as it was given, or the grades can't be kept.
    """
    rules()
    if wish.repos is not None and not wish.repos.is_dir():
        raise UsageError(f"--repos {wish.repos} is not a folder.")
    screen, events = Screen.open(json), Events()
    user = load_user_config(options.config)
    work = _work(wish)
    out = wish.out or place_of(wish.predictions) / FILE
    sandbox = sandbox_of(options, user)
    grading = _grading(wish, options, user)

    async def act() -> int:
        with watch(events, screen.progress), open_grades(out) as file:
            async with AsyncExitStack() as stack:
                network = network_of(options, user)
                backend = await stack.enter_async_context(
                    open_backend(_rooted(sandbox), _RUN, events, network)
                )
                cache = stack.enter_context(VerdictCache(cache_folder() / "grades"))
                cells = options.cells or os.cpu_count() or 2
                grader = Grader(backend, cache, events, anyio.CapacityLimiter(cells), grading)
                found = await _grade(work, grader, file, cells)
        outcome = Outcome(found, tuple(work.unusable), tuple(work.unknown), out, rules())
        return answer(screen, outcome) or (FAILED if work.unusable or work.unknown else 0)

    return interruptible(act, Naming())


async def _grade(work: Work, grader: Grader, file: GradeFile, rows: int) -> list[Grade]:
    limiter = anyio.CapacityLimiter(rows)
    found: list[Grade] = []

    def keep(grade: Grade) -> None:
        file.add(grade)
        found.append(grade)

    async def one(name: str) -> None:
        instance, wanted = work.rows[name], work.patches[name]
        told = grader.grading.rules_of(instance, grader.backend.name)
        if not grader.grading.force:
            known = [file.settled(name, patch, told, grader.grading) for patch in wanted]
            found.extend(grade for grade in known if grade is not None)
            wanted = {patch: wanted[patch] for patch, kept in zip(wanted, known, strict=True) if kept is None}
        async with limiter:
            await grader.grade(instance, wanted, keep)

    async with anyio.create_task_group() as group:
        for name in work.rows:
            group.start_soon(one, name)
    return sorted(found, key=lambda grade: (grade.instance, grade.patch))


def _work(wish: Wish) -> Work:
    """Return what is to be graded.

    Raises:
        UsageError: the predictions or the dataset can't be read, or nothing of them belongs together.
    """
    work = Work()
    proposed = _proposed(wish, work)
    ids = set(wish.only) if proposed is None and wish.only else None if proposed is None else set(proposed)
    for instance in read_instances(wish.dataset, ids, work.unusable.append):
        name, gold = instance.gold.instance, instance.gold.patch
        texts = proposed[name] if proposed is not None else [gold if wish.predictions == GOLD else ""]
        work.rows[name] = instance
        work.patches[name] = {}
        for text in texts:
            work.patches[name].setdefault(patch_id(text), text)
    asked = set(wish.only) | set(proposed or ())
    work.unknown = sorted(asked - work.rows.keys())
    if not work.rows:
        told = "\n".join(work.unusable[:5])
        some = ", ".join(work.unknown[:5])
        raise UsageError(
            f"no prediction is for a row of {wish.dataset}{f': {some}' if some else '.'}\n{told}".strip()
        )
    return work


def _proposed(wish: Wish, work: Work) -> dict[str, list[str]] | None:
    """Return the patches by instance; None where the dataset's rows themselves say which."""
    if wish.predictions in (GOLD, EMPTY):
        return None
    proposed: dict[str, list[str]] = {}
    for one in patches_of(wish.predictions, wish.candidates, wish.turns, work.unusable.append):
        if not wish.only or one.instance in wish.only:
            proposed.setdefault(one.instance, []).append(one.patch)
    if not proposed:
        told = "\n".join([f"{wish.predictions} holds no usable prediction.", *work.unusable[:5]])
        raise UsageError(told)
    return proposed


def _grading(wish: Wish, options: SolveOptions, user: UserConfig) -> Grading:
    own = {name: value for name, value in _ROOMY.items() if name not in user.limits.model_fields_set}
    limits = user.limits.model_copy(update={**own, "seconds": wish.seconds})
    table = options.environment
    return Grading(
        limits=Limits.model_validate(limits.model_dump()),
        options=Options(environment_file=table.absolute() if table else None),
        repos=wish.repos,
        repeats=wish.repeats,
        retries=wish.retries,
        force=wish.force,
        hardened=wish.hardened,
    )


def _rooted(sandbox: SandboxConfig) -> SandboxConfig:
    # Scripts of the datasets install into folders that are root's, as they may in the harness.
    return sandbox.model_copy(update={"as_root": True}) if isinstance(sandbox, Docker) else sandbox
