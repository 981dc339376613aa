"""Carries out `swe-scale estimate`: what a run would cost, before anything of it happens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Group

from swe_scale import batch
from swe_scale.analysis import (
    Answer,
    Assumptions,
    Estimate,
    Range,
    Served,
    check_budget,
    estimate,
    look,
    measure,
    measure_reading,
    with_reading,
)
from swe_scale.cli import naming, settings
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.screen import FAILED, Naming, Screen, interruptible
from swe_scale.cli.strategies import own_models, set_up_lines, strategies_of
from swe_scale.cli.surroundings import options_of, sandbox_of
from swe_scale.config import (
    ModelConfig,
    OpenAIEndpoint,
    RunConfig,
    UserConfig,
    asked_models,
    load_user_config,
)
from swe_scale.environment import Options
from swe_scale.errors import ModelError, SweScaleError, UsageError
from swe_scale.events import printable
from swe_scale.issues import read_issue
from swe_scale.models.serving import prepare
from swe_scale.records import Issue
from swe_scale.repo import Repository, complete_source
from swe_scale.repo.source import redacted
from swe_scale.swebench.questions import read_questions


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be estimated, as given: one issue, or the rows of a file."""

    issue: str | None = None
    repo: str | None = None
    base: str | None = None
    rows: str | None = None
    repos: Path | None = None
    issues: int = 2
    """Rows at a time."""
    rate: float | None = None
    """Completion tokens per second of the whole endpoint."""
    prefill_rate: float | None = None
    """Prompt tokens per second that it reads anew."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What every issue is estimated with."""

    config: RunConfig
    served: Mapping[str, tuple[Served, ...]]
    environment: Options
    assumed: Assumptions

    async def estimate(self, issue: Issue, repository: Repository) -> Estimate:
        """Return what an issue on a resolved commit would cost."""
        sizes = await measure(issue, repository, self.config, self.environment)
        reading = await measure_reading(issue, repository, self.config, self.served)
        sizes = sizes if reading is None else with_reading(sizes, reading, self.config)
        return estimate(sizes, self.config, self.served, self.assumed)


def run_estimate(question: Question, options: SolveOptions, *, json: bool) -> int:
    """Print what a run with these options would cost; no model is called, nothing is built or run.

    Return the exit code: 1 where rows were left out.

    Raises:
        UsageError: what was given can't be used, or the budget is smaller than one call.
        SweScaleError: the issue or its repository can't be had.
    """
    if (question.issue is None) == (question.rows is None):
        raise UsageError("give either an issue, or --rows FILE.")
    screen, answers = Screen.open(json), list[Answer]()

    async def act() -> int:
        answers.append(await _answer(question, options, screen))
        return FAILED if answers[0].left_out else 0

    code = interruptible(act, Naming())
    # Here, where a reader that has left ends the command and nothing else.
    for answer in answers:
        if json:
            screen.document(answer.document())
        else:
            screen.answer.print(Group(*answer.shown()))
    return code


async def _answer(question: Question, options: SolveOptions, screen: Screen) -> Answer:
    user = load_user_config(options.config)
    configured = await _configured(question, options, user, screen)
    looked = await look(configured, user.prices, own=question.rate is not None)
    config = settings.run_config(_placed(options, user, screen), user, configured, looked.shortest)
    for line in (settings.describe(config, looked.shortest), *looked.notes):
        screen.say(line)
    environment = options_of(options, config.sandbox, set_up_lines(config))
    work = _Work(config, looked.served, environment, _assumed(question))
    answer = await (
        _of_issue(question, user, work) if question.rows is None else _of_rows(question, work, screen)
    )
    check_budget(tuple(answer.made.values()), config.budget)
    return answer


async def _configured(
    question: Question, options: SolveOptions, user: UserConfig, screen: Screen
) -> Mapping[str, tuple[ModelConfig, ...]]:
    """Return the models of each stage; of a server that a run would start, what it would be like."""
    own = own_models(options, user)
    if options.serve is None:
        return asked_models(naming.models_of(options, user), own)
    naming.refuse_other_models(options)
    at_a_time = 1 if question.rows is None else question.issues
    wanted = sum(strategies_of(options, user).values()) * at_a_time
    address, length = f"http://{user.serve.host}:{user.serve.port}/v1", user.serve.context
    try:
        launch = await prepare(options.serve, user.serve.model_copy(update={"trajectories": wanted}))
    except ModelError as error:
        screen.say(f"a run can't serve the model here: {error}")
    else:
        address, length = launch.base_url, launch.plan.fit.context if launch.plan.fit else length
    served = OpenAIEndpoint(base_url=address, model=options.serve, context_length=length)
    staged = {**dict.fromkeys(naming.STAGES, (served,)), **naming.reader_of(options, user, served)}
    return asked_models(staged, own)


def _placed(options: SolveOptions, user: UserConfig, screen: Screen) -> SolveOptions:
    """Return the options with a sandbox, even where none works: an estimate runs nothing in it."""
    try:
        return replace(options, sandbox=sandbox_of(options, user).kind)
    except UsageError as error:
        if options.sandbox is not None or user.sandbox is not None:
            raise
        screen.say(f"{str(error).splitlines()[0]} A run needs one; this is for bubblewrap.")
        return replace(options, sandbox="bubblewrap")


def _assumed(question: Question) -> Assumptions:
    given = {"rate": question.rate, "prefill_rate": question.prefill_rate}
    known = {
        name: Range(low=value, likely=value, high=value) for name, value in given.items() if value is not None
    }
    return Assumptions().model_copy(update=known)


async def _of_issue(question: Question, user: UserConfig, work: _Work) -> Answer:
    draft = await read_issue(question.issue or "", user.github)
    source = complete_source(question.repo or draft.clone_url or ".")
    repository = await Repository.open(source, batch.repository_folder(source))
    commit = await repository.resolve(question.base)
    issue = draft.on(redacted(source), commit)
    made = {issue.id: await work.estimate(issue, repository)}
    return Answer(made=made, config=work.config, assumed=work.assumed)


async def _of_rows(question: Question, work: _Work, screen: Screen) -> Answer:
    assert question.rows is not None
    rows = read_questions(question.rows, repos=question.repos)
    made: dict[str, Estimate] = {}
    failures: dict[str, str] = {}
    with screen.progress.status("") as status:
        issues = [one.issue for one in rows.found]
        for number, issue in enumerate(issues, start=1):
            status.update(printable(f"{number} of {len(issues)}: {issue.id}"))
            try:
                made[issue.id] = await _of_row(issue, work)
            except SweScaleError as error:
                failures[issue.id] = str(error)
    if not made:
        first, why = next(iter(failures.items()))
        raise UsageError(f"no row can be estimated; {first}: {why}")
    return Answer(
        made=made,
        config=work.config,
        assumed=work.assumed,
        at_a_time=question.issues,
        failures=failures,
        unusable=rows.faults,
    )


async def _of_row(issue: Issue, work: _Work) -> Estimate:
    repository = await Repository.open(issue.repo, batch.repository_folder(issue.repo))
    commit = await repository.resolve(issue.base_commit)
    return await work.estimate(issue.model_copy(update={"base_commit": commit}), repository)
