"""The method on one screen: from an issue to one patch with the evidence for it, or none with reasons."""

import math
from dataclasses import replace

import anyio

from swe_scale.adopted import Brought, brought
from swe_scale.agenda import Agenda
from swe_scale.assignments import note_tokens, plan, sampling
from swe_scale.building import Builder
from swe_scale.checks import Cells
from swe_scale.clock import Clock
from swe_scale.conclusion import Made, conclude, without_candidates
from swe_scale.config import RunConfig
from swe_scale.environment import Options
from swe_scale.errors import BudgetExceeded, unwrapped
from swe_scale.finish import Finish
from swe_scale.formatting import Style
from swe_scale.given import Given
from swe_scale.groundwork import Groundwork
from swe_scale.judging import Judging
from swe_scale.ledger import Ledger
from swe_scale.means import Means
from swe_scale.models import Model
from swe_scale.panel import Judge, Panel
from swe_scale.planning import Planner
from swe_scale.policy import Move, composed, method_of
from swe_scale.ranking import Prior, find_rule, needs_of
from swe_scale.reach import Lines, Reaching
from swe_scale.readers import shares_of
from swe_scale.records import Issue, Solution, digest
from swe_scale.regression.neighbours import Neighbours
from swe_scale.search import Search
from swe_scale.store import Key, Steps, dumped
from swe_scale.trajectory import Setting
from swe_scale.trees import Trees
from swe_scale.turn_cells import TurnCells

_LOOK = 2.0
"""Seconds after which it is looked again whether what is under way takes too long."""


async def solve(issue: Issue, means: Means, config: RunConfig, given: Given | None = None) -> Solution:
    """Solve one issue; what was done before, in this run, is not done again.

    Args:
        issue: what is wrong.
        means: with which.
        config: how.
        given: patches and checks that are there already, judged beside what trajectories bring.

    Raises:
        EnvironmentFailure: the environment can't be built.
        ModelError: the endpoint failed in every trajectory.
        SandboxError: the backend no longer works at all.
        StoreError: the record can't be written.
        ExtensionError: a rule or policy of another package failed.
    """
    key = solution_key(issue, means.options, config, given)
    if (finished := means.steps.recorded(key, Solution)) is not None:
        return finished
    clock = Clock(means.steps, means.events, issue.id, config.budget.minutes, config.deadline)
    try:
        with unwrapped():
            async with clock.running():
                if math.isfinite(clock.calls_end) and not means.steps.store.entries(issue.id):
                    raise BudgetExceeded("the deadline was over before it was begun.")
                solution, lasting = await _solve(issue, means, config, clock, given or Given())
    except BudgetExceeded as error:
        return without_candidates(issue, str(error))
    return await _record(means.steps, key if lasting else provisional_key(key), solution)


