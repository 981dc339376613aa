"""Reads an export back: the solutions of a run, one at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from swe_scale.analysis.exporting.formats import Format, read_rows
from swe_scale.analysis.exporting.tables import SOLUTION, TABLES, Row
from swe_scale.analysis.exporting.writing import MANIFEST, VERSION, Exported
from swe_scale.errors import StoreError, UsageError
from swe_scale.records import Solution

_PARTS = ("candidates", "trajectories", "turns", "checks", "verdicts", "turn_verdicts", "decisions")
_ADDED = {
    "candidates": ("issue", "patch_id"),
    "trajectories": ("issue", "patch_id", "turns"),
    "turns": ("issue", "patch_id", "trajectory", "turn"),
    "checks": ("issue",),
    "verdicts": ("issue", "exit_code", "seconds"),
    "turn_verdicts": ("issue", "exit_code", "seconds"),
    "decisions": ("issue",),
}
"""Columns of a table that its record hasn't: they say where a row belongs, or what can be computed."""


def read_export(folder: Path) -> Iterator[Solution]:
    """Yield the solutions of an export, equal to those of its run; issues without one are left out.

    Args:
        folder: that `export_run` wrote, with all tables that make a solution.

    Raises:
        UsageError: there is no whole export in it, or tables are missing.
        StoreError: it can't be read, is damaged, or of a newer version.
    """
    form = _manifest(folder).format
    try:
        yield from _solutions(folder, form)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # pydantic's and pyarrow's errors are among these.
        raise StoreError(f"the export in {folder} can't be read: {error}. Export the run again.") from error


def _manifest(folder: Path) -> Exported:
    file = folder / MANIFEST
    try:
        found = Exported.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"there is no whole export in {folder}: {file} doesn't exist.") from error
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} can't be read: {error}.") from error
    if found.version > VERSION:
        raise StoreError(f"the export in {folder} was written by a newer swe-scale: update swe-scale.")
    if missing := [name for name in ("issues", *_PARTS) if name not in found.rows]:
        raise UsageError(f"the export in {folder} lacks the table {missing[0]}: export all tables.")
    return found


class _Cursor:
    """The rows of a table, taken issue by issue in the order in which they lie there."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def take(self, issue: str) -> list[Row]:
        """Return the rows of the next issue, if it is this one."""
        found = []
        while self._next is not None and self._next["issue"] == issue:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found


def _solutions(folder: Path, form: Format) -> Iterator[Solution]:
    cursors = {name: _Cursor(read_rows(folder / f"{name}.{form}", TABLES[name])) for name in _PARTS}
    for row in read_rows(folder / f"issues.{form}", TABLES["issues"]):
        if row["outcome"] in ("proposed", "abstained"):
            parts = {name: cursor.take(row["issue"]) for name, cursor in cursors.items()}
            yield _solution(row, parts)


def _solution(row: Row, parts: dict[str, list[Row]]) -> Solution:
    turns: dict[int, list[Row]] = {}
    for one in parts["turns"]:
        turns.setdefault(one["trajectory"], []).append(_turn(one))
    return Solution.model_validate(
        # An older export may lack columns that came later.
        {name: row[name] for name in ("issue", *SOLUTION) if name in row}
        | {
            "candidates": [_renamed("candidates", one, candidate="id") for one in parts["candidates"]],
            "checks": [_renamed("checks", one, check="id") for one in parts["checks"]],
            "verdicts": [_renamed("verdicts", one) for one in parts["verdicts"]],
            "turn_verdicts": [_renamed("turn_verdicts", one) for one in parts["turn_verdicts"]],
            "decisions": [_renamed("decisions", one) for one in parts["decisions"]],
            "trajectories": [
                _renamed("trajectories", one, trajectory="index")
                | {"turns": turns.get(one["trajectory"], [])}
                for one in parts["trajectories"]
            ],
        }
    )


def _turn(one: Row) -> Row:
    row = _renamed("turns", one)
    return row | {"completion": row["completion"] | {"text": row.pop("reply")}}


def _renamed(table: str, row: Row, **names: str) -> dict[str, Any]:
    """Return what a row holds of its record, columns by the names of the record's fields."""
    return {names.get(name, name): value for name, value in row.items() if name not in _ADDED[table]}
