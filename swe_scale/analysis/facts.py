"""What figures need of each issue of a run, read one issue at a time: texts and patches are let go of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from swe_scale.analysis.leaks import Finding, Severity, find_leaks
from swe_scale.analysis.runs import Run
from swe_scale.analysis.subsets import chosen_of, draws_of, sizes_of
from swe_scale.grades import Grade, patch_id
from swe_scale.jobs import Task
from swe_scale.ranking import find_rule, rank
from swe_scale.records import Diversity, Solution, Trajectory

Way = Literal["official", "hardened"]
WAYS: tuple[Way, ...] = ("official", "hardened")
CERTAINTY: Mapping[Severity, int] = {"certain": 0, "likely": 1, "note": 2}
_FINDINGS = 100
"""Signs of a leak that are kept of one issue."""


@dataclass(frozen=True, slots=True)
class View:
    """What one way of grading says of one issue's patches."""

    proposal: str
    """`resolved`, `unresolved` or `infra`; empty where it has no grade. Nothing proposed isn't resolved."""
    known: bool
    """Whether the proposal and all candidates have a ruling, and the issue is finished."""
    random: float
    """Share of resolved candidates, weighted by trajectories; 0 where there is none."""
    finals: tuple[bool, ...]
    """Of each trajectory, whether its candidate is resolved; one without a candidate isn't."""
    turns: tuple[tuple[bool | None, ...], ...]
    """Of each trajectory, the same of its patch after each turn; None where it has no ruling."""
    ranked: Mapping[int, float]
    """Share of subsets of so many trajectories whose best ranked candidate is resolved."""

    @property
    def resolved(self) -> bool:
        """Whether the proposal is resolved."""
        return self.proposal == "resolved"

    @property
    def covered(self) -> bool:
        """Whether any candidate is resolved."""
        return any(self.finals)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one issue of a run."""

    issue: str
    repo: str
    difficulty: str
    outcome: Literal["proposed", "abstained", "failed", "unstarted"]
    reason: str
    views: Mapping[Way, View]
    confidence: float = 0.0
    trajectories: int = 0
    candidates: int = 0
    seconds: Mapping[str, float] | None = None
    """Wall clock by stage. None: not finished."""
    diversity: Diversity | None = None
    findings: tuple[Finding, ...] = ()
    """Signs that its answer was looked up or remembered, certain ones first."""
    findings_left_out: int = 0

    @property
    def finished(self) -> bool:
        """Whether it has a solution."""
        return self.outcome in ("proposed", "abstained")


def facts_of(run: Run) -> Iterator[Fact]:
    """Yield what is known of each issue, in the run's order.

    Raises:
        StoreError: the record is damaged, or of another version.
        UsageError: the rule is another package's, which isn't here.
        ExtensionError: it can't be loaded.
    """
    tasks = run.job.tasks
    samples = sum(run.job.config.strategies.values())
    sizes, draws = sizes_of(samples, len(tasks)), draws_of(len(tasks))
    rule = find_rule(run.job.config.rule) if run.grades else rank
    difficulties = {issue: one.difficulty for (issue, _), one in run.grades.items() if one.difficulty}
    names = {issue: one.repo for (issue, _), one in run.grades.items() if one.repo}
    for task in tasks:
        issue = task.issue.id
        solution = run.solution(task)
        about = (issue, names.get(issue) or short_repo(task.issue.repo), difficulties.get(issue, ""))
        if solution is None:
            yield _unfinished(run, task, about)
            continue
        findings = sorted(find_leaks(solution, task.issue), key=lambda one: CERTAINTY[one.severity])
        chosen = chosen_of(solution, sizes, draws, rule) if run.grades else {}
        yield Fact(
            *about,
            outcome=solution.outcome,
            reason=solution.reason,
            views={way: _view(run, solution, way, chosen) for way in WAYS} if run.grades else {},
            confidence=solution.confidence,
            trajectories=len(solution.trajectories),
            candidates=len(solution.candidates),
            seconds=solution.seconds,
            diversity=solution.diversity,
            findings=tuple(findings[:_FINDINGS]),
            findings_left_out=max(0, len(findings) - _FINDINGS),
        )


def short_repo(repo: str) -> str:
    """Return the repository's name: the last two parts of its path or address."""
    return "/".join(repo.removesuffix("/").removesuffix(".git").split("/")[-2:])


def ruling(grade: Grade | None, way: Way) -> str:
    """Return how a way of grading ruled; empty where there is no grade."""
    return "" if grade is None else getattr(grade, way).ruling


def _unfinished(run: Run, task: Task, about: tuple[str, str, str]) -> Fact:
    failure = run.failure(task)
    nothing = View("unresolved", known=False, random=0.0, finals=(), turns=(), ranked={})
    views = dict.fromkeys(WAYS, nothing) if run.grades else {}
    return Fact(*about, "unstarted" if failure is None else "failed", failure or "", views)


def _view(run: Run, solution: Solution, way: Way, chosen: Mapping[int, Sequence[str | None]]) -> View:
    label = partial(_label, run, solution.issue, way)
    labels = {one.id: label(one.patch) for one in solution.candidates}
    mine = {author: labels[one.id] for one in solution.candidates for author in one.authors}
    proposal = "unresolved"
    if solution.patch is not None and solution.patch.strip():
        proposal = ruling(run.grade(solution.issue, solution.patch), way)
    weights = {one.id: max(1, len(one.authors)) for one in solution.candidates}
    return View(
        proposal=proposal,
        known=None not in labels.values() and proposal in ("resolved", "unresolved"),
        random=sum(weights[name] for name, good in labels.items() if good) / max(1, sum(weights.values())),
        finals=tuple(bool(mine.get(one.index)) for one in solution.trajectories),
        turns=tuple(tuple(_turns(one, mine, label)) for one in solution.trajectories),
        ranked={
            size: sum(bool(name and labels[name]) for name in names) / len(names)
            for size, names in chosen.items()
        },
    )


def _turns(
    one: Trajectory, mine: Mapping[int, bool | None], label: "partial[bool | None]"
) -> Iterator[bool | None]:
    # A candidate may be the trajectory's tree after the project's formatter: its grade is the last turn's.
    final = mine.get(one.index, False)
    last = patch_id(one.patch)
    for turn in one.turns:
        yield final if patch_id(turn.patch) == last else label(turn.patch)


def _label(run: Run, issue: str, way: Way, patch: str) -> bool | None:
    """Return whether a patch is resolved; an empty one isn't, and None is unknown."""
    if not patch.strip():
        return False
    said = ruling(run.grade(issue, patch), way)
    return None if said in ("", "infra") else said == "resolved"
