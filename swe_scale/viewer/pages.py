"""What the decision page of one issue is made from: records as they are kept, with what they add up to."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from swe_scale.grades import Grade
from swe_scale.jobs import Task
from swe_scale.records import Completion, Solution
from swe_scale.report import why

_WITHOUT = {"trajectories": {"__all__": {"turns": {"__all__": {"completion": {"logprobs"}}}}}}
"""Numbers that nobody reads, of every token."""


class Record(Protocol):
    """What is recorded of the issues of a run."""

    def solution(self, task: Task) -> Solution | None:
        """Return what came of a task; None where it isn't finished."""
        ...

    def failure(self, task: Task) -> str | None:
        """Return why a task failed, where it did and wasn't solved since."""
        ...

    def grade(self, issue: str, patch: str | None) -> Grade | None:
        """Return how a patch was graded; None where it wasn't."""
        ...

    def selection(self, issue: str) -> Sequence[tuple[str, Completion]]:
        """Return the replies of those that chose among finalists, each with its address."""
        ...


def page_of(task: Task, run: Record, findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the page's record, a JSON value; docs/report-html.md says what it holds.

    Args:
        task: the issue.
        run: where it is recorded.
        findings: signs of a leak that concern it.

    Raises:
        StoreError: the record is damaged, or of another version.
    """
    solution = run.solution(task)
    failure = run.failure(task) if solution is None else None
    page: dict[str, Any] = {
        "issue": task.issue.model_dump(mode="json"),
        "state": _state(solution, failure),
        "failure": failure,
        "findings": list(findings),
        "solution": None,
    }
    return page if solution is None else page | _solved(task, run, solution)


def _state(solution: Solution | None, failure: str | None) -> str:
    if solution is not None:
        return solution.outcome
    return "unstarted" if failure is None else "failed"


def _solved(task: Task, run: Record, solution: Solution) -> dict[str, Any]:
    issue = task.issue.id
    grades = {one.id: run.grade(issue, one.patch) for one in solution.candidates}
    proposed = None if solution.patch is None else run.grade(issue, solution.patch)
    return {
        "solution": solution.model_dump(mode="json", exclude=_WITHOUT),
        "grades": {name: one.model_dump(mode="json") for name, one in grades.items() if one is not None},
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
        "why": {one.candidate: why(solution, one) for one in solution.ranking},
        "selection": [
            (step, reply.model_dump(mode="json", exclude={"logprobs"}))
            for step, reply in run.selection(issue)
        ],
    }
