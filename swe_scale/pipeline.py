"""The method on one screen: from an issue to one patch with the evidence for it, or none with reasons."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import anyio

from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.conclusion import Made, conclude
from swe_scale.config import RunConfig, Stage
from swe_scale.context import find
from swe_scale.environment import Options, prepare
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.policy import Fixed, Move
from swe_scale.ranking import Ranking, rank
from swe_scale.records import Context, Issue, Sampling, Solution, digest
from swe_scale.regression.neighbours import Neighbours
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend
from swe_scale.search import Search
from swe_scale.selection import Choice, settle, telling
from swe_scale.store import Key, Steps
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trees import Trees

_FOR_TRAJECTORIES = 0.8
"""Share of a time budget after which no trajectory goes on, so that there is time to vote."""


_READ = 1 << 20
"""Bytes of a file beyond which it isn't considered as context."""


@dataclass(frozen=True, slots=True)
class Means:
    """What solving needs, opened by the caller and shared by all issues of a run."""

    repository: Repository
    steps: Steps
    backend: Backend
    models: Mapping[Stage, Model]
    """By stage."""
    options: Options
    """How the environment is found."""
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter


@dataclass(slots=True)
class _Clock:
    events: Events
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.events.emit("stage", name)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - began, 3)


async def solve(issue: Issue, means: Means, config: RunConfig) -> Solution:
    """Solve one issue; what was done before, in this run, is not done again.

    Raises:
        EnvironmentFailure: the environment can't be built.
        ModelError: the endpoint failed in every trajectory.
        SandboxError: the backend no longer works at all.
        StoreError: the record can't be written.
    """
    key = Key(f"{issue.id}/solution", _inputs(issue, config))
    if (finished := means.steps.recorded(key, Solution)) is not None:
        return finished
    clock = _Clock(means.events)
    ledger = Ledger(means.steps, config.budget, config.prices, means.events, issue.id)
    minutes = config.budget.minutes
    began = anyio.current_time()
    end = float("inf") if minutes is None else began + minutes * 60
    trees = Trees(means.repository, await means.repository.tree_of(issue.base_commit))
    with clock.stage("environment"):
        environment = await prepare(
            means.backend, means.repository, issue.base_commit, means.options, means.events
        )
    async with means.backend.open(environment) as template:
        with clock.stage("context"):
            context = await _context(issue, means, trees, config.context_tokens)
        cells = Cells(
            issue.id, environment, template, means.steps, means.cache, means.events,
            config.limits, means.slots, trees.changes,
        )  # fmt: skip
        setting = Setting(
            issue, context, trees, cells, ledger, means.models["trajectory"], means.events, config.turns,
            began + (end - began) * _FOR_TRAJECTORIES,
        )  # fmt: skip
        neighbours = Neighbours(cells, trees, config.regression_seconds)
        search = Search(setting, Fixed(), plan(config), neighbours, config.record_all, end)
        with clock.stage("search"):
            await search.run()
        ranking = rank(search.evidence())
        choice = None
        choosing = replace(setting, model=means.models["selection"], turns=config.selection_turns)
        with clock.stage("selection"), anyio.CancelScope(deadline=end):
            choice = await _choose(choosing, search, ranking, config)
    made = Made(search.trajectory_list(), search.evidence(), tuple(search.decisions))
    solution = conclude(issue, made, ranking, choice)
    solution = solution.model_copy(update={"usage": ledger.spent, "seconds": clock.seconds})
    return await _record(means.steps, key, solution)


def plan(config: RunConfig) -> tuple[Assignment, ...]:
    """Return the trajectories that a configuration asks for, numbered from 1, each with its own seed."""
    names = [name for name, count in config.strategies.items() for _ in range(count)]
    return tuple(
        Assignment(index, name, _sampling(config, index)) for index, name in enumerate(names, start=1)
    )


def _sampling(config: RunConfig, index: int) -> Sampling:
    return Sampling(temperature=config.temperature, max_tokens=config.reply_tokens, seed=config.seed + index)


def _inputs(issue: Issue, config: RunConfig) -> str:
    """Return the digest of what a solution depends on; how fast it is found isn't part of it."""
    return digest(issue.model_dump_json(), config.model_dump_json(exclude={"cells", "prices"}))


async def _context(issue: Issue, means: Means, trees: Trees, budget: int) -> Context:
    async def make() -> Context:
        paths = [entry.path for entry in await means.repository.files(trees.base)]
        sources = await means.repository.read(trees.base, paths, _READ)
        return await anyio.to_thread.run_sync(find, issue, sources, budget)

    key = Key(f"{issue.id}/context", digest(issue.model_dump_json(), trees.base, str(budget)))
    return await means.steps.once(key, Context, make)


async def _choose(setting: Setting, search: Search, ranking: Ranking, config: RunConfig) -> Choice | None:
    """Settle a contested ranking; None where the leader stands alone or there is none."""
    if len(ranking.contested) < 2 or config.selection_turns == 0:
        await search.decide(Move("stop", "there are no level finalists to tell apart"))
        return None
    await search.decide(Move("select", f"{len(ranking.contested)} finalists are level"))
    finalists = [one for name in ranking.contested for one in search.candidates if one.id == name]
    shown = telling(search.checks, search.verdicts, ranking.contested)
    choice = await settle(setting, finalists, shown, _sampling(config, 0))
    await search.decide(Move("stop", choice.reason))
    return choice


async def _record(steps: Steps, key: Key, solution: Solution) -> Solution:
    """Record the answer, unless an endpoint's fault had a part in it: then running again can do better."""
    if any(one.outcome == "failed" for one in solution.trajectories):
        return solution

    async def make() -> Solution:
        return solution

    return await steps.once(key, Solution, make)
