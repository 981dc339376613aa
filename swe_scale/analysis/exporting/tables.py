"""The tables of an export: their columns, and the rows that an issue has in each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from swe_scale.grades import Grade, patch_id
from swe_scale.jobs import Task
from swe_scale.records import Record, Solution, Trajectory, Turn, Verdict
from swe_scale.store import Entry

Type = Literal["text", "int", "float", "bool", "json"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; any value may be missing (null) where docs/export.md says so."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a file of the export."""

    name: str
    columns: tuple[Column, ...]


def _table(name: str, **columns: Type) -> Table:
    return Table(name, tuple(Column(one, kind) for one, kind in columns.items()))


ISSUES = _table(
    "issues",
    issue="text", repo="text", base_commit="text", title="text", body="text", comments="json", labels="json",
    images="json", outcome="text", reason="text", patch="text", patch_id="text", candidate="text",
    confidence="float", ranking="json", usage="json", stages="json", seconds="json", diversity="json",
    crossed="json", reached="json", styled="json", forms="json", opinions="json", scores="json",
    reproduction="json", words="json", spans="json",
)  # fmt: skip
CANDIDATES = _table(
    "candidates", issue="text", candidate="text", patch="text", patch_id="text", authors="json", shown="json"
)
TRAJECTORIES = _table(
    "trajectories",
    issue="text", trajectory="int", strategy="text", model="text", sampling="json", plan="text", began="text",
    shown="json", turns="int", tree="text", patch="text", patch_id="text", check="json", outcome="text",
    error="text", usage="json", account="json",
)  # fmt: skip
TURNS = _table(
    "turns",
    issue="text", trajectory="int", turn="int", asked="json", reply="text", completion="json", action="text",
    untouched="json", edited="json", check="json", tree="text", patch="text", patch_id="text", note="text",
)  # fmt: skip
CHECKS = _table(
    "checks",
    issue="text", check="text", kind="text", author="int", language="text", foreign="bool", script="text",
)  # fmt: skip
_VERDICT: Mapping[str, Type] = {
    "issue": "text", "candidate": "text", "check": "text", "repeat": "int", "outcome": "text",
    "flags": "json", "broken": "json", "exit_code": "int", "seconds": "float", "execution": "json",
}  # fmt: skip
VERDICTS, TURN_VERDICTS = (_table(name, **_VERDICT) for name in ("verdicts", "turn_verdicts"))
DECISIONS = _table(
    "decisions",
    issue="text", number="int", action="text", reason="text", trajectory="int", turns="int", finished="json",
)  # fmt: skip
LEDGER = _table(
    "ledger",
    issue="text", stage="text", path="text", settled="bool", calls="int", prompt_tokens="int",
    cached_tokens="int", written_tokens="int", completion_tokens="int", reasoning_tokens="int",
    seconds="float", usd="float",
)  # fmt: skip
GRADES = _table(
    "grades",
    issue="text", patch_id="text", official="text", hardened="text", official_details="json",
    hardened_details="json", flaky="json", runs="int", seconds="float", test_seconds="float", rules="text",
    repo="text", difficulty="text",
)  # fmt: skip

TABLES: Mapping[str, Table] = {
    one.name: one
    for one in (
        ISSUES, CANDIDATES, TRAJECTORIES, TURNS, CHECKS, VERDICTS, TURN_VERDICTS, DECISIONS, LEDGER, GRADES,
    )
}  # fmt: skip
"""By name, in the order in which they are documented."""

SOLUTION = (
    "outcome", "reason", "patch", "candidate", "confidence", "ranking", "usage", "stages", "seconds",
    "diversity", "crossed", "reached", "styled", "forms", "opinions", "scores",
    "reproduction", "words",
)  # fmt: skip
"""Fields of a solution that are columns of `issues`; the others are tables of their own."""


def _json(record: Record, *without: str) -> Row:
    return record.model_dump(mode="json", exclude=set(without))


def _patched(patch: str | None) -> str | None:
    return None if patch is None else patch_id(patch)


def issue_row(task: Task, solution: Solution | None, failure: str | None) -> Row:
    """Return an issue's row of `issues`, the spans left to the caller."""
    row = {"issue": task.issue.id, **_json(task.issue, "id")}
    if solution is None:
        outcome = "unstarted" if failure is None else "failed"
        return row | {"outcome": outcome, "reason": failure or ""}
    told = solution.model_dump(mode="json", include=set(SOLUTION))
    return row | told | {"patch_id": _patched(solution.patch)}


def rows_of(solution: Solution) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a solution, each with the name of its table."""
    for candidate in solution.candidates:
        row = _json(candidate, "id") | {"candidate": candidate.id, "patch_id": patch_id(candidate.patch)}
        yield "candidates", row
    for trajectory in solution.trajectories:
        yield "trajectories", _trajectory(trajectory)
        for number, turn in enumerate(trajectory.turns, start=1):
            yield "turns", {"trajectory": trajectory.index, "turn": number, **_turn(turn)}
    for check in solution.checks:
        yield "checks", _json(check, "id") | {"check": check.id}
    for verdict in solution.verdicts:
        yield "verdicts", _verdict(verdict)
    for verdict in solution.turn_verdicts:
        yield "turn_verdicts", _verdict(verdict)
    for decision in solution.decisions:
        yield "decisions", _json(decision)


def _trajectory(one: Trajectory) -> Row:
    row = _json(one, "index", "turns")
    return row | {"trajectory": one.index, "turns": len(one.turns), "patch_id": patch_id(one.patch)}


def _turn(one: Turn) -> Row:
    row = _json(one)
    reply = row["completion"].pop("text")
    return row | {"reply": reply, "patch_id": patch_id(one.patch)}


def _verdict(one: Verdict) -> Row:
    return _json(one) | {"exit_code": one.execution.exit_code, "seconds": one.execution.seconds}


def ledger_row(entry: Entry) -> Row:
    """Return a row of `ledger`."""
    issue, _, rest = entry.path.partition("/")
    about = {"issue": issue, "stage": rest.partition("/")[0], "path": entry.path, "settled": entry.settled}
    return about | _json(entry.usage)


def grade_row(grade: Grade) -> Row:
    """Return a row of `grades`."""
    row = _json(grade, "instance", "patch", "official", "hardened")
    return row | {
        "issue": grade.instance,
        "patch_id": grade.patch,
        "official": grade.official.ruling,
        "hardened": grade.hardened.ruling,
        "official_details": _json(grade.official, "ruling"),
        "hardened_details": _json(grade.hardened, "ruling"),
    }
