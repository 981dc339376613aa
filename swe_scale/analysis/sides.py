"""Reads what is compared: a run, a file of grades, or a file of predictions with its grades beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from swe_scale.analysis.costs import Books
from swe_scale.analysis.facts import WAYS, Way, ruling
from swe_scale.analysis.runs import Run, open_run
from swe_scale.errors import UsageError
from swe_scale.grades import FILE, Grade, patch_id, read_grades
from swe_scale.records import Usage

_LONGEST = 1 << 28
"""Characters of a line, or of a JSON document, at most."""
_RULED = ("resolved", "unresolved")


@dataclass(frozen=True, slots=True)
class Side:
    """One of those that are compared."""

    name: str
    resolved: Mapping[Way, Mapping[str, bool]]
    """By way of grading and issue; only where there is a ruling."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Issues that it has without a ruling by both ways, and why."""
    costs: Mapping[str, Usage] | None = None
    """By issue. None: nothing is known of what it cost."""

    @property
    def issues(self) -> frozenset[str]:
        """All issues that it has."""
        return frozenset(self.unknown) | {issue for told in self.resolved.values() for issue in told}


def read_side(path: Path) -> Side:
    """Return one of those that are compared.

    Args:
        path: a run's folder, a file of grades with one patch per issue, or a file of predictions beside
            which `grades.jsonl` lies.

    Raises:
        UsageError: it is none of these, or nothing of it is graded.
        StoreError: it can't be read.
    """
    if path.is_file():
        side = _of_file(path)
    else:
        with open_run(path) as run:
            side = _of_run(run)
    if not any(side.resolved.values()):
        raise UsageError(
            f"{path}: nothing of it is graded; do that first: swe-scale grade {path} --dataset …"
        )
    return side


def _of_run(run: Run) -> Side:
    found: dict[str, Grade | str | None] = {}
    for task in run.job.tasks:
        issue, solution = task.issue.id, run.solution(task)
        if solution is None:
            found[issue] = "failed, or has no solution yet"
        elif solution.patch is None or not solution.patch.strip():
            found[issue] = None
        else:
            found[issue] = run.grade(issue, solution.patch) or "its patch has no grade"
    return _side(run.name, found, Books.of(run.entries()).by_issue())


def _of_file(path: Path) -> Side:
    first = next(_rows(path), {})
    name = path.stem if path.name != FILE else path.absolute().parent.name
    if "rules" in first:
        return _side(name, _of_grades(path))
    grades = read_grades(path.with_name(FILE))
    found: dict[str, Grade | str | None] = {}
    for row in _rows(path):
        issue, patch = row.get("instance_id"), row.get("model_patch") or ""
        if not isinstance(issue, str) or not isinstance(patch, str):
            raise UsageError(f"{path} holds neither grades nor predictions (instance_id, model_patch).")
        graded = grades.get((issue, patch_id(patch))) or "its patch has no grade"
        found[issue] = graded if patch.strip() else None
    return _side(name, found)


def _of_grades(path: Path) -> dict[str, Grade | str | None]:
    found: dict[str, Grade | str | None] = {}
    for (issue, _), grade in read_grades(path).items():
        if issue in found:
            raise UsageError(
                f"{path} holds grades of several patches of {issue}: name the run's folder, or a file of "
                "predictions beside it."
            )
        found[issue] = grade
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file, or of a JSON file with a list or a table of them."""
    try:
        with path.open(encoding="utf-8") as file:
            one_document = file.read(1) == "[" or path.suffix == ".json"
            file.seek(0)
            for row in _document(file) if one_document else _lines(file):
                if isinstance(row, dict):
                    yield row
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read as JSON or JSON Lines: {error}.") from error


def _document(file: TextIO) -> Iterator[Any]:
    text = file.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters; JSON Lines may be as long as they like")
    whole = json.loads(text)
    yield from whole.values() if isinstance(whole, dict) else whole


def _lines(file: TextIO) -> Iterator[Any]:
    # A line that is longer than any is cut, and then isn't JSON.
    for line in iter(lambda: file.readline(_LONGEST), ""):
        if line.strip():
            yield json.loads(line)


def _side(
    name: str, found: Mapping[str, Grade | str | None], costs: Mapping[str, Usage] | None = None
) -> Side:
    """Return a side by its grades; None is an issue without a patch, a text one of which nothing is known."""
    resolved: dict[Way, dict[str, bool]] = {way: {} for way in WAYS}
    unknown: dict[str, str] = {}
    for issue, told in found.items():
        if isinstance(told, str):
            unknown[issue] = told
            continue
        rulings = {way: "unresolved" if told is None else ruling(told, way) for way in WAYS}
        for way, said in rulings.items():
            if said in _RULED:
                resolved[way][issue] = said == "resolved"
        if not any(said in _RULED for said in rulings.values()):
            unknown[issue] = "the machine failed while it was graded"
    return Side(name, resolved, unknown, costs)
