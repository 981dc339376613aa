"""The method on one screen: from an issue to one patch with the evidence for it, or none with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio

from swe_scale.building import Builder, Repairer
from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.clock import Clock
from swe_scale.conclusion import Made, conclude, without_candidates
from swe_scale.config import Prompted, RunConfig, Stage, StageSampling
from swe_scale.context import Wish, find_context
from swe_scale.environment import Options
from swe_scale.errors import BudgetExceeded, unwrapped
from swe_scale.events import Events
from swe_scale.formatting import Style
from swe_scale.judging import Judging
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.planning import Planner
from swe_scale.policy import Move, find_policy
from swe_scale.ranking import Ranking, find_rule, needs_of
from swe_scale.readers import READER, asked_of, shares_of
from swe_scale.records import Context, Issue, Sampling, Solution, digest
from swe_scale.regression.neighbours import Neighbours
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend
from swe_scale.search import Search
from swe_scale.selection import Choice, majority, settle, telling
from swe_scale.store import Key, Steps, dumped
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trees import Trees
from swe_scale.turn_cells import TurnCells

_REPLY = 4096
"""Tokens of the longest reply where the settings don't say."""
_LEAST_NOTES = 800
"""Estimated tokens; otherwise notes may have a quarter of what files may."""


@dataclass(frozen=True, slots=True)
class Means:
    """What solving needs, opened by the caller and shared by all issues of a run."""

    repository: Repository
    steps: Steps
    backend: Backend
    models: Mapping[str, tuple[Model, ...]]
    """By stage, one or several, and by `strategies.NAME` those that are a strategy's own."""
    options: Options
    """How the environment is found."""
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter

    def asked(self, stage: Stage) -> tuple[Model, ...]:
        """Return the models of a stage: the trajectories' where it has none of its own."""
        return self.models.get(stage) or self.models["trajectory"]


async def solve(issue: Issue, means: Means, config: RunConfig) -> Solution:
    """Solve one issue; what was done before, in this run, is not done again.

    Raises:
        EnvironmentFailure: the environment can't be built.
        ModelError: the endpoint failed in every trajectory.
        SandboxError: the backend no longer works at all.
        StoreError: the record can't be written.
        ExtensionError: a rule or policy of another package failed.
    """
    key = solution_key(issue, means.options, config)
    if (finished := means.steps.recorded(key, Solution)) is not None:
        return finished
    clock = Clock(means.steps, means.events, issue.id, config.budget.minutes)
    try:
        with unwrapped():
            async with clock.running():
                solution, lasting = await _solve(issue, means, config, clock)
    except BudgetExceeded as error:
        return without_candidates(issue, str(error))
    return await _record(means.steps, key if lasting else provisional_key(key), solution)


async def _solve(issue: Issue, means: Means, config: RunConfig, clock: Clock) -> tuple[Solution, bool]:
    """Return the solution, and whether no fault of the infrastructure had a part in it."""
    repository, events = means.repository, means.events
    ledger = Ledger(means.steps, config.budget, config.prices, events, issue.id, shares_of(config))
    trees = Trees(repository, await repository.tree_of(issue.base_commit))
    for note in await repository.notes(trees.base):
        events.emit("note", note, issue.id)
    drawn = sampling(config.sampling_of("environment"), 1)
    asked = means.asked("environment")[0]
    repairer = Repairer(asked, ledger, drawn, events, issue.id, config.repair_rounds)
    with clock.bounded_stage("environment"):
        builder = Builder(means.backend, events, repairer)
        environment = await builder.environment(repository, issue.base_commit, means.options)
    with clock.bounded_stage("context"):
        context = await _context(issue, means, ledger, config, clock)
    async with means.backend.open(environment) as template:
        cells = Cells(
            issue.id, environment, template, means.steps, means.cache, events,
            config.limits, means.slots, trees,
        )  # fmt: skip
        setting = Setting(
            issue, context, trees, cells, ledger, means.models["trajectory"][0], events, config.turns,
            clock.trajectories_end, config.issue_tokens, backtrack=config.backtrack,
        )  # fmt: skip
        search = _search(setting, means, config, clock)
        with clock.stage("search"):
            await search.run()
        ranking = search.rule(search.evidence())
        choice = None
        choosing = replace(setting, turns=config.selection_turns)
        with clock.stage("selection"), anyio.CancelScope(deadline=clock.end):
            choice = await _choose(choosing, means.asked("selection"), search, ranking, config)
        turns = TurnCells(search.judging)
        if config.record_turns:
            with clock.stage("turns"):
                await turns.run(search.trajectory_list(), clock.end)
    made = Made(search.trajectory_list(), search.evidence(), tuple(search.decisions))
    spent = {"usage": ledger.spent, "stages": dict(ledger.by_stage), "seconds": dict(clock.seconds)}
    solution = conclude(issue, made, ranking, choice, config.min_confidence)
    solution = solution.model_copy(update=spent | turns.record | {"crossed": search.judging.crossed})
    return solution, not (_hindered(solution) or (choice is not None and choice.fault))


