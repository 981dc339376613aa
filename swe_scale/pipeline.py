"""The method on one screen: from an issue to one patch with the evidence for it, or none with reasons."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import anyio

from swe_scale.building import Builder, Repairer
from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.clock import Clock
from swe_scale.conclusion import Made, conclude, without_candidates
from swe_scale.config import Prompted, RunConfig, Stage, StageSampling
from swe_scale.context import Wish, find_context
from swe_scale.decided import Decided
from swe_scale.environment import Options
from swe_scale.errors import BudgetExceeded, unwrapped
from swe_scale.events import Events
from swe_scale.formatting import Style
from swe_scale.judging import Judging
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.panel import Judge, Panel
from swe_scale.planning import Planner
from swe_scale.policy import Move, composed, method_of
from swe_scale.ranking import find_rule
from swe_scale.readers import READER, asked_of, shares_of
from swe_scale.records import Context, Issue, Sampling, Solution, digest
from swe_scale.regression.neighbours import Neighbours
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend
from swe_scale.search import Search
from swe_scale.store import Key, Steps, dumped
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.setting import opening_of
from swe_scale.trees import Trees
from swe_scale.triage import OPINIONS, Triage, Triaged
from swe_scale.turn_cells import TurnCells

_REPLY = 4096
"""Tokens of the longest reply where the settings don't say."""
_TRIAGE = 0.1
"""Most of the time that is left that it may take to find out whether an issue is worth it."""
_LOOK = 2.0
"""Seconds after which it is looked again whether what is under way takes too long."""
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
    clock = Clock(means.steps, means.events, issue.id, config.budget.minutes, config.deadline)
    try:
        with unwrapped():
            async with clock.running():
                if math.isfinite(clock.calls_end) and not means.steps.store.entries(issue.id):
                    raise BudgetExceeded("the deadline was over before it was begun.")
                solution, lasting = await _solve(issue, means, config, clock)
    except BudgetExceeded as error:
        return without_candidates(issue, str(error))
    return await _record(means.steps, key if lasting else provisional_key(key), solution)


async def _solve(issue: Issue, means: Means, config: RunConfig, clock: Clock) -> tuple[Solution, bool]:
    """Return the solution, and whether no fault of the infrastructure had a part in it."""
    repository, events = means.repository, means.events
    ledger = Ledger(
        means.steps, config.budget, config.prices, events, issue.id, shares_of(config), clock.calls_end
    )
    trees = Trees(repository, await repository.tree_of(issue.base_commit))
    for note in await repository.notes(trees.base):
        events.emit("note", note, issue.id)
    triaged = await _triaged(issue, means, ledger, config, clock) if config.triage else None
    if triaged is not None and triaged.refusal:
        return await _refused(issue, means, triaged, ledger, clock), True
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
        if triaged is not None:
            await search.decide(Move("triage", triaged.reasoning))
        with clock.stage("search"):
            await search.run()
        choosing = replace(setting, turns=config.selection_turns)
        panel = Panel(choosing, search.rule, search.evidence(), config.min_confidence)
        with clock.stage("selection"), anyio.CancelScope(deadline=clock.end):
            await _choose(panel, means.asked("selection"), search, config)
        turns = TurnCells(search.judging)
        if config.record_turns:
            with clock.stage("turns"):
                await turns.run(search.trajectory_list(), clock.end)
    made = Made(search.trajectory_list(), panel.evidence, tuple(search.decisions))
    spent = {"usage": ledger.spent, "stages": dict(ledger.by_stage), "seconds": dict(clock.seconds)}
    solution = conclude(issue, made, panel.ranking, panel.choice, config.min_confidence)
    said = {"opinions": panel.evidence.opinions, "scores": panel.scores}
    solution = solution.model_copy(update=spent | turns.record | said)
    return solution, not (_hindered(solution) or panel.hindered or _cut_short(solution, clock))


def _search(setting: Setting, means: Means, config: RunConfig, clock: Clock) -> Search:
    cells, trees, assigned = setting.cells, setting.trees, plan(config)
    neighbours = Neighbours(cells, trees, config.regression_seconds)
    style = Style(cells, trees) if config.format else None
    judging = Judging(cells, trees, neighbours, config.record_all, style)
    planning = replace(setting, model=means.asked("plan")[0])
    planned = [one for one in assigned if one.start == "plan"]
    return Search(
        setting,
        means.models,
        composed(config, assigned, means.models),
        assigned,
        judging,
        clock.end,
        planner=Planner(planning, sampling(config.sampling_of("plan"), 1), planned),
        note_tokens=note_tokens(config),
        rule=find_rule(config.rule),
        method=method_of(config),
        look=_LOOK if config.stragglers == "slow" else math.inf,
    )


def _method(config: RunConfig) -> str:
    aim = "" if config.objective == "resolved" else f" {config.objective}"
    return f"{config.policy} {config.rule}{aim}"


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


def _cut_short(solution: Solution, clock: Clock) -> bool:
    """Return whether the deadline ended what could go on: it isn't part of what a solution depends on."""
    unfinished = any(one.outcome == "budget" for one in solution.trajectories)
    return clock.by_deadline and (unfinished or anyio.current_time() >= clock.end)


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


async def _triaged(issue: Issue, means: Means, ledger: Ledger, config: RunConfig, clock: Clock) -> Triaged:
    """Return whether the issue is worth it; who is asked sees what its trajectories would see."""
    with clock.bounded_stage("context"):
        context = await _context(issue, means, ledger, config, clock)
    models, drawn = means.asked("triage"), config.sampling_of("triage")
    judges = [(models[n % len(models)], sampling(drawn, n + 1)) for n in range(OPINIONS)]
    with clock.stage("triage"):
        opening = partial(opening_of, issue, context, config.issue_tokens)
        return await Triage(issue.id, opening, judges, ledger, clock.part_of(_TRIAGE)).run()


async def _refused(issue: Issue, means: Means, triaged: Triaged, ledger: Ledger, clock: Clock) -> Solution:
    """Return the abstention of an issue that isn't begun."""
    history = Decided(issue.id, means.steps, means.events, digest("triage"))
    await history.conclude(Move("triage", triaged.reasoning))
    await history.conclude(Move("stop", triaged.refusal))
    spent = {"usage": ledger.spent, "stages": dict(ledger.by_stage), "seconds": dict(clock.seconds)}
    return without_candidates(issue, triaged.refusal, history.decisions).model_copy(update=spent)


async def _choose(panel: Panel, models: tuple[Model, ...], search: Search, config: RunConfig) -> None:
    """Have candidates scored, and a contested ranking settled."""
    await panel.score(config.score)
    drawn = config.sampling_of("selection")
    judges = [
        Judge(models[number % len(models)], sampling(drawn, number))
        for number in range(config.judges * len(models) if config.selection_turns else 0)
    ]
    await panel.judge(judges, config.selection, search.decide)


async def _record(steps: Steps, key: Key, solution: Solution) -> Solution:
    await steps.store.put(key, dumped(solution, Solution))
    return solution
