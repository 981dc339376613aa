"""The method on one screen: from an issue to one patch with the evidence for it, or none with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio

from swe_scale.adopted import Brought, brought
from swe_scale.assignments import note_tokens, plan, sampling
from swe_scale.building import Builder, Repairer
from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.clock import Clock
from swe_scale.conclusion import Made, conclude, without_candidates
from swe_scale.config import RunConfig, Stage
from swe_scale.context import Wish, find_context
from swe_scale.environment import Options
from swe_scale.errors import BudgetExceeded, unwrapped
from swe_scale.events import Events
from swe_scale.formatting import Style
from swe_scale.given import Given
from swe_scale.judging import Judging
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.models.unasked import Unasked
from swe_scale.planning import Planner
from swe_scale.policy import Move, find_policy
from swe_scale.ranking import Ranking, find_rule
from swe_scale.readers import READER, asked_of, shares_of
from swe_scale.records import Context, Issue, Solution, digest
from swe_scale.regression.neighbours import Neighbours
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend
from swe_scale.search import Search
from swe_scale.selection import Choice, majority, settle, telling
from swe_scale.store import Key, Steps, dumped
from swe_scale.trajectory import Setting
from swe_scale.trees import Trees
from swe_scale.turn_cells import TurnCells

_UNASKED = Unasked()


@dataclass(frozen=True, slots=True)
class Means:
    """What solving needs, opened by the caller and shared by all issues of a run."""

    repository: Repository
    steps: Steps
    backend: Backend
    models: Mapping[str, tuple[Model, ...]]
    """By stage, one or several, and by `strategies.NAME` those that are a strategy's own. None at all where
    everything is given and nothing is asked."""
    options: Options
    """How the environment is found."""
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter

    def asked(self, stage: Stage) -> tuple[Model, ...]:
        """Return the models of a stage: the trajectories' where it has none of its own."""
        return self.models.get(stage) or self.models.get("trajectory") or (_UNASKED,)


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
    clock = Clock(means.steps, means.events, issue.id, config.budget.minutes)
    try:
        with unwrapped():
            async with clock.running():
                solution, lasting = await _solve(issue, means, config, clock, given or Given())
    except BudgetExceeded as error:
        return without_candidates(issue, str(error))
    return await _record(means.steps, key if lasting else provisional_key(key), solution)


async def _solve(
    issue: Issue, means: Means, config: RunConfig, clock: Clock, given: Given
) -> tuple[Solution, bool]:
    """Return the solution, and whether no fault of the infrastructure had a part in it."""
    repository, events = means.repository, means.events
    ledger = Ledger(means.steps, config.budget, config.prices, events, issue.id, shares_of(config))
    trees = Trees(repository, await repository.tree_of(issue.base_commit))
    for note in await repository.notes(trees.base):
        events.emit("note", note, issue.id)
    with clock.bounded_stage("environment"):
        builder = Builder(means.backend, events, _repairer(issue, means, ledger, config))
        environment = await builder.environment(repository, issue.base_commit, means.options)
    with clock.bounded_stage("context"):
        context = await _context(issue, means, ledger, config, clock)
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
        with clock.stage("search"):
            await search.run()
            await _judge_given(given, search, clock.end)
        ranking = search.rule(search.evidence())
        choice = None
        choosing = replace(setting, turns=config.selection_turns)
        with clock.stage("selection"), anyio.CancelScope(deadline=clock.end):
            choice = await _choose(choosing, means.asked("selection"), search, ranking, config)
        turns = TurnCells(search.judging)
        if config.record_turns:
            with clock.stage("turns"):
                await turns.run(search.trajectory_list(), clock.end)
    every = (*search.trajectory_list(), *search.judging.sources)
    made = Made(every, search.evidence(), tuple(search.decisions))
    spent = {"usage": ledger.spent, "stages": dict(ledger.by_stage), "seconds": dict(clock.seconds)}
    solution = conclude(issue, made, ranking, choice, config.min_confidence)
    solution = solution.model_copy(update=spent | turns.record)
    return solution, not (_hindered(solution) or (choice is not None and choice.fault))


def _repairer(issue: Issue, means: Means, ledger: Ledger, config: RunConfig) -> Repairer | None:
    if not means.models:
        return None
    drawn = sampling(config.sampling_of("environment"), 1)
    asked = means.asked("environment")[0]
    return Repairer(asked, ledger, drawn, means.events, issue.id, config.repair_rounds)


def _search(setting: Setting, means: Means, config: RunConfig, clock: Clock, there: Brought) -> Search:
    cells, trees, assigned = setting.cells, setting.trees, plan(config)
    neighbours = Neighbours(cells, trees, config.regression_seconds)
    style = Style(cells, trees) if config.format else None
    judging = Judging(cells, trees, neighbours, config.record_all, style, there.sources, there.checks)
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


async def _context(issue: Issue, means: Means, ledger: Ledger, config: RunConfig, clock: Clock) -> Context:
    """Return the files that all conversations on an issue are shown; none where there will be none."""
    if not means.models:
        return Context(files=(), tokens=0)
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
    level = len(ranking.contested)
    if level < 2:
        await search.decide(Move("stop", "there are no level finalists to tell apart"))
        return None
    if config.selection_turns == 0:
        await search.decide(Move("stop", f"{level} finalists are level, and no model is to tell them apart"))
        return None
    await search.decide(Move("select", f"{level} finalists are level"))
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