def _search(setting: Setting, means: Means, config: RunConfig, clock: Clock) -> Search:
    cells, trees, assigned = setting.cells, setting.trees, plan(config)
    neighbours = Neighbours(cells, trees, config.regression_seconds)
    style = Style(cells, trees) if config.format else None
    judging = Judging(cells, trees, neighbours, needs_of(config), style)
    planning = replace(setting, model=means.asked("plan")[0])
    planned = [one for one in assigned if one.start == "plan"]
    return Search(
        setting,
        means.models,
        find_policy(config.policy),
        assigned,
        judging,
        clock.end,
        planner=Planner(planning, sampling(config.sampling_of("plan"), 1), planned),
        note_tokens=note_tokens(config),
        rule=find_rule(config.rule),
        method=f"{config.policy} {config.rule}",
    )


def plan(config: RunConfig) -> tuple[Assignment, ...]:
    """Return the trajectories that a configuration asks for, numbered from 1, each with its own seed."""
    names = [name for name, count in config.strategies.items() for _ in range(count)]
    drawn = config.sampling_of("trajectory")
    return tuple(
        Assignment(
            index,
            name,
            sampling(drawn, index),
            config.named.get(name),
            guidance=_variant(name, config),
            turns=config.turns_of(name),
        )
        for index, name in enumerate(names, start=1)
    )


def _variant(name: str, config: RunConfig) -> str:
    named = config.named.get(name)
    variant = named.variant if isinstance(named, Prompted) else None
    return "" if variant is None else config.variants[variant]


def note_tokens(config: RunConfig) -> int:
    """Return the estimated tokens that notes of earlier trajectories may have."""
    return max(_LEAST_NOTES, config.context_tokens // 4)


def sampling(stage: StageSampling, index: int) -> Sampling:
    """Return how a stage's conversation of this number draws: its own seed, its step of the ladder."""
    ladder = stage.temperature
    return Sampling(
        temperature=ladder[(index - 1) % len(ladder)] if ladder else None,
        max_tokens=stage.reply_tokens or _REPLY,
        seed=stage.seed + index,
        **stage.model_dump(include={"top_p", "top_k", "min_p", "effort", "logprobs"}),
    )


def solution_key(issue: Issue, options: Options, config: RunConfig) -> Key:
    """Return the step of a solution: it depends on all that was given, but not on how fast it is found."""
    settings = config.identity()
    given = options.environment_file
    table = given.read_bytes() if given is not None and given.is_file() else b""
    return Key(
        f"{issue.id}/solution", digest(issue.model_dump_json(), settings, options.model_dump_json(), table)
    )


def provisional_key(key: Key) -> Key:
    """Return the step of a solution in which faults of the infrastructure had a part: it isn't the last."""
    return Key(f"{key.path}/provisional", key.digest)


def _hindered(solution: Solution) -> bool:
    lost = any(one.outcome == "failed" for one in solution.trajectories)
    return lost or any(one.outcome == "infra" for one in solution.verdicts)


async def _context(issue: Issue, means: Means, ledger: Ledger, config: RunConfig, clock: Clock) -> Context:
    """Return the files that all conversations on an issue are shown."""
    wish = Wish(issue, issue.base_commit, config.context_tokens, config.context)
    shown = means.models["trajectory"][0]
    asked = None
    if readers := means.models.get(READER):
        drawn = sampling(config.sampling_of("reader"), 0)
        asked = asked_of(issue, (readers[0], shown), ledger, drawn, means.events)
        asked.end_at(clock.part_of(config.context.share))

    async def make() -> Context:
        return await find_context(wish, means.repository, means.events, asked, shown)

    names = () if asked is None else (asked.reader.model.name, asked.orderer.model.name)
    inputs = digest(issue.model_dump_json(), str(wish.budget), wish.steps.model_dump_json(), *names)
    return await means.steps.once(Key(f"{issue.id}/context", inputs), Context, make)


async def _choose(
    setting: Setting, judges: tuple[Model, ...], search: Search, ranking: Ranking, config: RunConfig
) -> Choice | None:
    """Settle a contested ranking; None where the leader stands alone or there is none."""
    if len(ranking.contested) < 2 or config.selection_turns == 0:
        await search.decide(Move("stop", "there are no level finalists to tell apart"))
        return None
    await search.decide(Move("select", f"{len(ranking.contested)} finalists are level"))
    evidence = search.evidence()
    finalists = [one for name in ranking.contested for one in evidence.candidates if one.id == name]
    shown = telling(evidence.checks, evidence.verdicts, ranking.contested)
    drawn = config.sampling_of("selection")
    choices = [
        await settle(replace(setting, model=judge), finalists, shown, sampling(drawn, number), number)
        for number, judge in enumerate(judges)
    ]
    choice = majority(choices)
    await search.decide(Move("stop", choice.reason))
    return choice


async def _record(steps: Steps, key: Key, solution: Solution) -> Solution:
    await steps.store.put(key, dumped(solution, Solution))
    return solution