async def _solve(
    issue: Issue, means: Means, config: RunConfig, clock: Clock, given: Given
) -> tuple[Solution, bool]:
    """Return the solution, and whether no fault of the infrastructure had a part in it."""
    repository, events = means.repository, means.events
    ledger = Ledger(
        means.steps, config.budget, config.prices, events, issue.id, shares_of(config), clock.calls_end
    )
    trees = Trees(repository, await repository.tree_of(issue.base_commit))
    for note in await repository.notes(trees.base):
        events.emit("note", note, issue.id)
    ground, triaged = Groundwork(issue, means, config, ledger, clock), None
    issue = await ground.depicted()
    ground = replace(ground, issue=issue)
    if config.triage and not given.patches:
        triaged = await ground.triaged()
        if triaged.refusal:
            return await ground.refused(triaged), True
    with clock.bounded_stage("environment"):
        builder = Builder(means.backend, events, ground.repairer())
        environment = await builder.environment(repository, issue.base_commit, means.options)
    context = await ground.context()
    async with means.backend.open(environment) as template:
        cells = Cells(
            issue.id, environment, template, means.steps, means.cache, events,
            config.limits, means.slots, trees,
        )  # fmt: skip
        setting = Setting(
            issue, context, trees, cells, ledger, means.asked("trajectory")[0], events, config.turns,
            clock.trajectories_end, config.issue_tokens, backtrack=config.backtrack,
        )  # fmt: skip
        there = await brought(given, cells, trees, sum(config.strategies.values()) + 1)
        search = _search(setting, means, config, clock, there)
        if triaged is not None:
            await search.decide(Move("triage", triaged.reasoning))
        with clock.stage("search"):
            await search.run()
            await _judge_given(given, search, clock.end)
        choosing = replace(setting, turns=config.selection_turns)
        panel = Panel(
            choosing, search.rule, search.evidence(), config.min_confidence, search.judging.reaching
        )
        with clock.stage("selection"), anyio.CancelScope(deadline=clock.end):
            await _choose(panel, means.asked("selection"), search, config)
        turns = TurnCells(search.judging)
        if config.record_turns:
            with clock.stage("turns"):
                await turns.run(search.trajectory_list(), clock.end)
        every = (*search.trajectory_list(), *search.judging.sources)
        made = Made(every, panel.evidence, tuple(search.decisions))
        solution = conclude(issue, made, panel.ranking, panel.choice, config.min_confidence)
        final = Finish(solution, setting, means, config, clock)
        shown, tests_lost = await final.reproduced()
        words, words_lost = await final.worded()
    crossed = search.judging.crossed
    said = {"opinions": panel.evidence.opinions, "scores": panel.scores, "crossed": crossed}
    solution = solution.model_copy(
        update=ground.spent | turns.record | said | {"reproduction": shown, "words": words}
    )
    hindered = _hindered(solution) or panel.hindered or tests_lost or words_lost
    return solution, not (hindered or _cut_short(solution, clock))


def _search(setting: Setting, means: Means, config: RunConfig, clock: Clock, there: Brought) -> Search:
    cells, trees, assigned = setting.cells, setting.trees, plan(config)
    neighbours = Neighbours(cells, trees, config.regression_seconds)
    style = Style(cells, trees) if config.format else None
    prior, needs = Prior.of(config.prior), needs_of(config)
    reaching = Reaching(Lines(cells)) if config.trace_checks else None
    judging = Judging(cells, trees, neighbours, needs, style, there.sources, there.checks, prior, reaching)
    planning = replace(setting, model=means.asked("plan")[0])
    planned = [one for one in assigned if one.start == "plan"]
    return Search(
        setting,
        means.models,
        composed(config, assigned, means.models),
        Agenda(assigned, config.turns),
        judging,
        clock.end,
        planner=Planner(planning, sampling(config.sampling_of("plan"), 1), planned),
        note_tokens=note_tokens(config),
        rule=find_rule(config.rule),
        method=method_of(config),
        look=_LOOK if config.stragglers == "slow" else math.inf,
    )


async def _judge_given(given: Given, search: Search, end: float) -> None:
    """See that what was given is judged though nothing was searched for, and say what there was."""
    if not given.patches:
        return
    if not search.trajectories:
        await search.judging.judge((), end)
    evidence, checks = search.evidence(), search.judging.checks
    failing = sum(evidence.outcomes.reproduces(check.id) for check in checks)
    told = f"; of {len(checks)} given checks {failing} fail on the untouched code" if checks else ""
    await search.decide(Move("check", f"{given.told}{told}"))


def solution_key(issue: Issue, options: Options, config: RunConfig, given: Given | None = None) -> Key:
    """Return the step of a solution: it depends on all that was given, but not on how fast it is found."""
    file = options.environment_file
    table = file.read_bytes() if file is not None and file.is_file() else b""
    parts = (issue.model_dump_json(), config.identity(), options.model_dump_json(), table)
    return Key(f"{issue.id}/solution", digest(*parts, *([given.model_dump_json()] if given else [])))


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
