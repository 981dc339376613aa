"""Carries out `swe-scale replay`: reads a run and its grades, replays issue by issue, tells the figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swe_scale.analysis.replay import IssueScores, Label, Labels, Method, Plan, Point, replay_issue
from swe_scale.analysis.replay_figures import differences, figures
from swe_scale.analysis.runs import Run, open_run
from swe_scale.cli.replay_answer import Answer, Row, document, lines
from swe_scale.cli.replay_notes import notes
from swe_scale.cli.screen import Screen
from swe_scale.errors import UsageError
from swe_scale.policy import find_policy
from swe_scale.ranking import Prior, find_rule

_RUNS = Path("runs")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be replayed, as given."""

    run: str
    rule: str | None
    """None: that of the run."""
    policy: str
    samples: str
    turns: str
    against: str | None
    repetitions: int
    seed: int


def run_replay(wish: Wish, *, json: bool) -> int:
    """Replay a run and print what came of it; return the exit code.

    Raises:
        UsageError: there is no such run, rule or policy; it has no grades; more is asked than is recorded.
        ExtensionError: a rule or policy of another package failed.
        StoreError: the record can't be read.
    """
    screen = Screen.open(json)
    folder = Path(wish.run) if "/" in wish.run else _RUNS / wish.run
    with open_run(folder) as run:
        plan = _plan(wish, run)
        if not run.grades:
            raise _ungraded(wish.run, "has no grades")
        issues = [replay_issue(one, _labels(run, one.issue), plan) for one in run.solutions()]
        failed = len(run.job.tasks) - len(issues)
    _check(issues, plan, wish.run)
    answer = Answer(run.name, plan, _rows(issues, plan), notes(issues, plan, failed))
    if json:
        screen.document(document(answer))
    else:
        for line in lines(answer):
            screen.answer.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _plan(wish: Wish, run: Run) -> Plan:
    config = run.job.config
    methods = [_method(wish.rule or config.rule, wish.policy)]
    if wish.against is not None:
        rule, _, policy = wish.against.partition(",")
        methods.append(_method(rule.strip(), policy.strip() or "fixed"))
    if config.score is None and any(one.rule == "scored" for one in methods):
        raise UsageError(f"{wish.run} has no scores to rank by: no verifier was named when it was made.")
    given = max((task.given.sources for task in run.job.tasks if task.given), default=0)
    most = sum(config.strategies.values()) + given
    samples = _numbers("--samples", wish.samples, most, "trajectories")
    longest = max((config.turns_of(name) for name in config.strategies), default=1)
    turns = _numbers("--turns", wish.turns, longest, "turns")
    points = tuple(Point(one, cut) for one in samples for cut in turns)
    return Plan(tuple(methods), points, wish.repetitions, wish.seed, Prior.of(config.prior))


def _method(rule: str, policy: str) -> Method:
    return Method(rule, policy, find_rule(rule), find_policy(policy))


def _numbers(option: str, text: str, most: int, what: str) -> tuple[int | None, ...]:
    """Return the numbers of a list; `all` is None.

    Raises:
        UsageError: it is no such list, or asks for more than there can be.
    """
    found: list[int | None] = []
    for part in (one.strip() for one in text.split(",")):
        if part != "all" and not (part.isascii() and part.isdigit() and int(part[:9]) > 0 and len(part) < 9):
            raise UsageError(f"{option} {text!r}: write numbers from 1, such as 1,2,4, or all.")
        found.append(None if part == "all" else int(part))
        if found[-1] is not None and found[-1] > most:
            raise UsageError(f"{option} {part}: the run has at most {most} {what} of an issue.")
    return tuple(dict.fromkeys(found))


def _labels(run: Run, issue: str) -> Labels:
    def label(patch: str) -> Label | None:
        grade = run.grade(issue, patch)
        if grade is None or "infra" in (grade.hardened.ruling, grade.official.ruling):
            return None
        return Label(grade.hardened.ruling == "resolved", grade.official.ruling == "resolved")

    return label


def _check(issues: Sequence[IssueScores], plan: Plan, name: str) -> None:
    """Refuse to show figures of nothing.

    Raises:
        UsageError: nothing could be looked up, or more is asked than is recorded.
    """
    if not issues:
        raise UsageError(f"{name} has no finished issue yet: go on with swe-scale resume {name}.")
    most = max(one.recorded for one in issues)
    for point in plan.points:
        if point.samples is not None and point.samples > most:
            raise UsageError(
                f"--samples {point.samples}: at most {most} trajectories of an issue are recorded."
            )
    if not any(one.scores for one in issues):
        raise _ungraded(name, "has a candidate without a grade in every draw")


def _ungraded(name: str, lacking: str) -> UsageError:
    return UsageError(f"{name} {lacking}: make them by swe-scale grade {name} --candidates --turns.")


def _rows(issues: Sequence[IssueScores], plan: Plan) -> tuple[Row, ...]:
    return tuple(
        Row(
            tuple(figures(issues, point, number, plan.seed) for number in range(len(plan.methods))),
            differences(issues, point, plan.seed) if len(plan.methods) > 1 else {},
        )
        for point in plan.points
    )
