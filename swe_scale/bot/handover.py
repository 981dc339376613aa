"""What solving hands to delivering: a file of which the job that holds the token believes nothing."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from swe_scale.bot.evidence import Evidence, evidence_of
from swe_scale.bot.files import read_bounded
from swe_scale.config import explain
from swe_scale.errors import UsageError
from swe_scale.records import Issue, Record, Solution, Usage

_LARGEST = 16 << 20
_COMMIT = r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$"
_LONGEST = 4000
_LONGEST_FAULT = 500
_LONGEST_SUMMARY = 300
_MOST_SPENT = 1 << 53


class Told(Record):
    """What a model says of a change; nobody has checked it."""

    summary: str = Field(default="", max_length=_LONGEST_SUMMARY)
    paragraph: str = Field(default="", max_length=_LONGEST)


class Handover(Record):
    """One issue's answer, without anything that an agent could have written by the page."""

    version: Literal[1] = 1
    issue: str = Field(max_length=200)
    """Its id; which issue is delivered to, the one who delivers says himself."""
    title: str = Field(max_length=300)
    """Of the issue, as it was when it was read."""
    words: Told = Told()
    """Of the change."""
    base_commit: str = Field(pattern=_COMMIT)
    """On which the patch was made and judged."""
    outcome: Literal["proposed", "abstained"]
    patch: str | None
    confidence: float = Field(ge=0, le=1)
    reason: str = Field(max_length=_LONGEST)
    evidence: Evidence = Evidence()
    usage: Usage = Usage()
    unchecked: tuple[str, ...] = Field(default=(), max_length=20)
    """What was not looked at, a line each."""
    warnings: tuple[str, ...] = Field(default=(), max_length=20)
    """What a reader should know of the issue's text, such as words that are meant for a model."""
    seconds: int = Field(ge=0, lt=1 << 32)
    """When it was solved, since the epoch: a delivery that is made again makes the same commit."""

    @field_validator("usage")
    @classmethod
    def _possible(cls, usage: Usage) -> Usage:
        if not all(0 <= value < _MOST_SPENT for value in usage.model_dump().values()):
            raise ValueError("nobody spends that much, or less than nothing")
        return usage

    @property
    def digest(self) -> str:
        """Name of this answer: equal ones are delivered once."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def handover_of(solution: Solution, issue: Issue, seconds: int, warnings: tuple[str, ...] = ()) -> Handover:
    """Return what is handed on of a solution.

    Args:
        solution: the answer.
        issue: what was solved.
        seconds: when, since the epoch.
        warnings: of the issue's text.
    """
    return Handover(
        issue=issue.id,
        title=issue.title[:300],
        words=_told(solution),
        base_commit=issue.base_commit,
        outcome=solution.outcome,
        patch=solution.delivered,
        confidence=solution.confidence,
        reason=solution.reason[:_LONGEST],
        evidence=evidence_of(solution),
        usage=solution.usage,
        unchecked=_unchecked(solution),
        warnings=warnings[:20],
        seconds=seconds,
    )


def _told(solution: Solution) -> Told:
    if solution.words is None:
        return Told()
    words = solution.words
    return Told(summary=words.summary[:_LONGEST_SUMMARY], paragraph=words.paragraph[:_LONGEST])


def _unchecked(solution: Solution) -> tuple[str, ...]:
    """Return what nothing was run for."""
    kinds = {check.kind for check in solution.checks}
    found = []
    if "regression" not in kinds:
        found.append("None of the project's own tests was run: none was found near the change that runs.")
    if not kinds - {"regression"}:
        found.append("There is no check that shows the issue: none that was written can be used.")
    if solution.reproduction is not None and not solution.reproduction.tests:
        found.append(f"No test of the issue is added: {solution.reproduction.fault[:_LONGEST_FAULT]}.")
    return tuple(found)


def read_handover(path: Path) -> Handover:
    """Return what was handed on.

    Raises:
        UsageError: there is no such file, it is too large, or has another form.
    """
    data = read_bounded(path, _LARGEST, "handover")
    try:
        return Handover.model_validate_json(data)
    except ValidationError as error:
        said = explain(error)
        raise UsageError(f"{path} is not what `swe-scale run --handover` writes:\n{said}") from error
