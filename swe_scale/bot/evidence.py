"""What speaks for a patch, small enough to be handed on and shown below it."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from swe_scale.ranking import Outcomes, shortest_telling
from swe_scale.records import BASE, Check, CheckKind, Outcome, Ranked, Record, Solution

_MOST_ROWS = 10
_MOST_COLUMNS = 20
_LONGEST_SCRIPT = 6000
_LONGEST_REASON = 2000
_LONGEST_ID = 400
_MOST_ADDED = 5

Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class Row(Record):
    """A candidate: what the checks said of it, and where it stands."""

    trajectories: Count
    """Those that brought it."""
    posterior: float = Field(ge=0, le=1)
    broken: Count
    """Tests of the repository that it breaks and that aren't excused."""
    cells: tuple[Outcome | None, ...]
    """By column; None where it wasn't run."""


class Column(Record):
    """A check that was written for the issue, or given."""

    kind: CheckKind
    untouched: Outcome | None
    """What it says of the untouched code."""


class Evidence(Record):
    """Candidates × checks, those that say most of the one that is proposed."""

    rows: tuple[Row, ...] = Field(default=(), max_length=_MOST_ROWS)
    """Best first; the first is the one that is proposed."""
    columns: tuple[Column, ...] = Field(default=(), max_length=_MOST_COLUMNS)
    candidates: Count = 0
    """All of them, shown or not."""
    checks: Count = 0
    trajectories: Count = 0
    tests: Count = 0
    """Files of the repository's own tests that were run."""
    script: str = Field(default="", max_length=_LONGEST_SCRIPT)
    """A check that fails on the untouched code and passes with the patch; empty if there is none."""
    language: str = Field(default="", max_length=40)
    """Of the script."""
    added: tuple[Annotated[str, Field(max_length=_LONGEST_ID)], ...] = Field(
        default=(), max_length=_MOST_ADDED
    )
    """Ids of the project's tests that fail without the patch, pass with it, and come with it."""
    reason: str = Field(default="", max_length=_LONGEST_REASON)
    """Why the candidate was chosen, in the ranking's words."""


def evidence_of(solution: Solution) -> Evidence:
    """Return what is shown of a solution's evidence."""
    outcomes = Outcomes(solution.verdicts)
    distinct = list({check.id: check for check in solution.checks}.values())
    own = [check for check in distinct if check.kind != "regression"]
    ranking = sorted(solution.ranking, key=lambda one: one.candidate != solution.candidate)
    shown = sorted(own, key=lambda check: not outcomes.reproduces(check.id))[:_MOST_COLUMNS]
    short = (check for check in own if len(check.script) <= _LONGEST_SCRIPT)
    added = solution.reproduction.tests if solution.reproduction else ()
    script = shortest_telling(short, outcomes, solution.candidate or "")
    return Evidence(
        rows=tuple(_row(solution, one, shown, outcomes) for one in ranking[:_MOST_ROWS]),
        columns=tuple(Column(kind=one.kind, untouched=outcomes.of(BASE, one.id)) for one in shown),
        candidates=len(solution.candidates),
        checks=len(own),
        trajectories=len(solution.trajectories),
        tests=len(distinct) - len(own),
        script=script.script if script else "",
        language=script.language if script else "",
        added=tuple(one[:_LONGEST_ID] for one in added[:_MOST_ADDED]),
        reason="; ".join(ranking[0].reasons)[:_LONGEST_REASON] if ranking else "",
    )


def _row(solution: Solution, one: Ranked, shown: Sequence[Check], outcomes: Outcomes) -> Row:
    authors = next((each.authors for each in solution.candidates if each.id == one.candidate), ())
    return Row(
        trajectories=len(authors),
        posterior=one.posterior,
        broken=max(0, one.broken - one.excused),
        cells=tuple(outcomes.of(one.candidate, check.id) for check in shown),
    )
